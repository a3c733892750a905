"""Clips of a bench: rendered ones, whose truth is known, and lists of real ones, known by eye."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel2sim.cli.measure_captures import name_captures
from reel2sim.cli.measure_footage import Cut, Footage, Pictures, Video
from reel2sim.scene.camera import Camera, camera_of_fields
from reel2sim.scene.errors import CameraError, UsageError
from reel2sim.scene.rig import JointType

FILM = "film.json"
FILM_NEEDS = (FILM, "clip.mp4", "truth.json", "truth_points.npz")
"""Files of a rendered clip without which it cannot be scored."""

RENDERED = ("static", "hand", "moving", "twostep", "still", "camera")
"""Kinds of rendered clips: names of the folders that they lie in."""
REAL, ANIMAL, CONTROL = "real", "animal", "control"

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_EITHER = ("joints", "control", "animal")
_FOOTAGE = {"path": (), "pictures": ("fps",), "cut": ("seconds",)}
_TEXTS = ("seen", "source", "licence")


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


def find_clips(sources: Sequence[Path], data: Path | None) -> tuple[Clip, ...]:
    """All clips of folders that ``benchmarks/render_clips.py`` made, and of lists.

    Args:
        sources: folders in which rendered clips lie, at any depth, and lists (``.toml``).
        data: folder that the paths in lists are relative to.

    Raises:
        UsageError: if a source holds no clips, is malformed, or two clips share a label.
    """
    folders: list[Path] = []
    listed: list[Clip] = []
    for source in sources:
        if source.suffix == ".toml":
            listed += read_list(source, data)
        else:
            folders += _films(source)
    clips = (*rendered_clips(folders), *listed)
    labels = [clip.label for clip in clips]
    for label in labels:
        if labels.count(label) > 1:
            raise UsageError(f"{label!r} comes twice", field="captures")
    return clips


def _films(source: Path) -> list[Path]:
    found = sorted(path.parent for path in source.rglob(FILM))
    if not found:
        raise UsageError(
            "holds no rendered clips",
            source=source,
            remedy="make some with benchmarks/render_clips.py, or name a list (.toml)",
        )
    return found


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


def read_list(path: Path, data: Path | None) -> list[Clip]:
    """Clips that a TOML file lists as ``[[clip]]``.

    Each has a ``name``; one of ``path`` (a video), ``pictures`` (a folder) with ``fps``, and
    ``cut`` (videos) with ``seconds``; one of ``joints`` (kinds of those that move), ``control =
    true`` (nothing that moves is a joint) and ``animal = true``; and texts: what is ``seen``,
    ``source`` and ``licence``. Paths are relative to ``data``.

    Raises:
        UsageError: if the file or what it names is not usable.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as cause:
        raise UsageError(f"cannot be read: {cause.strerror}", source=path) from cause
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
        raise UsageError(f"is not TOML: {cause}", source=path) from cause
    records = document.get("clip")
    if set(document) != {"clip"} or not isinstance(records, list) or not records:
        raise UsageError("must hold [[clip]] and nothing else", source=path)
    if data is None:
        raise UsageError(
            "its paths are relative to a folder that was not named",
            source=path,
            remedy="pass --data, or set REEL2SIM_DATA",
        )
    return [_Entry(path, i, record).clip(data) for i, record in enumerate(records)]


@dataclass(frozen=True)
class _Entry:
    """One ``[[clip]]`` of a list."""

    file: Path
    index: int
    record: Any

    def clip(self, data: Path) -> Clip:
        if not isinstance(self.record, Mapping):
            raise self._error("is not a table")
        form = self._one_of(tuple(_FOOTAGE))
        known = {"name", form, *_FOOTAGE[form], *_EITHER, *_TEXTS}
        for key in self.record:
            if key not in known:
                raise self._error("is not known here", key)
        name = self._text("name")
        if not _NAME.fullmatch(name):
            raise self._error(f"{name!r} is not a name", "name")
        what = self._one_of(_EITHER)
        kind = {"joints": REAL, "control": CONTROL, "animal": ANIMAL}[what]
        joints = self._joints() if kind == REAL else ()
        if kind != REAL and self.record[what] is not True:
            raise self._error("must be true where it is there", what)
        footage = self._footage(form, data)
        about = "; ".join(self._text(key) for key in _TEXTS)
        return Clip(f"{kind}/{name}", kind, footage.digest, about, footage, joints=joints)

    def _footage(self, form: str, data: Path) -> Footage:
        if form == "path":
            return Video(self._there(self._text(form), form, data))
        if form == "pictures":
            folder = self._there(self._text(form), form, data, folder=True)
            return Pictures(folder, self._positive("fps"))
        names = self.record[form]
        if not isinstance(names, list) or len(names) < 2:
            raise self._error("must name two videos or more", form)
        paths = [self._there(name, form, data) for name in names]
        return Cut(tuple(paths), self._positive("seconds"))

    def _there(self, name: Any, key: str, data: Path, *, folder: bool = False) -> Path:
        path = data / str(name)
        if not (path.is_dir() if folder else path.is_file()):
            what = "folder" if folder else "file"
            raise self._error(f"there is no {what} {path}", key)
        return path

    def _joints(self) -> tuple[JointType, ...]:
        names = self.record["joints"]
        kinds = [kind.value for kind in JointType if kind is not JointType.FIXED]
        if not isinstance(names, list) or not names or not all(name in kinds for name in names):
            raise self._error(f"must list one or more of {', '.join(kinds)}", "joints")
        return tuple(map(JointType, names))

    def _one_of(self, keys: Sequence[str]) -> str:
        given = [key for key in keys if key in self.record]
        if len(given) != 1:
            raise self._error(f"must have exactly one of {', '.join(keys)}")
        return given[0]

    def _text(self, key: str) -> str:
        value = self.record.get(key)
        if not isinstance(value, str) or not value:
            raise self._error("must be a text", key)
        return value

    def _positive(self, key: str) -> float:
        value = self.record.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise self._error("must be a positive number", key)
        return float(value)

    def _error(self, message: str, key: str = "") -> UsageError:
        field = f"clip[{self.index}]" + (f".{key}" if key else "")
        return UsageError(message, source=self.file, field=field)
