"""Capture folders in: pictures with known cameras and times, described by ``transforms.json``.

Three dialects load: the project's own, Nerfstudio's and D-NeRF's. Files hold OpenGL cameras
(y up, looking along −z); they become OpenCV cameras (y down, looking along +z) here and nowhere
else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.media.images import PictureReader, shrink
from reel2sim.media.index import Entry, read_entries
from reel2sim.media.limits import DEFAULT_LIMITS, MediaLimits
from reel2sim.media.streams import chain_streams
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera, opencv_from_opengl
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import (
    CameraError,
    MediaError,
    MediaLimitError,
    NoMotionError,
)
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Frame, Reel

_DISTORTION = ("k1", "k2", "p1", "p2", "k3")


def load_capture(
    folder: Path,
    *,
    limits: MediaLimits = DEFAULT_LIMITS,
    max_size: int | None = None,
    progress: Progress = silent,
) -> Reel:
    """Read a capture folder.

    Args:
        folder: holds ``transforms.json`` (or D-NeRF's ``transforms_train.json``).
        limits: bounds on the input.
        max_size: longest side of the pictures in memory, pixels; larger ones are scaled down.
        progress: told after every picture.

    Returns:
        A calibrated reel; streams come from ``stream`` keys, else from the folders the pictures
        lie in if there are several, else from :func:`~reel2sim.media.streams.chain_streams`.

    Raises:
        CaptureError: if the index or a picture is missing or malformed.
        CameraError: if a pose or an intrinsic is not usable.
        MediaLimitError: if the capture exceeds ``limits``.
        NoMotionError: if there is no time, or only one.
        TooFewFramesError: if there is one frame only.
    """
    _check_bytes(folder, limits)
    entries = read_entries(folder, limits)
    times = _times(entries, folder)
    root = folder.resolve()
    frames: list[Frame] = []
    total = 0
    with PictureReader(limits) as reader:
        for i, entry in enumerate(entries):
            progress("media", i / len(entries), f"reading frame {i + 1} of {len(entries)}")
            frames.append(_read_frame(entry, times[i], root, reader, max_size))
            total += frames[-1].image.size // 3
            if total > limits.max_total_pixels:
                raise MediaLimitError(
                    f"its frames have more than {limits.max_total_pixels} pixels in all",
                    source=folder,
                    remedy="use fewer or smaller frames",
                )
    frames = _with_streams(_with_true_masks(frames, entries), entries)
    progress("media", 1.0, f"{len(frames)} frames")
    prompt = entries[0].document.get("prompt")
    return Reel(
        tuple(frames),
        source=str(folder),
        digest=digest_tree(folder),
        prompt=prompt if isinstance(prompt, str) else "",
    )


def _times(entries: Sequence[Entry], folder: Path) -> list[float]:
    """Seconds since the first frame of every entry."""
    given = [entry.number("time") if "time" in entry.record else None for entry in entries]
    known = [time for time in given if time is not None]
    if known and len(known) < len(given):
        raise entries[given.index(None)].error("is missing, though other frames have it", "time")
    if len(entries) > 1 and len(set(known)) < 2:
        state = "all frames share one time" if known else "its frames have no `time`"
        raise NoMotionError(
            f"{state}, so nothing can be seen to move",
            source=folder,
            remedy="give each frame its time in seconds",
        )
    return [time - min(known) for time in known] or [0.0] * len(entries)


def _check_bytes(folder: Path, limits: MediaLimits) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if size > limits.max_bytes:
        raise MediaLimitError(
            f"holds {size} bytes, more than the {limits.max_bytes} allowed", source=folder
        )


def _read_frame(
    entry: Entry, time_s: float, root: Path, reader: PictureReader, max_size: int | None
) -> Frame:
    pose = _pose(entry)
    path = entry.file(root, "file_path")
    image, mask = _blamed(entry, "file_path", lambda: reader.picture(path))
    if _names_mask(entry):
        mask_path = entry.file(root, "mask_path")
        mask = _blamed(entry, "mask_path", lambda: reader.mask(mask_path))
        if mask.shape != image.shape[:2]:
            raise entry.error(
                f"mask is {mask.shape[1]}×{mask.shape[0]}, "
                f"its image {image.shape[1]}×{image.shape[0]}",
                "mask_path",
            )
    camera = _camera(entry, pose, image.shape[1], image.shape[0])
    image, mask = _undistorted(entry, camera, image, mask)
    image, mask = shrink(image, mask, max_size)
    return Frame(
        image=image,
        time_s=time_s,
        camera=camera.resized(image.shape[1], image.shape[0]),
        mask=mask,
        name=path.relative_to(root).as_posix(),
    )


def _names_mask(entry: Entry) -> bool:
    return entry.record.get("mask_path") is not None


def _blamed(entry: Entry, key: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except MediaError as cause:
        name = Path(cause.source or "").name
        raise entry.error(f"{name} {cause.message}", key, cause.remedy) from cause


def _pose(entry: Entry) -> Array:
    """``T_world_camera`` ``(4, 4)`` in OpenCV axes."""
    key, value = "transform_matrix", entry.record.get("transform_matrix")
    if value is None:
        raise entry.error("is missing", key)
    try:
        matrix = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise entry.error("is not a matrix of numbers", key) from None
    if matrix.shape == (3, 4):
        matrix = np.vstack([matrix, [0.0, 0.0, 0.0, 1.0]])
    if matrix.shape != (4, 4):
        raise entry.error(f"has shape {matrix.shape}, expected (4, 4)", key)
    if not np.isfinite(matrix).all():
        row, column = (int(k) for k in np.argwhere(~np.isfinite(matrix))[0])
        raise CameraError(
            f"is not finite at row {row} column {column}",
            source=entry.index,
            field=f"{entry.where}.{key}",
            remedy="drop the frame or estimate its pose again",
        )
    return opencv_from_opengl(matrix)


def _camera(entry: Entry, pose: Array, width: int, height: int) -> Camera:
    for key, size in (("w", width), ("h", height)):
        stated = entry.number(key)
        if stated is not None and stated != size:
            raise entry.error(
                f"image is {width}×{height} but {key} is {stated:g}",
                "file_path",
                f"set {key} to the size of the pictures",
            )
    fx = _focal(entry, "fl_x", "camera_angle_x", width)
    fy = _focal(entry, "fl_y", "camera_angle_y", height)
    if fx is None and fy is None:
        raise CameraError(
            "has no focal length",
            source=entry.index,
            field=entry.where,
            remedy="give fl_x (pixels) or camera_angle_x (radians)",
        )
    try:
        return Camera(
            width=width,
            height=height,
            fx=fx or fy or 0.0,
            fy=fy or fx or 0.0,
            cx=entry.number("cx", width / 2) or 0.0,
            cy=entry.number("cy", height / 2) or 0.0,
            T_world_camera=pose,
        )
    except CameraError as cause:
        at_pose = cause.source == "Camera.T_world_camera"
        key = "transform_matrix" if at_pose else str(cause.field)
        raise CameraError(
            cause.message, source=entry.index, field=f"{entry.where}.{key}"
        ) from cause


def _focal(entry: Entry, key: str, angle_key: str, size: int) -> float | None:
    """Focal length in pixels from a length, else from a field of view in radians."""
    length = entry.number(key)
    angle = entry.number(angle_key)
    if length is None and angle is not None:
        if not 0 < angle < np.pi:
            raise CameraError("must be in 0..π", source=entry.index, field=angle_key)
        return size / 2 / float(np.tan(angle / 2))
    if length is not None and length <= 0:
        raise CameraError("must be positive", source=entry.index, field=f"{entry.where}.{key}")
    return length


def _undistorted(
    entry: Entry, camera: Camera, image: Array, mask: Array | None
) -> tuple[Array, Array | None]:
    """Remove lens distortion, which :class:`Camera` does not model."""
    coefficients = np.array([entry.number(key, 0.0) for key in _DISTORTION])
    fisheye = "FISHEYE" in str(entry.document.get("camera_model", "")).upper()
    if fisheye or entry.number("k4", 0.0):
        raise entry.error(
            "has a fisheye lens, which is not supported",
            remedy="undistort the pictures to a pinhole camera",
        )
    if not coefficients.any():
        return image, mask
    import cv2

    image = cv2.undistort(image, camera.K, coefficients)
    return image, None if mask is None else cv2.undistort(mask, camera.K, coefficients)


def _with_true_masks(frames: list[Frame], entries: Sequence[Entry]) -> list[Frame]:
    """Drop masks that came as alpha if no pixel of any frame is transparent: that is no mask."""
    from_alpha = [
        not _names_mask(entry) and f.mask is not None
        for entry, f in zip(entries, frames, strict=True)
    ]
    masks = [f.mask for f, alpha in zip(frames, from_alpha, strict=True) if alpha]
    if any(mask is not None and (mask < 255).any() for mask in masks):
        return frames
    return [
        replace(frame, mask=None) if alpha else frame
        for frame, alpha in zip(frames, from_alpha, strict=True)
    ]


def _with_streams(frames: list[Frame], entries: Sequence[Entry]) -> list[Frame]:
    """Frames with their streams' names, ordered by stream, then time."""
    given = [entry.record.get("stream") for entry in entries]
    for entry, name in zip(entries, given, strict=True):
        if name is not None and (not isinstance(name, str) or not name):
            raise entry.error("is not a name", "stream")
    folders = [Path(frame.name).parent.as_posix() for frame in frames]
    if any(name is not None for name in given):
        names = ["main" if name is None else name for name in given]
    elif len(set(folders)) > 1:
        names = folders
    else:
        cameras = [frame.camera for frame in frames if frame.camera is not None]
        names = chain_streams(cameras, [frame.time_s for frame in frames])
    rank = {name: k for k, name in enumerate(dict.fromkeys(names))}
    named = [replace(frame, stream=name) for frame, name in zip(frames, names, strict=True)]
    return sorted(named, key=lambda frame: (rank[frame.stream], frame.time_s))
