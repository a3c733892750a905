"""Files of cameras and times from which something is to be filmed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import CameraError, CaptureError

MOST_PIXELS = 8192
"""Longest side of a picture."""

_MOST = 1e300
"""Larger numbers, which JSON can hold as integers, are no numbers here."""

_REMEDIES = {
    "w": "state the size in the file, or pass --size",
    "h": "state the size in the file, or pass --size",
    "time": "state seconds since the first frame of the reel, or pass --freeze",
}


@dataclass(frozen=True, eq=False)
class View:
    """One picture to make.

    Attributes:
        name: relative path of the picture, with the suffix ``.png``.
        camera: where it is taken from.
        time_s: seconds since the first frame of the reel.
    """

    name: str
    camera: Camera
    time_s: float


def read_views(
    path: Path,
    *,
    freeze_s: float | None = None,
    size: tuple[int, int] | None = None,
) -> tuple[View, ...]:
    """Cameras and times of a file laid out as a capture's ``transforms.json``.

    Args:
        path: the file, or a folder that holds a ``transforms.json``. Camera axes are OpenGL's.
        freeze_s: the time of every view, whatever the file says; entries need none then.
        size: width and height of entries that state none, pixels.

    Raises:
        CaptureError: if the file is missing or malformed, or an entry has no size or time.
        CameraError: if a pose or an intrinsic is not usable.
    """
    path = path / "transforms.json" if path.is_dir() else path
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as cause:
        raise CaptureError(
            f"cannot be read: {cause.strerror}",
            source=path,
            remedy="name a file laid out as a capture's transforms.json",
        ) from cause
    except ValueError as cause:
        raise CaptureError(f"is not JSON: {cause}", source=path) from cause
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list) or not frames:
        raise CaptureError("must be a list of frames", source=path, field="frames")
    stated = {} if size is None else {"w": size[0], "h": size[1]}
    views = tuple(
        _view({**stated, **document, **_object(f, path, i)}, path, i, freeze_s)
        for i, f in enumerate(frames)
    )
    names = [view.name for view in views]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CaptureError(
            f"several entries would be written to {twice[0]!r}",
            source=path,
            field="file_path",
            remedy="give each entry a file_path of its own",
        )
    return views


def resized(view: View, size: Sequence[int]) -> View:
    """The view in another size: width and height, or one number for the longer side."""
    camera = view.camera
    if not size:
        return view
    if len(size) == 2:
        return replace(view, camera=camera.resized(size[0], size[1]))
    scale = size[0] / max(camera.width, camera.height)
    width, height = (max(1, round(side * scale)) for side in (camera.width, camera.height))
    return replace(view, camera=camera.resized(width, height))


def _view(record: dict[str, Any], path: Path, i: int, freeze_s: float | None) -> View:
    def number(*keys: str, default: float | None = None) -> float:
        for key in keys:
            value = record.get(key)
            if isinstance(value, (int, float)) and abs(value) <= _MOST:
                return float(value)
            if value is not None:
                raise CaptureError("is not a number", source=path, field=f"frames[{i}].{key}")
        if default is None:
            raise CaptureError(
                "is missing",
                source=path,
                field=f"frames[{i}].{keys[0]}",
                remedy=_REMEDIES.get(keys[0]),
            )
        return default

    width, height = round(number("w")), round(number("h"))
    if max(width, height) > MOST_PIXELS:
        raise CaptureError(
            f"pictures of {width}×{height} pixels are too large",
            source=path,
            field=f"frames[{i}].w",
            remedy=f"ask for at most {MOST_PIXELS} pixels a side",
        )
    fx = _focal(record, "x", width, number)
    fy = _focal(record, "y", height, number)
    if not fx and not fy:
        raise CameraError("has no focal length", source=path, field=f"frames[{i}].fl_x")
    try:
        camera = Camera(
            width=width,
            height=height,
            fx=fx or fy,
            fy=fy or fx,
            cx=number("cx", default=width / 2),
            cy=number("cy", default=height / 2),
            T_world_camera=_pose(record.get("transform_matrix"), path, i),
        )
    except CameraError as cause:
        field = f"frames[{i}].{cause.field or 'transform_matrix'}"
        raise CameraError(cause.message, source=path, field=field) from cause
    time_s = number("time") if freeze_s is None else freeze_s
    return View(_name(record.get("file_path"), path, i), camera, time_s)


def _focal(record: dict[str, Any], side: str, size: int, number: Any) -> float:
    if f"camera_angle_{side}" in record and f"fl_{side}" not in record:
        return size / 2 / float(np.tan(number(f"camera_angle_{side}") / 2))
    return number(f"fl_{side}", default=0.0)


def _pose(value: Any, path: Path, i: int) -> Array:
    from reel2sim.media import opencv_from_opengl

    field = f"frames[{i}].transform_matrix"
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise CaptureError("is not a matrix of numbers", source=path, field=field) from None
    if matrix.shape != (4, 4):
        raise CaptureError(f"has shape {matrix.shape}, expected (4, 4)", source=path, field=field)
    return opencv_from_opengl(matrix)


def _name(value: Any, path: Path, i: int) -> str:
    """A path inside the output folder that ends in ``.png``."""
    field = f"frames[{i}].file_path"
    if not isinstance(value, str) or not value or "\0" in value:
        raise CaptureError("is missing", source=path, field=field)
    pure = PurePosixPath(value.replace("\\", "/"))
    if pure.is_absolute() or ".." in pure.parts or not pure.name:
        raise CaptureError(f"{value!r} leads out of the output folder", source=path, field=field)
    known = pure.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp")
    return str(pure.with_suffix(".png") if known else pure.with_name(f"{pure.name}.png"))


def _object(value: Any, path: Path, i: int) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CaptureError("is not an object", source=path, field=f"frames[{i}]")
    return value
