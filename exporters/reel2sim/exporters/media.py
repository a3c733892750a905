"""Pictures and facts about the run that go into a bundle beside the asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import ExportError, InputError


@dataclass(frozen=True, eq=False)
class BundleMedia:
    """Rendered frames for the preview and the report.

    Attributes:
        times_s: ``(k,)``, ascending, seconds.
        input_frames: what went in, ``(k, h, w, 3)`` uint8 sRGB.
        reconstructed: the surfels from the same cameras, ``(k, h, w, 3)`` uint8 sRGB.
        parts: the links in distinct colours, ``(k, h, w, 3)`` uint8 sRGB.
        fps: playback rate of the preview, frames per second.
        sheet: parts and joints drawn over some frames of what went in, in one picture of any
            size ``(sheet_h, sheet_w, 3)`` uint8 sRGB, or None.
    """

    times_s: Array
    input_frames: Array
    reconstructed: Array
    parts: Array
    fps: float
    sheet: Array | None = None

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        times = checked("BundleMedia.times_s", self.times_s, ("k",), sizes=sizes)
        pictures: dict[str, Array] = {}
        for name in ("input_frames", "reconstructed", "parts"):
            pictures[name] = checked(
                f"BundleMedia.{name}",
                getattr(self, name),
                ("k", "h", "w", 3),
                dtype=np.uint8,
                sizes=sizes,
            )
        if self.sheet is not None:
            pictures["sheet"] = checked(
                "BundleMedia.sheet",
                self.sheet,
                ("sheet_h", "sheet_w", 3),
                dtype=np.uint8,
                sizes=sizes,
            )
        if not len(times) or sizes["h"] < 2 or sizes["w"] < 2:
            raise InputError("needs at least one frame of 2×2 pixels", source="BundleMedia")
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise InputError("must be positive", source="BundleMedia", field="fps")
        assign(self, times_s=times, **pictures)


@dataclass(frozen=True)
class StageRecord:
    """What one stage did.

    Attributes:
        name: such as ``"reconstruction"``.
        version: of the stage's algorithm.
        config: all its options as plain JSON values.
        seconds: wall clock.
        peak_memory_mb: peak resident memory of the process during the stage, MB.
        metrics: figures of the result, the same on every run of the same input.
    """

    name: str
    version: str
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Edited:
    """Changes made by hand, so that they can be made again.

    Attributes:
        source: name of what was changed.
        digest: sha256 of its content, hex.
        edits: the changes in order, as plain JSON values.
    """

    source: str
    digest: str
    edits: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Provenance:
    """Where a bundle came from.

    Attributes:
        source: the input's name as the user gave it.
        input_digest: sha256 of the input, hex, or "".
        prompt: text the input was generated from, if any.
        seed: the seed of the run.
        preset: name of the preset.
        stages: what each stage did, in order.
        edited: what was changed by hand afterwards; None if nothing was.
    """

    source: str = ""
    input_digest: str = ""
    prompt: str | None = None
    seed: int = 0
    preset: str = ""
    stages: tuple[StageRecord, ...] = ()
    edited: Edited | None = None

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ExportError(f"stage names are not unique: {names}", source="Provenance")
