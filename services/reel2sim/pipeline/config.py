"""What a user chooses for a run, and how it becomes each stage's own configuration."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from reel2sim.scene.errors import UsageError

if TYPE_CHECKING:
    from reel2sim.generation.controls import Controls
    from reel2sim.generation.setting import Setting

Preset = Literal["draft", "standard", "high"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """Choices that hold for the whole chain.

    Attributes:
        preset: effort. ``draft`` for a look, ``standard`` for results, ``high`` for the best.
        seed: of every random draw; the same seed gives the same bundle.
        device: ``auto`` takes CUDA where it and gsplat are there, else the CPU.
        name: of the object; "" takes it from the source's file name or the prompt.
        backend: generation backend for a prompt.
        setting: place, light and camera of what is generated; None takes the usual ones.
        controls: what is asked of it beyond the prompt; None asks nothing.
        material: what the object is made of, such as ``"wood"``; "" lets the rigging choose.
        density: kg/m³ instead of the material's; None keeps that.
        max_size: largest image side to work at, pixels; None takes the preset's.
        preview_frames: most frames shown in the preview and the report.
        preview_size: largest side of a preview picture, pixels.
    """

    preset: Preset = "standard"
    seed: int = 0
    device: Device = "auto"
    name: str = ""
    backend: str = "scripted"
    setting: Setting | None = None
    controls: Controls | None = None
    material: str = ""
    density: float | None = None
    max_size: int | None = None
    preview_frames: int = 24
    preview_size: int = 512

    def __post_init__(self) -> None:
        for field, value, known in (
            ("preset", self.preset, get_args(Preset)),
            ("device", self.device, get_args(Device)),
        ):
            if value not in known:
                raise UsageError(
                    f"{value!r} is not one of {', '.join(known)}", source="config", field=field
                )
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"{self.seed} is not in 0..2³²−1", source="config", field="seed")
        if self.max_size is not None and self.max_size < 16:
            raise UsageError("must be at least 16 pixels", source="config", field="max_size")
        if self.preview_frames < 1 or self.preview_size < 16:
            raise UsageError(
                "needs at least 1 frame of 16 pixels", source="config", field="preview"
            )
        if self.name and self.name != file_safe_name(self.name):
            raise UsageError(
                f"{self.name!r} is not a name",
                source="config",
                field="name",
                remedy=f"use a letter, then letters, digits and underscores, such as "
                f"{file_safe_name(self.name)!r}",
            )

    def object_name(self, *, source: Path | None, prompt: str | None) -> str:
        """The object's name: as given, else made from the source's file name or the prompt."""
        if self.name:
            return self.name
        return file_safe_name(prompt or "" if source is None else source.resolve().stem)


def file_safe_name(text: str) -> str:
    """A name of a letter followed by letters, digits and underscores, at most 48 long."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()[:48].strip("_")
    if not words:
        return "object"
    return words if words[0].isalpha() else f"object_{words}"


def with_known_fields(config: Any, **choices: Any) -> Any:
    """``config`` with those of ``choices`` replaced that it has a field for and that are set."""
    fields = {f.name for f in dataclasses.fields(config)}
    return dataclasses.replace(
        config, **{k: v for k, v in choices.items() if k in fields and v not in ("", None)}
    )
