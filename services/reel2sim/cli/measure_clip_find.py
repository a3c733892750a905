"""Which clips a bench is given: rendered ones in folders, and lists of real ones."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel2sim.cli.measure_clip import ANIMAL, CONTROL, FILM, REAL, Clip, rendered_clips
from reel2sim.cli.measure_footage import Cut, Footage, Pictures, Video
from reel2sim.scene.errors import UsageError
from reel2sim.scene.rig import JointType

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_EITHER = ("joints", "control", "animal")
_FOOTAGE = {"path": (), "pictures": ("fps",), "cut": ("seconds",)}
_TEXTS = ("seen", "source", "licence")


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
