"""Decode pictures in a process of its own, so that a hostile file can hurt nothing else.

Run as a script: ``python picture_decoder.py MEMORY_BYTES SECONDS MAX_PIXELS``. For every line on
standard input, ``[PATH, "picture" or "mask"]`` as JSON, it answers a line of JSON: the reason to
refuse it, or ``mode`` (``RGB``, ``RGBA`` or ``L``), ``width`` and ``height``, and then the pixels.
It imports nothing of the project, which keeps its start quick and its address space small.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

_FORMATS = ("PNG", "JPEG", "WEBP")
# What Pillow's parsers let through on damaged files.
_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
)


class RefusedError(Exception):
    """What the parent should raise: ``kind`` is ``media`` or ``limit``."""

    def __init__(self, kind: str, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.answer = {"error": kind, "message": message, "remedy": remedy}


def main(memory_bytes: int, seconds: int, max_pixels: int) -> None:
    """Answer until there are no more requests."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _confine(memory_bytes)
    for line in sys.stdin:
        path, kind = json.loads(line)
        _allow(seconds)
        data = b""
        try:
            image = decode(path, mask=kind == "mask", max_pixels=max_pixels)
            data = image.tobytes()
            head = {"mode": image.mode, "width": image.width, "height": image.height}
        except RefusedError as refused:
            head = refused.answer
        except MemoryError:
            head = RefusedError("limit", "needs more memory to decode than is allowed").answer
        answers.write(json.dumps(head).encode() + b"\n" + data)
        answers.flush()


def decode(path: str, *, mask: bool, max_pixels: int) -> Image.Image:
    """A picture as ``RGB``, or ``RGBA`` if it has transparency; a mask as ``L``.

    Raises:
        RefusedError: if it is not a readable picture or has too many pixels.
    """
    with _opened(path, max_pixels) as image:
        try:
            if mask:
                return image.convert("L")
            if image.mode.startswith("I"):
                image = _eight_bits(image)
            return image.convert("RGBA" if image.has_transparency_data else "RGB")
        except _DAMAGE as cause:
            raise RefusedError("media", f"is a damaged picture: {cause}") from cause


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits, as it is stored or already scaled down."""
    import numpy as np

    grey = np.asarray(image, dtype=np.int64)
    grey = (grey >> 8 if grey.max(initial=0) > 255 else grey).clip(0, 255)
    return Image.fromarray(grey.astype(np.uint8))


@contextmanager
def _opened(path: str, max_pixels: int) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            # Our own limit decides about size, not Pillow's warning.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as cause:
        raise RefusedError("limit", f"has too many pixels: {cause}") from cause
    except _DAMAGE as cause:
        raise RefusedError("media", "is not a readable PNG, JPEG or WebP picture") from cause
    with image:
        if image.width * image.height > max_pixels:
            raise RefusedError(
                "limit",
                f"is {image.width}×{image.height} pixels, more than the {max_pixels} allowed",
                "scale the pictures down",
            )
        yield image


def _confine(memory_bytes: int) -> None:
    """Limit what this process may take, where the system can."""
    with contextlib.suppress(ImportError):  # Windows
        import resource

        bounds: dict[int, Any] = {
            resource.RLIMIT_AS: memory_bytes,
            resource.RLIMIT_FSIZE: 0,
            resource.RLIMIT_CORE: 0,
        }
        for kind, bound in bounds.items():
            with contextlib.suppress(ValueError, OSError):  # a lower bound is in force already
                resource.setrlimit(kind, (bound, bound))


def _allow(seconds: int) -> None:
    """Let the next picture take so much processor time, where the system can tell."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        until = int(used.ru_utime + used.ru_stime) + seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (until, most))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
