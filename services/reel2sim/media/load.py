"""One way in for everything that can become a reel."""

from __future__ import annotations

from pathlib import Path

from reel2sim.media.capture import load_capture
from reel2sim.media.images import refuse_single_image
from reel2sim.media.limits import DEFAULT_LIMITS, MediaLimits
from reel2sim.media.sniff import check_file
from reel2sim.media.video import load_video
from reel2sim.scene.errors import MediaError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel


def load_reel(
    path: Path | str,
    *,
    limits: MediaLimits = DEFAULT_LIMITS,
    max_size: int | None = None,
    max_frames: int = 240,
    progress: Progress = silent,
) -> Reel:
    """Read a capture folder (or its ``transforms.json``) or a video file.

    Args:
        path: what to read.
        limits: bounds on untrusted input.
        max_size: longest side of the frames in memory, pixels; larger ones are scaled down.
        max_frames: frames kept of a video; a capture is always read whole.
        progress: told how far reading is.

    Returns:
        The reel, with the digest of the input's bytes.

    Raises:
        MediaError: if nothing readable is there.
        EmptyMediaError: if a file holds no bytes or no frames.
        MediaLimitError: if the input exceeds ``limits``.
        CaptureError: if a capture is incomplete or malformed.
        CameraError: if a capture's pose or intrinsic is not usable.
        NoMotionError: if a capture shows one instant only.
        TooFewFramesError: if there is a single frame, or ``path`` is a single picture.
    """
    path = Path(path)
    try:
        exists, folder = path.exists(), path.is_dir()
    except (OSError, ValueError) as cause:
        raise MediaError(f"is not a usable path: {cause}", source=path) from cause
    if not exists:
        raise MediaError(
            "does not exist", source=path, remedy="give a capture folder or a video file"
        )
    if folder or path.suffix == ".json":
        root = path if folder else path.parent
        return load_capture(root, limits=limits, max_size=max_size, progress=progress)
    if check_file(path, limits) == "image":
        raise refuse_single_image(path, limits=limits)
    return load_video(
        path, limits=limits, max_size=max_size, max_frames=max_frames, progress=progress
    )
