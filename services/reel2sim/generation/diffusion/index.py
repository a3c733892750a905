"""What a saved pipeline is, read from its index before any of it is loaded."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from reel2sim.scene.errors import InputError, NotFoundError, UsageError

INDEX = "model_index.json"
_FRAMES = ("num_frames", "video_length", "frames")
_WEIGHTS = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Endings of weights that are pickles: reading one runs whatever its author wrote."""
_RATES = {
    "Wan": 16.0,
    "CogVideoX": 8.0,
    "HunyuanVideo": 24.0,
    "Mochi": 30.0,
    "Allegro": 15.0,
    "Latte": 8.0,
    "AnimateDiff": 8.0,
    "Sana": 16.0,
}
"""Frames a second of what the models of a family learned from, where no argument says it."""
_USUAL_RATE = 16.0


@dataclass(frozen=True)
class Index:
    """A saved pipeline.

    Attributes:
        model: folder or id on a hub.
        revision: of the id, or None.
        folder: where it lies, or None if on a hub.
        class_name: of the pipeline.
    """

    model: str
    revision: str | None
    folder: Path | None
    class_name: str

    @cached_property
    def kind(self) -> type[Any]:
        """The class of the pipeline."""
        import diffusers

        return getattr(diffusers, self.class_name)

    @cached_property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        """Arguments of a call of the pipeline, by name."""
        return inspect.signature(self.kind.__call__).parameters

    @property
    def frames_parameter(self) -> str:
        """Which argument says how many frames; "" if none does."""
        return next((name for name in _FRAMES if name in self.parameters), "")

    @property
    def rate(self) -> float:
        """Frames a second unless asked otherwise."""
        for name in ("frame_rate", "fps"):
            if name in self.parameters:
                return float(self.parameters[name].default)
        found = (rate for family, rate in _RATES.items() if self.class_name.startswith(family))
        return next(found, _USUAL_RATE)


def read_index(model: str, *, field: str = "model") -> Index:
    """Find out what ``model`` is.

    Args:
        model: folder, or id on a hub as ``owner/name`` or ``owner/name@revision``.
        field: is named in errors.

    Raises:
        NotFoundError: if there is no such model, or the hub cannot be reached.
        InputError: if it is no pipeline, brings code of its own, or has its weights in pickles.
        UsageError: if its pipeline makes no video, or this version of diffusers lacks it.
    """
    folder = Path(model)
    if folder.is_dir():
        document = _local(folder)
        _refuse_pickles(folder, document)
        index = Index(model, None, folder, _class_name(document, model))
    else:
        name, _, revision = model.partition("@")
        document = _from_hub(name, revision or None, field)
        index = Index(name, revision or None, None, _class_name(document, model))
    _refuse_foreign_code(document, model)
    _refuse_no_video(index, field)
    return index


def _local(folder: Path) -> Mapping[str, Any]:
    path = folder / INDEX
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"is no saved pipeline: it has no {INDEX}",
            source=folder,
            remedy="name a folder that a diffusers pipeline's save_pretrained() wrote",
        ) from None
    except (OSError, ValueError) as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause
    if not isinstance(document, dict):
        raise InputError("is not an object", source=path)
    return document


def _from_hub(name: str, revision: str | None, field: str) -> Mapping[str, Any]:
    parts = name.split("/")
    if len(parts) != 2 or not all(parts) or name.startswith((".", "~")):
        raise NotFoundError(
            "is neither a folder nor an id such as owner/name", source=name, field=field
        )
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline

    try:
        return dict(DiffusionPipeline.load_config(name, revision=revision))  # type: ignore[arg-type]
    except (OSError, ValueError) as cause:
        raise NotFoundError(
            f"cannot be fetched: {_first_line(cause)}",
            source=name,
            field=field,
            remedy="check the id and the network, or download it and name its folder",
        ) from cause


def _class_name(document: Mapping[str, Any], model: str) -> str:
    name = document.get("_class_name")
    if not isinstance(name, str):
        raise InputError(
            "names no pipeline of diffusers; code that comes with a model is never run",
            source=model,
            field="_class_name",
        )
    return name


def _components(document: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Library and class of every component that is there."""
    pairs = {name: value for name, value in document.items() if isinstance(value, list)}
    return {
        name: (str(value[0]), str(value[1]))
        for name, value in pairs.items()
        if len(value) == 2 and value[0] is not None
    }


def _refuse_foreign_code(document: Mapping[str, Any], model: str) -> None:
    from diffusers import pipelines

    for name, (library, kind) in _components(document).items():
        if library not in ("diffusers", "transformers") and not hasattr(pipelines, library):
            raise InputError(
                f"is {library}.{kind}, code that comes with the model, which is never run",
                source=model,
                field=name,
                remedy="take a model whose parts are of diffusers and transformers",
            )


def _refuse_pickles(folder: Path, document: Mapping[str, Any]) -> None:
    for name in _components(document):
        files = [path for path in (folder / name).rglob("*") if path.is_file()]
        pickles = [path for path in files if path.suffix in _WEIGHTS]
        if pickles and not any(path.suffix == ".safetensors" for path in files):
            raise InputError(
                "is a pickle, which can run code as it is read; only safetensors are",
                source=pickles[0],
                remedy="save the pipeline again with save_pretrained(safe_serialization=True)",
            )


def _refuse_no_video(index: Index, field: str) -> None:
    import diffusers
    from diffusers.pipelines.pipeline_utils import DiffusionPipeline

    kind = getattr(diffusers, index.class_name, None)
    if not inspect.isclass(kind) or not issubclass(kind, DiffusionPipeline):
        raise UsageError(
            f"is a {index.class_name}, which diffusers {diffusers.__version__} does not have",
            source=index.model,
            field=field,
        )
    if not index.frames_parameter and "video" not in index.parameters:
        raise UsageError(
            f"is a {index.class_name}, which makes no video",
            source=index.model,
            field=field,
            remedy="take a text-to-video or image-to-video pipeline, such as those of Wan, "
            "CogVideoX, LTX or Stable Video Diffusion",
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
