"""What a set's page tells of one bundle, read from the bundle's own small files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from reel2sim.exporters.manifest import MANIFEST
from reel2sim.exporters.thumbnail import THUMBNAIL
from reel2sim.scene import JointType


@dataclass(frozen=True, kw_only=True)
class SetJoint:
    """A moving joint.

    Attributes:
        name: of the joint, after its asset's if the bundle is of a scene.
        confidence: 0..1.
        observed: whether it was seen to move.
    """

    name: str
    confidence: float
    observed: bool


@dataclass(frozen=True, kw_only=True)
class SetRow:
    """One bundle, or what became of one that is not there.

    Attributes:
        name: shown to people.
        folder: the bundle; None if there is none.
        source: file or prompt it was made from; "" if not known.
        state: whether it is there and can be read.
        reason: why it is not; "" if it is.
        joints: the moving ones.
        seconds: it took, wall clock; None if not known.
        stages: seconds of each stage.
    """

    name: str
    folder: Path | None
    source: str = ""
    state: Literal["ok", "failed", "unreadable"] = "ok"
    reason: str = ""
    joints: tuple[SetJoint, ...] = ()
    seconds: float | None = None
    stages: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def thumbnail(self) -> Path | None:
        """The picture in the bundle; None if there is none."""
        path = None if self.folder is None else self.folder / THUMBNAIL
        return path if path is not None and path.is_file() else None

    @property
    def least_sure(self) -> SetJoint | None:
        """The joint to look at first: not observed, then the least confidence."""
        return min(self.joints, key=lambda j: (j.observed, j.confidence), default=None)


def bundles_in(folder: Path) -> Iterator[Path]:
    """Every bundle below ``folder``, by name; what lies within a bundle is part of it."""
    for place in sorted(folder.iterdir()):
        if place.name.startswith(".") or not place.is_dir():
            continue
        if (place / MANIFEST).is_file():
            yield place
        elif not place.is_symlink():
            yield from bundles_in(place)


def read_row(folder: Path, *, name: str) -> SetRow:
    """The row of the bundle at ``folder``; what is wrong with it becomes the row's reason."""
    try:
        manifest = _object(folder / MANIFEST)
        told = _section(manifest, "input")
        source = str(told.get("prompt") or told.get("source") or "")
        timings = _section(manifest, "timings")
        stages = {stage: _number(entry["seconds"]) for stage, entry in timings.items()}
        joints = tuple(_joints(folder, _section(manifest, "scene").get("assets")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return SetRow(name=name, folder=folder, state="unreadable", reason=_said(error))
    return SetRow(
        name=name,
        folder=folder,
        source=source,
        joints=joints,
        seconds=math.fsum(stages.values()) if stages else None,
        stages=stages,
    )


def _joints(folder: Path, assets: Any) -> Iterator[SetJoint]:
    """Moving joints of the asset, or of all ``assets`` of a scene."""
    if assets is not None:
        for asset in assets:
            for joint in _joints(folder / "assets" / asset, None):
                yield SetJoint(
                    name=f"{asset}/{joint.name}",
                    confidence=joint.confidence,
                    observed=joint.observed,
                )
        return
    for name, entry in _section(_object(folder / "motion.json"), "joints").items():
        if JointType(entry["type"]) is not JointType.FIXED:
            confidence = _number(entry["confidence"])
            yield SetJoint(name=name, confidence=confidence, observed=bool(entry["observed"]))


def _said(error: Exception) -> str:
    match error:
        case OSError(filename=str() as name):
            return f"{Path(name).name}: {error.strerror}"
        case KeyError():
            return f"lacks {error}"
        case _:
            return str(error)


def _object(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except ValueError as cause:
        raise ValueError(f"{path.name} is not JSON: {cause}") from cause
    if not isinstance(record, dict):
        raise ValueError(f"{path.name} is not an object")
    return record


def _section(record: dict[str, Any], name: str) -> dict[str, Any]:
    section = record.get(name, {})
    if not isinstance(section, dict):
        raise ValueError(f"{name} is not an object")
    return section


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value} is not a finite number")
    return number
