"""The ``diffusers`` backend: any video pipeline of the library that is installed."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from reel2sim.generation.backend import Capabilities, GeneratedReel, GenerationConfig
from reel2sim.generation.clips import covering, read_picture, reel_of_clip
from reel2sim.generation.controls import Controls, refuse_others
from reel2sim.generation.diffusion.mapping import (
    ALL_TAKEN,
    arguments,
    check_inputs,
    parameter,
    pictures,
    reference,
    taken,
)
from reel2sim.generation.diffusion.windows import Plan, joined, plan
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import (
    ExhaustedError,
    MissingDependencyError,
    Reel2SimError,
    StageError,
    UsageError,
)
from reel2sim.scene.progress import Progress, subrange

MODEL_VARIABLE = "REEL2SIM_DIFFUSERS_MODEL"
"""Environment variable that names the model unless a control does."""
_NEEDED = ("diffusers", "transformers", "accelerate", "safetensors")
_OVERLAP = 4


class DiffusersBackend:
    """Text, a picture or a video to a clip, by a pipeline from a folder or a hub."""

    @property
    def capabilities(self) -> Capabilities:
        """What some pipeline can do; which of it a model can, it says when it is asked."""
        lacking = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
        missing = "pip install 'reel2sim[generate]'" if lacking else ""
        model = os.environ.get(MODEL_VARIABLE)
        return Capabilities(
            name="diffusers",
            modalities=("text", "image", "video"),
            controls=("what the model's pipeline has: see docs/generation.md",),
            max_frames=10_000,
            cameras_known=False,
            needs_gpu=False,
            notes=f"model {model}" if model else f"name a model: --model, or ${MODEL_VARIABLE}",
            takes=ALL_TAKEN,
            missing=missing,
        )

    def generate(
        self, prompt: str, *, config: GenerationConfig, progress: Progress
    ) -> GeneratedReel:
        """Make a clip: one stream without cameras.

        Raises:
            UsageError: if no model is named, or it lacks a control that is asked.
            PromptError: if the pipeline needs a prompt, or reads none.
            InputError: if the model cannot be loaded.
            StageError: if the pipeline fails.
        """
        controls = config.controls
        model = controls.model or os.environ.get(MODEL_VARIABLE, "")
        if not model:
            raise UsageError(
                "no model is named",
                field="model",
                remedy=f"pass --model with a folder or an id such as owner/name, or set "
                f"{MODEL_VARIABLE}",
            )
        from reel2sim.generation.diffusion.index import read_index

        progress("generation", 0.0, f"reading {model}")
        index = read_index(model)
        from reel2sim.generation.diffusion.load import continued_by, load

        who = f"{index.class_name} of {model}"
        refuse_others(controls, taken(index, continues=bool(continued_by(index))), who=who)
        check_inputs(index, prompt, controls)
        progress("generation", 0.01, f"loading {index.class_name}")
        loaded = load(index, device=controls.device, memory=controls.memory or "auto")
        making = _Making(loaded, prompt, controls, config.seed, subrange(progress, 0.1, 1.0))
        frames = making.redrawn() if controls.video else making.clip()
        fps = controls.fps or index.rate
        if controls.video:
            fps = making.video_fps
        return GeneratedReel(
            reel_of_clip(frames, fps=fps, source="diffusers", prompt=prompt), truth=None
        )


@dataclass
class _Making:
    """One clip in the making."""

    loaded: Any
    prompt: str
    controls: Controls
    seed: int
    progress: Progress
    video_fps: float = 0.0

    def clip(self) -> Array:
        """Frames ``(n, h, w, 3)`` uint8, in windows if they are many."""
        from reel2sim.generation.diffusion.load import continuation, continued_by

        controls, loaded = self.controls, self.loaded
        usual = loaded.usual_frames
        wanted = controls.frames or usual
        how = plan(
            wanted,
            window=controls.window or max(usual, 2),
            overlap=controls.overlap or _OVERLAP,
            step=loaded.frame_step,
        )
        if len(how.starts) > 1 and not continued_by(loaded.index):
            raise UsageError(
                f"is {wanted}, more than the {how.window} of one window, and "
                f"{loaded.index.class_name} cannot go on from a picture",
                field="frames",
                remedy="take an image-to-video model, or fewer frames and --interpolate",
            )
        done: list[Array] = []
        subject = self._picture(controls.reference)
        after = loaded
        for k, start in enumerate(how.starts):
            after = continuation(loaded) if k == 1 else after
            first = done[-1][-how.overlap] if k else self._picture(controls.first_frame)
            is_last = k == len(how.starts) - 1
            last = self._picture(controls.last_frame) if is_last else None
            share = subrange(self.progress, k / len(how.starts), (k + 1) / len(how.starts))
            ends = pictures(after.index, first, last, how.window)
            more = {after.index.frames_parameter: how.window, **ends}
            more |= reference(after.index, subject)
            done.append(self._called(after, more, window=k, progress=share))
            self.progress("generation", (k + 1) / len(how.starts), f"frame {start + how.window}")
        return self._joined(done, how)

    def redrawn(self) -> Array:
        """The video that the controls name, redrawn by a video-to-video pipeline."""
        from pathlib import Path

        from PIL import Image

        from reel2sim.generation.clips import clip_of_reel
        from reel2sim.media import load_video

        frames, self.video_fps = clip_of_reel(load_video(Path(self.controls.video)))
        return self.redraw([Image.fromarray(frame) for frame in frames])

    def redraw(self, given: list[Any]) -> Array:
        """Pictures of PIL redrawn: as many frames of their size."""
        step = self.loaded.frame_step
        padded = given + [given[-1]] * (1 + step * -(-(len(given) - 1) // step) - len(given))
        size = {"width": given[0].width, "height": given[0].height}
        have = {name: value for name, value in size.items() if name in self.loaded.index.parameters}
        more = {"video": padded, **have}
        more |= reference(self.loaded.index, self._picture(self.controls.reference))
        if name := self.loaded.index.frames_parameter:
            more[name] = len(padded)
        made = self._called(self.loaded, more, window=0, progress=self.progress)
        return made[: len(given)]

    def _picture(self, path: str) -> Array | None:
        controls = self.controls
        if not path:
            return None
        width, height = controls.width, controls.height
        if not parameter(self.loaded.index, "width"):
            width = height = None
        return read_picture(path, width=width, height=height)

    def _called(
        self, loaded: Any, more: dict[str, Any], *, window: int, progress: Progress
    ) -> Array:
        """One call of the pipeline: frames ``(n, h, w, 3)`` uint8."""
        import torch

        index = loaded.index
        # Numbers drawn on the CPU are the same on every device.
        seed = int(np.random.SeedSequence([self.seed, window]).generate_state(1, np.uint64)[0] >> 1)
        given = {
            **arguments(index, self.prompt, self.controls),
            **more,
            "generator": torch.Generator("cpu").manual_seed(seed),
            "output_type": "np",
        }
        steps = given.get("num_inference_steps") or _default(index, "num_inference_steps", 50)
        if "callback_on_step_end" in index.parameters:

            def told(_: Any, step: int, __: Any, values: dict[str, Any]) -> dict[str, Any]:
                progress("generation", (step + 1) / (steps + 1), f"step {step + 1} of {steps}")
                return values

            given["callback_on_step_end"] = told
        try:
            made = loaded.pipeline(**given).frames
        except Reel2SimError:
            raise
        except (torch.cuda.OutOfMemoryError, MemoryError) as cause:
            raise ExhaustedError(
                "memory is full",
                source=index.class_name,
                remedy="pass --memory low, or fewer frames or smaller pictures",
            ) from cause
        except ValueError as cause:
            # Pipelines look at their arguments first and say so with this.
            raise UsageError(f"refuses: {cause}", source=index.class_name) from cause
        except ImportError as cause:
            raise MissingDependencyError(
                str(cause), source=index.class_name, remedy="pip install 'reel2sim[generate]'"
            ) from cause
        except RuntimeError as cause:
            raise StageError(f"failed: {cause}", source=index.class_name) from cause
        return _bytes(made[0], index.class_name)

    def _joined(self, windows: list[Array], how: Plan) -> Array:
        if min(map(len, windows)) < how.window:
            raise StageError(
                f"gave {min(map(len, windows))} frames for {how.window}",
                source=self.loaded.index.class_name,
            )
        height, width = windows[0].shape[1:3]
        same = [
            window
            if window.shape[1:3] == (height, width)
            else np.stack([covering(frame, width, height) for frame in window])
            for window in windows
        ]
        clip = joined([window[: how.window] for window in same], how)
        if not self.controls.last_frame:
            return clip[: how.frames]
        # The end was asked for: what is too much is left out along the way.
        return clip[np.linspace(0, len(clip) - 1, how.frames).round().astype(int)]


def _default(index: Any, name: str, otherwise: int) -> int:
    value = index.parameters[name].default if name in index.parameters else otherwise
    return value if isinstance(value, int) else otherwise


def _bytes(frames: Any, who: str) -> Array:
    values = np.asarray(frames, dtype=np.float32)
    if values.ndim != 4 or values.shape[-1] != 3 or len(values) < 2:
        raise StageError(f"gave an array of shape {values.shape}, no clip", source=who)
    if not np.isfinite(values).all():
        raise StageError("gave numbers that are not finite", source=who)
    return np.rint(np.clip(values, 0.0, 1.0) * 255.0).astype(np.uint8)
