"""A run's choices as a message and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reel2sim.scene.errors import UsageError
from reel2sim.v1 import common_pb2 as common

if TYPE_CHECKING:
    from reel2sim.generation.controls import Controls
    from reel2sim.generation.setting import Setting
    from reel2sim.pipeline.config import PipelineConfig

DEVICES = {"auto": common.DEVICE_UNSPECIFIED, "cpu": common.DEVICE_CPU, "cuda": common.DEVICE_CUDA}
PRESETS = {
    "draft": common.PRESET_DRAFT,
    "standard": common.PRESET_STANDARD,
    "high": common.PRESET_HIGH,
}
_OPTIONAL = ("backend", "material", "density", "name", "max_size")
_BACKGROUNDS = {
    "none": common.BACKGROUND_NONE,
    "floor": common.BACKGROUND_FLOOR,
    "room": common.BACKGROUND_ROOM,
}
_LIGHTINGS = {
    "studio": common.LIGHTING_STUDIO,
    "daylight": common.LIGHTING_DAYLIGHT,
    "overcast": common.LIGHTING_OVERCAST,
    "evening": common.LIGHTING_EVENING,
    "random": common.LIGHTING_RANDOM,
}
_SAID = ("negative_prompt", "orbit")
_NUMBERS = (
    "steps", "guidance", "motion", "fps", "frames", "width", "height", "window", "overlap",
    "interpolate", "upscale",
)  # fmt: skip
SENT_CONTROLS = (*_SAID, *_NUMBERS)
"""Fields of Controls that a message can carry: those that name no file and no model."""
SENT_PICTURES = ("first_frame", "last_frame", "reference")
"""Fields of Controls that name a file, of which a message carries the digest."""
GENERATION = "config.generation"
"""Where requests have their GenerationOptions."""


def pipeline_config(
    message: common.JobConfig, pictures: Mapping[str, Path] | None = None
) -> PipelineConfig:
    """The configuration a message stands for; what it leaves unset keeps its default.

    Args:
        message: of a request.
        pictures: where the pictures lie that it names, by field of GenerationOptions.
    """
    from reel2sim.pipeline.config import PipelineConfig

    presets = {number: name for name, number in PRESETS.items()}
    devices = {number: name for name, number in DEVICES.items()}
    config = PipelineConfig(
        preset=presets.get(message.preset, "standard"),  # type: ignore[arg-type]
        seed=message.seed,
        device=devices[message.device],  # type: ignore[arg-type]
    )
    given: dict[str, Any] = {name: getattr(message, name) for name in _OPTIONAL}
    config = replace(config, **{name: value for name, value in given.items() if value})
    if not message.HasField("generation"):
        return config
    controls = generation_controls(message.generation, pictures)
    return replace(
        config,
        setting=generation_setting(message.generation),
        controls=controls if controls.given() else None,
    )


def generation_setting(options: common.GenerationOptions) -> Setting:
    """Place, light and camera that a message asks for.

    Raises:
        UsageError: if its sensor is none.
    """
    from reel2sim.generation.setting import Setting

    given: dict[str, Any] = {"sensor": options.sensor}
    for field, names in (("background", _BACKGROUNDS), ("lighting", _LIGHTINGS)):
        given[field] = {number: name for name, number in names.items()}.get(getattr(options, field))
    return Setting(**{name: value for name, value in given.items() if value})


def pictures_of(options: common.GenerationOptions) -> dict[str, common.ArtifactRef]:
    """The pictures that a message names, by field."""
    return {name: getattr(options, name) for name in SENT_PICTURES if options.HasField(name)}


def generation_controls(
    options: common.GenerationOptions, pictures: Mapping[str, Path] | None = None
) -> Controls:
    """What a message asks of a generator.

    Args:
        options: the message.
        pictures: where the pictures lie that it names, by field; others are left out.

    Raises:
        UsageError: if a number is out of its range.
    """
    from reel2sim.generation.controls import Controls

    given: dict[str, Any] = {name: getattr(options, name) for name in _SAID}
    given |= {name: getattr(options, name) for name in _NUMBERS if options.HasField(name)}
    given |= {name: str(path) for name, path in (pictures or {}).items()}
    return Controls(**given)


def job_config(
    config: PipelineConfig, pictures: Mapping[str, common.ArtifactRef] | None = None
) -> common.JobConfig:
    """The message that stands for ``config``.

    How large previews are is not part of it. Files and models that controls name are of this
    machine.

    Args:
        config: choices.
        pictures: artifacts that are sent for the pictures that controls name, by field.

    Raises:
        UsageError: if controls name a file or a model for which nothing is sent.
    """
    given: dict[str, Any] = {name: getattr(config, name) or None for name in _OPTIONAL}
    if config.setting is not None or config.controls is not None:
        given["generation"] = generation_options(config.setting, config.controls, pictures)
    return common.JobConfig(
        preset=PRESETS[config.preset], seed=config.seed, device=DEVICES[config.device], **given
    )


def generation_options(
    setting: Setting | None,
    controls: Controls | None,
    pictures: Mapping[str, common.ArtifactRef] | None = None,
) -> common.GenerationOptions:
    """The message that stands for both.

    Args:
        setting: place, light and camera.
        controls: what is asked of the generator.
        pictures: artifacts that are sent for the pictures that controls name, by field.

    Raises:
        UsageError: if controls name a file or a model for which nothing is sent.
    """
    sent = pictures or {}
    given: dict[str, Any] = {}
    if setting is not None:
        given |= {
            "background": _BACKGROUNDS[setting.background],
            "lighting": _LIGHTINGS[setting.lighting],
            "sensor": "" if setting.sensor == "none" else setting.sensor,
        }
    if controls is not None:
        for name in controls.given():
            if name not in SENT_CONTROLS and name not in sent:
                raise UsageError("cannot be asked of a server", field=name)
        given |= {name: getattr(controls, name) for name in SENT_CONTROLS}
        given |= {name: sent[name] for name in controls.given() if name in sent}
    return common.GenerationOptions(**given)
