"""The text of a capture: finding, parsing and blaming ``transforms.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.media.limits import MediaLimits
from reel2sim.scene.errors import CameraError, CaptureError, MediaLimitError

_INDEX_NAMES = ("transforms.json", "transforms_train.json")
_SUFFIXES = ("", ".png", ".jpg", ".jpeg", ".webp")
_MAX_INDEX_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Entry:
    """One element of ``frames`` with what is needed to blame it.

    Attributes:
        index: the file it stands in.
        where: its place there, such as ``frames[3]``.
        record: its own fields.
        document: the global fields.
    """

    index: Path
    where: str
    record: Mapping[str, Any]
    document: Mapping[str, Any]

    def error(self, message: str, key: str = "", remedy: str | None = None) -> CaptureError:
        """An error that names this entry, or its field ``key``."""
        field = f"{self.where}.{key}" if key else self.where
        return CaptureError(message, source=self.index, field=field, remedy=remedy)

    def number(self, key: str, default: float | None = None) -> float | None:
        """The number under ``key``, of the frame or else global."""
        owner = self.where if key in self.record else ""
        value = self.record.get(key, self.document.get(key))
        if value is None:
            return default
        field = f"{owner}.{key}" if owner else key
        try:
            if isinstance(value, bool | str):
                raise TypeError
            result = float(value)
        except (TypeError, ValueError, OverflowError):
            raise CaptureError("is not a number", source=self.index, field=field) from None
        if not np.isfinite(result):
            kind = CaptureError if key == "time" else CameraError
            raise kind("is not finite", source=self.index, field=field)
        return result

    def file(self, root: Path, key: str) -> Path:
        """The existing file that ``key`` names, which must lie inside the capture."""
        value = self.record.get(key)
        if not isinstance(value, str) or not value:
            raise self.error("is missing or not a text", key)
        try:
            for suffix in _SUFFIXES:
                path = (root / f"{value}{suffix}").resolve()
                if not path.is_relative_to(root):
                    raise self.error(
                        f"{value!r} leads out of the capture folder",
                        key,
                        "keep all pictures inside it and name them relative to it",
                    )
                if path.is_file():
                    return path
        except (OSError, ValueError, RuntimeError):
            raise self.error(f"{value!r} is not a usable path", key) from None
        raise self.error(f"image {value!r} does not exist", key, "add it or drop the entry")


def read_entries(folder: Path, limits: MediaLimits) -> tuple[Entry, ...]:
    """The frame entries of a capture folder, at least one.

    Raises:
        CaptureError: if there is no index, or it is not an object with a list of frames.
        MediaLimitError: if the index is too large or lists too many frames.
    """
    index = _index_path(folder)
    document = _parse(index)
    records = _records(document, index, limits)
    return tuple(Entry(index, f"frames[{i}]", record, document) for i, record in enumerate(records))


def _index_path(folder: Path) -> Path:
    for name in _INDEX_NAMES:
        if (folder / name).is_file():
            return folder / name
    raise CaptureError(
        "holds no transforms.json",
        source=folder,
        remedy="a capture folder needs one beside its pictures; for a video, give the video file",
    )


def _parse(index: Path) -> Mapping[str, Any]:
    try:
        if index.stat().st_size > _MAX_INDEX_BYTES:
            raise MediaLimitError("is larger than 64 MiB", source=index)
        document = json.loads(index.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as cause:
        raise CaptureError(
            f"is not valid JSON at line {cause.lineno} column {cause.colno}: {cause.msg}",
            source=index,
        ) from cause
    except UnicodeDecodeError as cause:
        raise CaptureError(f"is not UTF-8 text at byte {cause.start}", source=index) from cause
    except (RecursionError, ValueError) as cause:
        raise CaptureError("is nested too deeply or holds a huge number", source=index) from cause
    except OSError as cause:
        raise CaptureError(f"cannot be read: {cause.strerror}", source=index) from cause
    if not isinstance(document, dict):
        raise CaptureError("must hold an object at its top level", source=index)
    return document


def _records(
    document: Mapping[str, Any], index: Path, limits: MediaLimits
) -> list[Mapping[str, Any]]:
    records = document.get("frames")
    if not isinstance(records, list):
        raise CaptureError("must be a list of frames", source=index, field="frames")
    if not records:
        raise CaptureError(
            "is empty", source=index, field="frames", remedy="list at least 2 frames"
        )
    if len(records) > limits.max_frames:
        raise MediaLimitError(
            f"lists {len(records)} frames, more than the {limits.max_frames} allowed",
            source=index,
        )
    for i, record in enumerate(records):
        if not isinstance(record, dict):
            raise CaptureError("is not an object", source=index, field=f"frames[{i}]")
    return records
