"""Pictures in: untrusted PNG, JPEG and WebP files become arrays."""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.media import picture_decoder
from reel2sim.media.children import KINDS, death, environment
from reel2sim.media.limits import MediaLimits
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import MediaError, MediaLimitError, TooFewFramesError
from reel2sim.scene.lifeline import script_command

_MODES = {"RGB": 3, "RGBA": 4, "L": 1}
_LONGEST_HEAD = 1 << 16


class PictureReader:
    """Reads pictures in a process of its own, which starts with the first one.

    It is confined in memory and in time for each picture. Use it in one thread, in a ``with``.

    Args:
        limits: bounds on untrusted input.
    """

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PictureReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # it died with something unread
                    pipe.close()
        self._process.wait()
        self._process = None

    def picture(self, path: Path) -> tuple[Array, Array | None]:
        """Read one picture.

        Returns:
            Colour ``(h, w, 3)`` uint8 sRGB, as stored (not premultiplied), and alpha ``(h, w)``
            uint8, or None if the file has none. EXIF orientation is ignored: intrinsics speak of
            stored pixels.

        Raises:
            MediaError: if it is not a readable picture.
            MediaLimitError: if it has too many pixels, or takes too much memory or time.
        """
        pixels = self._ask(path, "picture")
        if pixels.shape[2] < 4:
            return pixels, None
        return np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])

    def mask(self, path: Path) -> Array:
        """Read a mask ``(h, w)`` uint8, 255 on the object; a file of zeros and ones counts too.

        Raises:
            MediaError: if it is not a readable picture.
            MediaLimitError: if it has too many pixels, or takes too much memory or time.
        """
        mask = self._ask(path, "mask")[..., 0]
        return mask * np.uint8(255) if mask.max(initial=0) == 1 else mask

    def _ask(self, path: Path, kind: str) -> Array:
        """Pixels ``(h, w, c)``."""
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it is dead; the answer will tell
            process.stdin.write(json.dumps([str(path.absolute()), kind]).encode() + b"\n")
            process.stdin.flush()
        answers = _Answers(process, path, self._limits.decoder_seconds)
        shape = answers.shape(self._limits.max_frame_pixels)
        pixels = np.empty(shape, np.uint8)
        answers.fill(pixels.data.cast("B"))
        return pixels

    def _started(self) -> subprocess.Popen[bytes]:
        limits = self._limits
        bounds = (
            limits.decoder_memory_bytes,
            int(limits.decoder_seconds),
            limits.max_frame_pixels,
        )
        return subprocess.Popen(
            script_command(picture_decoder.__file__, *map(str, bounds)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=environment(),
        )


class _Answers:
    """What a decoder says about one picture, as long as it may take."""

    def __init__(self, process: subprocess.Popen[bytes], path: Path, seconds: float) -> None:
        assert process.stdout is not None
        self._process, self._stream, self._path = process, process.stdout, path
        self._seconds, self._until = seconds, time.monotonic() + seconds
        self._rest = b""

    def shape(self, max_pixels: int) -> tuple[int, int, int]:
        """That of the pixels which follow; raises what the decoder refuses the picture for."""
        # A decoder that a file has taken over may say anything.
        try:
            head = self._head()
            if "error" in head:
                kind, text, remedy = KINDS[head["error"]], str(head["message"]), head["remedy"]
                raise kind(text, source=self._path, remedy=remedy)
            shape = int(head["height"]), int(head["width"]), _MODES[head["mode"]]
            if min(shape) < 1 or shape[0] * shape[1] > max_pixels:
                raise ValueError(shape)
        except (ValueError, KeyError, TypeError) as cause:
            raise MediaError("makes its decoder talk nonsense", source=self._path) from cause
        return shape

    def _head(self) -> dict[str, Any]:
        said = bytearray()
        while b"\n" not in said and len(said) < _LONGEST_HEAD:
            part = bytearray(1 << 12)
            said += part[: self._some(memoryview(part))]
        line, _, self._rest = bytes(said).partition(b"\n")
        return json.loads(line)

    def fill(self, target: memoryview) -> None:
        """The bytes after it."""
        got = min(len(self._rest), len(target))
        target[:got] = self._rest[:got]
        while got < len(target):
            got += self._some(target[got:])

    def _some(self, target: memoryview) -> int:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._stream, selectors.EVENT_READ)
            if not waiting.select(max(self._until - time.monotonic(), 0.0)):
                raise MediaLimitError(
                    f"took longer than {self._seconds:g} s to decode",
                    source=self._path,
                    remedy="scale it down",
                )
        count = self._stream.readinto(target)  # type: ignore[attr-defined]
        if not count:
            raise death(self._process.wait(), source=self._path, remedy="save it again as PNG")
        return count


def refuse_single_image(path: Path, *, limits: MediaLimits) -> TooFewFramesError:
    """The error for a lone picture, once it is known to be one.

    Raises:
        MediaError: if it is not a readable picture.
        MediaLimitError: if it has too many pixels, or takes too much memory or time.
    """
    with PictureReader(limits) as reader:
        reader.picture(path)
    return TooFewFramesError(
        "is a single picture; motion needs at least 2 frames",
        source=path,
        remedy="give a video or a capture of the moving subject, describe it with --prompt, or "
        "have a generator go on from it: --backend diffusers --model MODEL",
    )


def shrink(image: Array, mask: Array | None, max_size: int | None) -> tuple[Array, Array | None]:
    """Area-average a picture so that its longer side is at most ``max_size`` pixels.

    Colours are averaged over the masked pixels, so that the background does not bleed into the
    object's rim; where a cell holds no object, over all of it.
    """
    import cv2

    height, width = image.shape[:2]
    size = fitted_size(width, height, max_size)
    if size == (width, height):
        return image, mask
    if mask is None:
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA), None
    weight = mask.astype(np.float32)[..., None] + 1e-3
    colour = cv2.resize(image * weight, size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)[..., None]
    small = np.rint(colour / total).clip(0, 255).astype(np.uint8)
    return small, cv2.resize(mask, size, interpolation=cv2.INTER_AREA)


def fitted_size(width: int, height: int, max_size: int | None) -> tuple[int, int]:
    """Width and height scaled down, never up, so that the longer is at most ``max_size``."""
    longest = max(width, height)
    if max_size is None or longest <= max_size:
        return width, height
    scale = max_size / longest
    return max(1, round(width * scale)), max(1, round(height * scale))
