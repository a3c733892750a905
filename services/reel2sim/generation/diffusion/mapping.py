"""Controls as arguments of a pipeline: those that its signature has, by whatever name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reel2sim.generation.controls import Controls
from reel2sim.generation.diffusion.index import Index
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import PromptError, UsageError

_NAMES: Mapping[str, tuple[str, ...]] = {
    "negative_prompt": ("negative_prompt",),
    "first_frame": ("image", "conditions"),
    "last_frame": ("last_image", "conditions"),
    "reference": ("reference_images",),
    "video": ("video",),
    "orbit": ("prompt",),
    "steps": ("num_inference_steps",),
    "guidance": ("guidance_scale", "max_guidance_scale"),
    "motion": ("motion_bucket_id",),
    "fps": ("frame_rate", "fps"),
    "frames": ("num_frames", "video_length", "frames"),
    "width": ("width",),
    "height": ("height",),
}
"""What a control may be called in a signature, the first that is there wins."""
_WITHIN = ("model", "memory")
"""Controls of the backend itself, which no pipeline has to know."""
_LONG = ("window", "overlap")
_MOTION_BUCKETS = 255
_ORBIT = "The camera slowly circles the subject, which stands still, once around."


def parameter(index: Index, control: str) -> str:
    """The pipeline's name for ``control``, or "" if it has none."""
    if control == "first_frame" and "conditions" in index.parameters:
        return "conditions"
    return next((name for name in _NAMES[control] if name in index.parameters), "")


def taken(index: Index, *, continues: bool) -> tuple[str, ...]:
    """The controls that a pipeline has.

    Args:
        index: of the pipeline.
        continues: whether clips longer than a window can be made with it.
    """
    found = tuple(name for name in _NAMES if parameter(index, name))
    return (*_WITHIN, *found, *(_LONG if continues else ()))


ALL_TAKEN = (*_WITHIN, *_NAMES, *_LONG)
"""The controls that some pipeline has."""


def check_inputs(index: Index, prompt: str, controls: Controls) -> None:
    """Refuse a call that lacks what the pipeline needs, or gives it words that it cannot read.

    Raises:
        UsageError: if it needs a picture or a video and none is given.
        PromptError: if it needs a prompt and there is none, or has none and there is one.
    """
    name = index.class_name
    needed = index.parameters.get("image")
    if needed is not None and needed.default is needed.empty and not controls.first_frame:
        raise UsageError(
            f"{name} begins with a picture", field="first_frame", remedy="pass --first-frame FILE"
        )
    if not index.frames_parameter and not controls.video:
        raise UsageError(f"{name} redraws a video", field="video", remedy="pass --video FILE")
    if prompt.strip() and "prompt" not in index.parameters:
        raise PromptError(
            f"{name} reads no prompt", source="prompt", remedy="leave it out; the picture says all"
        )
    if not prompt.strip() and "prompt" in index.parameters and not controls.orbit:
        raise PromptError("is empty", source="prompt", remedy=f"{name} needs one")


def arguments(index: Index, prompt: str, controls: Controls) -> dict[str, Any]:
    """The arguments that hold for every window of a clip."""
    given: dict[str, Any] = {}
    for control in ("negative_prompt", "steps", "guidance", "fps", "width", "height"):
        value = getattr(controls, control)
        if value not in (None, ""):
            name = parameter(index, control)
            whole = name == "fps"  # conditions on whole frames a second less one
            given[name] = round(value) if whole else value
    if controls.motion is not None:
        given[parameter(index, "motion")] = round(controls.motion * _MOTION_BUCKETS)
    if "prompt" in index.parameters:
        given["prompt"] = " ".join(part for part in (prompt, controls.orbit and _ORBIT) if part)
    return given


def reference(index: Index, picture: Array | None) -> dict[str, Any]:
    """The argument that shows the subject; none for the class that goes on from a window.

    Args:
        index: of the pipeline.
        picture: ``(h, w, 3)`` uint8, or None.
    """
    from PIL import Image

    name = parameter(index, "reference")
    return {name: [Image.fromarray(picture)]} if name and picture is not None else {}


def pictures(index: Index, first: Array | None, last: Array | None, count: int) -> dict[str, Any]:
    """The arguments that give a window its ends.

    Args:
        index: of the pipeline.
        first: picture ``(h, w, 3)`` uint8 it begins with, or None.
        last: picture it ends with, or None.
        count: its frames.
    """
    from PIL import Image

    ends = {"first_frame": first, "last_frame": last}
    found = {name: Image.fromarray(image) for name, image in ends.items() if image is not None}
    if "conditions" not in index.parameters:
        return {parameter(index, name): image for name, image in found.items()}
    if not found:
        return {}
    from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition

    at = {"first_frame": 0, "last_frame": count - 1}
    return {
        "conditions": [
            LTXVideoCondition(image=image, frame_index=at[name]) for name, image in found.items()
        ]
    }
