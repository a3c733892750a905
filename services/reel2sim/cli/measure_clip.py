"""Clips of a bench, and the rendered ones, whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel2sim.cli.measure_captures import name_captures
from reel2sim.cli.measure_footage import Footage, Video
from reel2sim.scene.camera import Camera, camera_of_fields
from reel2sim.scene.errors import CameraError, UsageError
from reel2sim.scene.rig import JointType

FILM = "film.json"
FILM_NEEDS = (FILM, "clip.mp4", "truth.json", "truth_points.npz")
"""Files of a rendered clip without which it cannot be scored."""

RENDERED = ("static", "hand", "moving", "twostep", "still", "camera")
"""Kinds of rendered clips: names of the folders that they lie in."""
REAL, ANIMAL, CONTROL = "real", "animal", "control"


@dataclass(frozen=True)
class Clip:
    """One clip to be measured.

    Attributes:
        label: kind and name; no other clip has it.
        kind: one of :data:`RENDERED`, :data:`REAL`, :data:`ANIMAL` or :data:`CONTROL`.
        digest: sha256 of what is shown and of its truth.
        about: what it shows and whose it is.
        footage: what the pipeline is given; None if it cannot take this in yet.
        truth: folder that says what happened; None if that is known by eye alone.
        joints: kinds of the joints that were seen by eye to move.
        skipped: why there is no footage, or "".
    """

    label: str
    kind: str
    digest: str
    about: str
    footage: Footage | None
    truth: Path | None = None
    joints: tuple[JointType, ...] = ()
    skipped: str = ""


def rendered_clips(folders: Sequence[Path]) -> tuple[Clip, ...]:
    """Clips in ``KIND/NAME`` each.

    Raises:
        UsageError: if a folder lacks a file or lies in none of a known kind.
    """
    remedy = "make it again with benchmarks/render_clips.py"
    captures = name_captures(folders, needs=FILM_NEEDS, remedy=remedy, parents=1)
    clips: list[Clip] = []
    for capture in captures:
        kind = capture.folder.parent.name
        if kind not in RENDERED:
            raise UsageError(
                f"lies in {kind!r}, which is no kind of clip",
                source=capture.folder,
                remedy=f"put it into one of {', '.join(RENDERED)}",
            )
        footage, skipped = taken_in(capture.folder)
        clips.append(
            Clip(
                label=capture.label,
                kind=kind,
                digest=capture.digest,
                about=f"rendered: {_film(capture.folder).get('prompt', '')}",
                footage=footage,
                truth=capture.folder,
                skipped=skipped,
            )
        )
    return tuple(clips)


def taken_in(folder: Path) -> tuple[Footage | None, str]:
    """What the pipeline is given of a rendered clip; else None and the reason."""
    if (folder / "walk.mp4").is_file():
        # Here the walk and the clip are handed over, once the pipeline has a way to take in both.
        return None, "two-step capture is not read yet"
    return Video(folder / "clip.mp4"), ""


def first_camera(folder: Path) -> Camera:
    """True camera of a rendered clip's first instant, in the truth's world.

    Raises:
        UsageError: if the film does not say.
    """
    try:
        return camera_of_fields(_film(folder)["cameras"][0])
    except (LookupError, TypeError, CameraError) as cause:
        message = f"does not tell the first camera: {cause}"
        raise UsageError(message, source=folder / FILM, field="cameras") from cause


def _film(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / FILM).read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise UsageError(f"cannot be read: {cause}", source=folder / FILM) from cause
    if not isinstance(record, dict):
        raise UsageError("is not an object", source=folder / FILM)
    return record
