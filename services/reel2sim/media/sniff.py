"""Tell what a file is from its first bytes, before any decoder sees it."""

from __future__ import annotations

from pathlib import Path

from reel2sim.media.limits import MediaLimits
from reel2sim.scene.errors import EmptyMediaError, MediaError, MediaLimitError

_REMEDY = "give an MP4, MOV, WebM, MKV, AVI or GIF file, or a capture folder"
_MOV_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot"}


def container_of(head: bytes) -> str | None:
    """Kind of container that starts with ``head`` (16 bytes suffice), or None if unknown.

    Returns:
        One of the names in ``MediaLimits.containers``.
    """
    if head[4:8] in _MOV_BOXES:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    if webp or head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")):
        return "image"
    return None


def check_file(path: Path, limits: MediaLimits) -> str:
    """Kind of container of a file that may be opened.

    Raises:
        MediaError: if it is not a readable file of a known kind.
        EmptyMediaError: if it holds no bytes.
        MediaLimitError: if it is too large or its container is not allowed.
    """
    try:
        if not path.is_file():
            raise MediaError("is not a regular file", source=path, remedy=_REMEDY)
        size = path.stat().st_size
        with path.open("rb") as stream:
            head = stream.read(16)
    except OSError as cause:
        raise MediaError(f"cannot be read: {cause.strerror or cause}", source=path) from cause
    if size == 0:
        raise EmptyMediaError("is empty (0 bytes)", source=path, remedy=_REMEDY)
    if size > limits.max_bytes:
        raise MediaLimitError(
            f"has {size} bytes, more than the {limits.max_bytes} allowed",
            source=path,
            remedy="trim or re-encode it",
        )
    kind = container_of(head)
    if kind is None:
        raise MediaError(
            "is not a video or picture of a known kind, whatever its name says",
            source=path,
            remedy=_REMEDY,
        )
    if kind not in limits.containers:
        raise MediaLimitError(
            f"is a {kind} file; allowed are {', '.join(sorted(limits.containers))}", source=path
        )
    return kind
