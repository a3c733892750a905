"""Pictures in: untrusted PNG, JPEG and WebP files become arrays."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from reel2sim.media.limits import MediaLimits
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import MediaError, MediaLimitError, TooFewFramesError

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
    MemoryError,
)


def read_image(path: Path, *, limits: MediaLimits) -> tuple[Array, Array | None]:
    """Read one picture.

    Returns:
        Colour ``(h, w, 3)`` uint8 sRGB, as stored (not premultiplied), and alpha ``(h, w)``
        uint8, or None if the file has none. EXIF orientation is ignored: intrinsics speak of
        stored pixels.

    Raises:
        MediaError: if it is not a readable picture.
        MediaLimitError: if it has too many pixels.
    """
    with _opened(path, limits) as image:
        try:
            if image.mode.startswith("I"):
                grey = np.asarray(image, dtype=np.int64)
                grey = (grey >> 8 if grey.max(initial=0) > 255 else grey).clip(0, 255)
                image = Image.fromarray(grey.astype(np.uint8))
            if image.has_transparency_data:
                rgba = np.asarray(image.convert("RGBA"))
                return np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])
            return np.asarray(image.convert("RGB")), None
        except _DAMAGE as cause:
            raise MediaError(f"is a damaged picture: {cause}", source=path) from cause


def read_mask(path: Path, *, limits: MediaLimits) -> Array:
    """Read a mask ``(h, w)`` uint8, 255 on the object; a file of zeros and ones counts too.

    Raises:
        MediaError: if it is not a readable picture.
        MediaLimitError: if it has too many pixels.
    """
    with _opened(path, limits) as image:
        try:
            mask = np.asarray(image.convert("L"))
        except _DAMAGE as cause:
            raise MediaError(f"is a damaged picture: {cause}", source=path) from cause
    return mask * np.uint8(255) if mask.max(initial=0) == 1 else mask


def refuse_single_image(path: Path, *, limits: MediaLimits) -> TooFewFramesError:
    """The error for a lone picture, once it is known to be one.

    Raises:
        MediaError: if it is not a readable picture.
        MediaLimitError: if it has too many pixels.
    """
    read_image(path, limits=limits)
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


def _opened(path: Path, limits: MediaLimits) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # Our own limit decides about size, not Pillow's warning.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=_FORMATS)
    except Image.DecompressionBombError as cause:
        raise MediaLimitError(f"has too many pixels: {cause}", source=path) from cause
    except _DAMAGE as cause:
        raise MediaError("is not a readable PNG, JPEG or WebP picture", source=path) from cause
    if image.width * image.height > limits.max_frame_pixels:
        image.close()
        raise MediaLimitError(
            f"is {image.width}×{image.height} pixels, more than the "
            f"{limits.max_frame_pixels} allowed",
            source=path,
            remedy="scale the pictures down",
        )
    return image
