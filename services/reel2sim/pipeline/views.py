"""Pictures of a bundle from cameras and at times of the user's choice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np

from reel2sim.pipeline.publish import ASSET_FILE
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import BundleError, CameraError, CaptureError, InputError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.store import load_asset

Background = Literal["transparent", "white", "black"]


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


def load_bundle_asset(bundle: Path) -> RiggedAsset:
    """The asset a bundle was written from.

    Raises:
        BundleError: if there is none, or it is damaged.
    """
    path = bundle / ASSET_FILE
    if not path.is_file():
        raise BundleError(
            f"has no {ASSET_FILE}", source=bundle, remedy="name a folder that `reel2sim run` made"
        )
    try:
        return load_asset(path)
    except InputError as cause:
        raise BundleError(cause.message, source=path, field=cause.field) from cause


def read_views(path: Path) -> tuple[View, ...]:
    """Cameras and times of a file laid out as a capture's ``transforms.json``.

    Args:
        path: the file, or a folder that holds a ``transforms.json``. Camera axes are OpenGL's.

    Raises:
        CaptureError: if the file is missing or malformed, or an entry has no size or time.
        CameraError: if a pose or an intrinsic is not usable.
    """
    path = path / "transforms.json" if path.is_dir() else path
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as cause:
        raise CaptureError(f"cannot be read: {cause.strerror}", source=path) from cause
    except ValueError as cause:
        raise CaptureError(f"is not JSON: {cause}", source=path) from cause
    frames = document.get("frames") if isinstance(document, dict) else None
    if not isinstance(frames, list) or not frames:
        raise CaptureError("must be a list of frames", source=path, field="frames")
    views = tuple(_view({**document, **_object(f, path, i)}, path, i) for i, f in enumerate(frames))
    names = [view.name for view in views]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CaptureError(
            f"several entries would be written to {twice[0]!r}", source=path, field="file_path"
        )
    return views


def render_views(
    asset: RiggedAsset,
    views: Sequence[View],
    out: Path,
    *,
    background: Background = "transparent",
    progress: Progress = silent,
) -> tuple[Path, ...]:
    """Render ``asset`` once for every view.

    Args:
        asset: what to render.
        views: from where and when.
        out: folder for the PNG files; made if missing.
        background: behind the object; transparent pictures have straight alpha.
        progress: told after every picture.

    Returns:
        The files, in the order of ``views``.
    """
    files: list[Path] = []
    for i, view in enumerate(views):
        progress("render", i / len(views), view.name)
        path = out / view.name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_png(path, picture(asset, view, background))
        files.append(path)
    progress("render", 1.0)
    return tuple(files)


def picture(asset: RiggedAsset, view: View, background: Background) -> Array:
    """The view as uint8: ``(h, w, 4)`` with straight alpha if transparent, else ``(h, w, 3)``."""
    from reel2sim.reconstruction import render

    behind = (1.0, 1.0, 1.0) if background == "white" else (0.0, 0.0, 0.0)
    shown = render(asset.surfels_at(view.time_s), view.camera, background=behind)
    if background != "transparent":
        return _bytes(shown.rgb)
    alpha = np.clip(shown.alpha, 0.0, 1.0)[..., None]
    straight = shown.rgb / np.maximum(alpha, 1e-6)
    return _bytes(np.concatenate([straight, alpha], axis=-1))


def _view(record: dict[str, Any], path: Path, i: int) -> View:
    def number(*keys: str, default: float | None = None) -> float:
        for key in keys:
            value = record.get(key)
            if isinstance(value, (int, float)) and np.isfinite(value):
                return float(value)
            if value is not None:
                raise CaptureError("is not a number", source=path, field=f"frames[{i}].{key}")
        if default is None:
            raise CaptureError("is missing", source=path, field=f"frames[{i}].{keys[0]}")
        return default

    width, height = round(number("w")), round(number("h"))
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
    return View(_name(record.get("file_path"), path, i), camera, number("time"))


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


def _write_png(path: Path, image: Array) -> None:
    from PIL import Image

    Image.fromarray(image).save(path, format="PNG")


def _bytes(image: Array) -> Array:
    return (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
