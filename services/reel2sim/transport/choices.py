"""A run's choices as a message and back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reel2sim.v1 import common_pb2 as common

if TYPE_CHECKING:
    from reel2sim.pipeline.config import PipelineConfig

_DEVICES = {"auto": common.DEVICE_UNSPECIFIED, "cpu": common.DEVICE_CPU, "cuda": common.DEVICE_CUDA}
_PRESETS = {
    "draft": common.PRESET_DRAFT,
    "standard": common.PRESET_STANDARD,
    "high": common.PRESET_HIGH,
}
_OPTIONAL = ("backend", "material", "density", "name", "max_size")


def pipeline_config(message: common.JobConfig) -> PipelineConfig:
    """The configuration a message stands for; what it leaves unset keeps its default."""
    from reel2sim.pipeline.config import PipelineConfig

    presets = {number: name for name, number in _PRESETS.items()}
    devices = {number: name for name, number in _DEVICES.items()}
    config = PipelineConfig(
        preset=presets.get(message.preset, "standard"),  # type: ignore[arg-type]
        seed=message.seed,
        device=devices[message.device],  # type: ignore[arg-type]
    )
    given: dict[str, Any] = {name: getattr(message, name) for name in _OPTIONAL}
    return replace(config, **{name: value for name, value in given.items() if value})


def job_config(config: PipelineConfig) -> common.JobConfig:
    """The message that stands for ``config``; how large previews are is not part of it."""
    given: dict[str, Any] = {name: getattr(config, name) or None for name in _OPTIONAL}
    return common.JobConfig(
        preset=_PRESETS[config.preset], seed=config.seed, device=_DEVICES[config.device], **given
    )
