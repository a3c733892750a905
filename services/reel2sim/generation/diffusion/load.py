"""Saved pipelines into memory: safetensors only, no code of theirs, as much memory as allowed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reel2sim.generation.diffusion.index import Index
from reel2sim.scene.errors import InputError, Reel2SimError

_CONTINUED_BY = {"LTXPipeline": "LTXImageToVideoPipeline"}
"""Text-to-video pipelines whose parts, as they are, also make a pipeline that takes a picture."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A pipeline that is ready to be called.

    Attributes:
        index: what it is.
        pipeline: the object of diffusers.
        device: where it works.
    """

    index: Index
    pipeline: Any
    device: str

    @property
    def frame_step(self) -> int:
        """Frames come in numbers of one plus a multiple of this."""
        for name in ("vae_scale_factor_temporal", "vae_temporal_compression_ratio"):
            value = getattr(self.pipeline, name, None)
            if isinstance(value, int) and value >= 1:
                return value
        return 1

    @property
    def usual_frames(self) -> int:
        """Frames of a clip as the model learned them."""
        name = self.index.frames_parameter
        default = self.index.parameters[name].default if name else None
        if isinstance(default, int):
            return default
        parts = [getattr(self.pipeline, part, None) for part in ("transformer", "unet")]
        configs = [getattr(part, "config", None) for part in parts]
        for key in ("sample_frames", "num_frames", "video_length"):
            found = [value for c in configs if isinstance(value := getattr(c, key, None), int)]
            if found:
                return found[0]
        return 49


def continued_by(index: Index) -> str:
    """Class of the pipeline that goes on from a picture with the same parts, or ""."""
    if any(name in index.parameters for name in ("image", "conditions")):
        return index.class_name
    return _CONTINUED_BY.get(index.class_name, "")


def continuation(loaded: Loaded) -> Loaded:
    """The pipeline that goes on from a picture, of the same parts."""
    import diffusers

    name = continued_by(loaded.index)
    if name == loaded.index.class_name:
        return loaded
    made = getattr(diffusers, name)(**loaded.pipeline.components)
    made.set_progress_bar_config(disable=True)
    index = loaded.index
    return Loaded(Index(index.model, index.revision, index.folder, name), made, loaded.device)


def load(index: Index, *, device: str, memory: str) -> Loaded:
    """Load a pipeline; the last one stays in memory for the next call.

    Args:
        index: which.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        memory: ``"auto"``, ``"low"`` or ``"full"``; see :class:`Controls`.

    Raises:
        InputError: if a part of it cannot be read.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return _loaded(index, _state(index), device, memory)


def _state(index: Index) -> tuple[tuple[str, int, int], ...]:
    """What tells a folder from what it was before: names, sizes and times of its files."""
    if index.folder is None:
        return ()
    files = sorted(path for path in index.folder.rglob("*") if path.is_file())
    stats = [(str(path), path.stat()) for path in files]
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


@lru_cache(maxsize=1)
def _loaded(index: Index, state: object, device: str, memory: str) -> Loaded:
    import diffusers
    import torch
    import transformers

    # Their bars would break ours, and steps are reported anyway.
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    half = device == "cuda" or memory == "low"
    usual = torch.bfloat16 if half else torch.float32
    # Decoders of video in half precision show bands and blocks.
    types = {"default": usual, "vae": torch.float32} if half else usual
    try:
        pipeline = index.kind.from_pretrained(
            index.folder or index.model,
            revision=index.revision,
            dtype=types,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=index.folder is not None,
        )
    except Reel2SimError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, ImportError) as cause:
        raise InputError(
            f"cannot be loaded: {' '.join(str(cause).split())[:400]}", source=index.model
        ) from cause
    pipeline.set_progress_bar_config(disable=True)
    _place(pipeline, device, memory)
    return Loaded(index, pipeline, device)


def _place(pipeline: Any, device: str, memory: str) -> None:
    if memory == "low" and hasattr(pipeline, "vae"):
        for name in ("enable_tiling", "enable_slicing"):
            if hasattr(pipeline.vae, name):
                getattr(pipeline.vae, name)()
    if device != "cuda":
        return
    if memory == "full":
        pipeline.to("cuda")
    elif memory == "low":
        pipeline.enable_sequential_cpu_offload()
    else:
        pipeline.enable_model_cpu_offload()
