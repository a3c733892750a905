"""How much media is too much."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MediaLimits:
    """Bounds on untrusted input. Beyond any of them reading stops with ``MediaLimitError``.

    Attributes:
        max_bytes: size of a file, or of all files of a capture folder.
        max_frame_pixels: width × height of one picture as it is stored.
        max_frames: pictures in the source.
        max_seconds: duration of the source.
        max_total_pixels: pixels kept in memory after any downscaling, over all frames.
        containers: kinds of file that may be opened: ``mov`` (MP4 and QuickTime), ``matroska``
            (and WebM), ``avi``, ``gif``, ``image`` (PNG, JPEG, WebP).
        decoder_memory_bytes: address space of the process that decodes a video or pictures.
        decoder_seconds: time that process may take for a video or a picture, by the clock and of
            all its cores.
    """

    max_bytes: int = 2 * 1024**3
    max_frame_pixels: int = 8192 * 4352
    max_frames: int = 20_000
    max_seconds: float = 600.0
    max_total_pixels: int = 1_000_000_000
    containers: frozenset[str] = frozenset({"mov", "matroska", "avi", "gif", "image"})
    decoder_memory_bytes: int = 4 * 1024**3
    decoder_seconds: float = 300.0


DEFAULT_LIMITS = MediaLimits()
