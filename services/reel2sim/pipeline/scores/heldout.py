"""What a capture keeps from the fit: pictures at other cameras and times, and the true shape.

Beside ``transforms.json``, which alone is read as input, such a capture folder holds

``heldout.json``
    frames in the layout and time base of ``transforms.json``; their pictures (RGBA, straight
    colour) lie in ``heldout/``.
``shape.npz``
    for the ``v`` held-out frames, in their order, ``depth`` ``(v, h, w)`` float32 along the optical
    axis at pixel centres (metres, 0: nothing there) and ``normal`` ``(v, h, w, 3)`` float16 (world,
    towards the camera); ``track_times_s`` ``(t,)``, ascending from the first training time, and
    ``tracks`` ``(t, n, 3)`` float32: where points of the surface seen at that first time are
    (metres); ``diagonal_m``: bounding box diagonal at the first time.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reel2sim.media.capture import opencv_from_opengl
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError

INDEX_FILE, SHAPE_FILE = "heldout.json", "shape.npz"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The truth that a reconstruction of one capture is scored against.

    Attributes:
        files: path of each picture inside the capture folder ``v``.
        cameras: one per view.
        times_s: seconds since the first training frame ``(v,)``.
        rgb: colours over black ``(v, h, w, 3)`` float32, 0..1.
        alpha: coverage ``(v, h, w)`` float32, 0..1.
        depth: ``(v, h, w)`` float32, metres, 0: nothing there.
        normal: ``(v, h, w, 3)``, world, towards the camera.
        track_times_s: ``(t,)``, ascending from 0.
        tracks: surface points through time ``(t, n, 3)``, metres.
        diagonal_m: of the object's bounding box at the first time.
    """

    files: tuple[str, ...]
    cameras: tuple[Camera, ...]
    times_s: Array
    rgb: Array
    alpha: Array
    depth: Array
    normal: Array
    track_times_s: Array
    tracks: Array
    diagonal_m: float

    def __len__(self) -> int:
        return len(self.files)


def load_held_out(folder: Path) -> HeldOut:
    """Read what a capture folder keeps from the fit.

    Raises:
        InputError: if a file is missing or malformed.
    """
    index = folder / INDEX_FILE
    record = _index(index)
    try:
        frames = record["frames"]
        files = tuple(str(frame["file_path"]) for frame in frames)
        cameras = tuple(_camera(record, frame) for frame in frames)
        start_s = min(float(f["time"]) for f in _index(folder / "transforms.json")["frames"])
        times_s = np.array([float(frame["time"]) for frame in frames]) - start_s
    except (KeyError, TypeError, ValueError) as cause:
        raise InputError(f"is not an index of held-out frames: {cause}", source=index) from cause
    pixels = np.stack([_pixels(folder / file) for file in files])
    alpha = pixels[..., 3]
    return HeldOut(
        files=files,
        cameras=cameras,
        times_s=times_s,
        rgb=pixels[..., :3] * alpha[..., None],
        alpha=alpha,
        **_shape(folder / SHAPE_FILE, pixels.shape[:3]),
    )


def _index(path: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as cause:
        raise InputError(
            f"holds no {path.name}",
            source=path.parent,
            remedy="render captures with benchmarks/render_captures.py",
        ) from cause
    except (OSError, ValueError) as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause
    if not isinstance(record, dict) or not record.get("frames"):
        raise InputError("lists no frames", source=path, field="frames")
    return record


def _camera(record: Mapping[str, Any], frame: Mapping[str, Any]) -> Camera:
    values = {**record, **frame}
    return Camera(
        width=int(values["w"]),
        height=int(values["h"]),
        fx=float(values["fl_x"]),
        fy=float(values["fl_y"]),
        cx=float(values["cx"]),
        cy=float(values["cy"]),
        T_world_camera=opencv_from_opengl(np.array(values["transform_matrix"], dtype=np.float64)),
    )


def _pixels(path: Path) -> Array:
    """RGBA ``(h, w, 4)`` float32, 0..1."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
    except OSError as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause


def _shape(path: Path, size: tuple[int, ...]) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {
                "depth": arrays["depth"],
                "normal": arrays["normal"],
                "track_times_s": arrays["track_times_s"] - arrays["track_times_s"][0],
                "tracks": arrays["tracks"],
                "diagonal_m": float(arrays["diagonal_m"]),
            }
    except (OSError, ValueError, KeyError, IndexError, zipfile.BadZipFile) as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause
    for name, shape in (("depth", size), ("normal", (*size, 3))):
        if found[name].shape != shape:
            raise InputError(
                f"has shape {found[name].shape}, expected {shape}", source=path, field=name
            )
    if found["tracks"].ndim != 3 or len(found["tracks"]) != len(found["track_times_s"]):
        raise InputError("does not fit track_times_s", source=path, field="tracks")
    return found
