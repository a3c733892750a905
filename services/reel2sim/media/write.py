"""Videos and capture folders out."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import camera_fields
from reel2sim.scene.errors import CameraError, ConflictError, InputError
from reel2sim.scene.reel import Frame, Reel

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")


class VideoWriter:
    """Writes H.264 in MP4 that browsers play; the same frames give the same bytes.

    Use as a context manager. The file appears at ``path`` when the block ends well; if it raises,
    nothing is left. Odd sizes are padded by repeating the last row or column.
    """

    def __init__(self, path: Path, fps: float, *, quality: int = 20) -> None:
        """Prepare to write ``path``.

        Args:
            path: the MP4 file; its folder must exist.
            fps: frames per second.
            quality: x264's constant rate factor: lower is better and larger.

        Raises:
            InputError: if ``fps`` is not a positive number.
        """
        if not (np.isfinite(fps) and fps > 0):
            raise InputError(f"must be positive, got {fps}", source=path, field="fps")
        self._path = path
        self._rate = Fraction(fps).limit_denominator(60_000)
        self._quality = quality
        # FFmpeg chooses the container by the suffix, so the partial file keeps it.
        self._partial = path.with_name(f".{path.stem}.{os.getpid()}.part.mp4")
        self._container: Any = None
        self._stream: Any = None
        self._shape: tuple[int, ...] = ()

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, frame: Array) -> None:
        """Append one frame ``(h, w, 3)`` uint8 sRGB, of the size of the first.

        Raises:
            InputError: if shape or element type differ.
        """
        import av
        import cv2

        picture = np.asarray(frame)
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise InputError(
                f"frame is {picture.dtype} {picture.shape}, expected uint8 (h, w, 3)",
                source=self._path,
            )
        if not self._shape:
            self._open(picture.shape)
        if picture.shape != self._shape:
            raise InputError(
                f"frame has shape {picture.shape}, the first had {self._shape}", source=self._path
            )
        height, width = picture.shape[:2]
        even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        planes = np.asarray(cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420), dtype=np.uint8)
        video_frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        self._container.mux(self._stream.encode(video_frame))

    def _open(self, shape: tuple[int, ...]) -> None:
        import av

        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        self._container = av.open(str(self._partial), "w", format="mp4", options=options)
        # Same bytes each time: with several threads, where x264 cuts the work depends on the
        # machine; its fastest look-ahead kernels differ between processors, and even from run
        # to run.
        encoder = {
            "crf": str(self._quality),
            "preset": "medium",
            "threads": "1",
            "x264-params": "cpu-independent=1",
            "flags": "+bitexact",
        }
        self._stream = self._container.add_stream("libx264", rate=self._rate, options=encoder)
        self._stream.width = shape[1] + shape[1] % 2
        self._stream.height = shape[0] + shape[0] % 2
        self._stream.pix_fmt = "yuv420p"
        self._shape = shape

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._container is None:
                if kind is None:
                    raise InputError("has no frames to write", source=self._path)
                return
            if kind is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            if kind is None:
                self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)


def write_video(path: Path, frames: Iterable[Array], fps: float) -> None:
    """Write ``frames``, each ``(h, w, 3)`` uint8 sRGB, as H.264 in MP4.

    Raises:
        InputError: if there are no frames, or they differ in shape.
    """
    with VideoWriter(path, fps) as writer:
        for frame in frames:
            writer.write(frame)


def write_capture(reel: Reel, folder: Path) -> None:
    """Write a calibrated reel as a capture folder that :func:`load_reel` reads back unchanged.

    Masks become alpha. The index comes last, so a folder that has one is whole.

    Raises:
        CameraError: if a frame has no camera.
        ConflictError: if ``folder`` exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError("exists already", source=folder, remedy="name an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    names = {
        stream: stream if _SAFE.match(stream) else f"stream{k:02d}"
        for k, stream in enumerate(reel.streams)
    }
    counts = dict.fromkeys(reel.streams, 0)
    entries: list[dict[str, Any]] = []
    for frame in reel.frames:
        file = f"images/{names[frame.stream]}/{counts[frame.stream]:04d}.png"
        counts[frame.stream] += 1
        entries.append(_entry(frame, file, folder))
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_png(frame))
    document: dict[str, Any] = {"camera_model": "OPENCV", "frames": entries}
    if reel.prompt:
        document["prompt"] = reel.prompt
    text = json.dumps(document, indent=1, ensure_ascii=False)
    (folder / "transforms.json").write_text(text + "\n", encoding="utf-8")


def _entry(frame: Frame, file: str, folder: Path) -> dict[str, Any]:
    camera = frame.camera
    if camera is None:
        raise CameraError(
            f"frame {frame.name or file} has no camera, which a capture needs", source=folder
        )
    return {
        "file_path": file,
        "time": frame.time_s,
        "stream": frame.stream,
        **camera_fields(camera),
    }


def _png(frame: Frame) -> bytes:
    pixels = frame.image
    if frame.mask is not None:
        pixels = np.concatenate([pixels, frame.mask[..., None]], axis=2)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
