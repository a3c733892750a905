"""Video files in: untrusted clips become reels of uncalibrated frames."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.media import decoder
from reel2sim.media.children import KINDS, death, environment
from reel2sim.media.limits import DEFAULT_LIMITS, MediaLimits
from reel2sim.media.sniff import check_file
from reel2sim.scene.arrays import Array
from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import MediaLimitError, TooFewFramesError
from reel2sim.scene.lifeline import script_command
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Frame, Reel

_POLL_S = 0.05


def load_video(
    path: Path,
    *,
    limits: MediaLimits = DEFAULT_LIMITS,
    max_size: int | None = None,
    max_frames: int = 240,
    progress: Progress = silent,
) -> Reel:
    """Read a video file.

    A separate process decodes it, confined in memory and time, with demuxers and decoders named
    beforehand and no protocol but plain files.

    Args:
        path: the clip.
        limits: bounds on the input.
        max_size: longest side of the frames in memory, pixels; larger ones are scaled down.
        max_frames: frames kept; of a longer clip an even selection.
        progress: told while decoding goes on.

    Returns:
        A reel without cameras and masks, one stream ``"main"``, times from the container.

    Raises:
        MediaError: if the file is not a readable video.
        EmptyMediaError: if it holds no bytes or no frames.
        MediaLimitError: if it exceeds ``limits``.
        TooFewFramesError: if it holds a single frame.
    """
    container = check_file(path, limits)
    images, times_s = _decoded(path, container, limits, max_size, max(2, max_frames), progress)
    if len(images) < 2:
        raise TooFewFramesError(
            "holds a single frame; motion needs at least 2",
            source=path,
            remedy="give a clip of the moving subject",
        )
    frames = (
        Frame(image=image, time_s=t - times_s[0], name=f"{path.name}#{i}")
        for i, (image, t) in enumerate(zip(images, times_s, strict=True))
    )
    return Reel(tuple(frames), source=str(path), digest=digest_file(path))


def _decoded(
    path: Path,
    container: str,
    limits: MediaLimits,
    max_size: int | None,
    keep: int,
    progress: Progress,
) -> tuple[Array, list[float]]:
    """Frames ``(n, h, w, 3)`` uint8 and their times, from a decoder process."""
    job = {
        **dataclasses.asdict(limits),
        "path": str(path.resolve()),
        "container": container,
        "max_size": max_size,
        "keep": keep,
        "memory_bytes": limits.decoder_memory_bytes,
        "seconds": limits.decoder_seconds,
        "containers": sorted(limits.containers),
    }
    with tempfile.TemporaryDirectory(prefix="reel2sim-") as name:
        folder = Path(name)
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        status = _run(folder, path, limits, progress)
        answer = _answer(folder, status, path)
        shape = (len(answer["times_s"]), answer["height"], answer["width"], 3)
        images = np.fromfile(folder / "frames.raw", dtype=np.uint8).reshape(shape)
    return images, answer["times_s"]


def _run(folder: Path, path: Path, limits: MediaLimits, progress: Progress) -> int:
    """Run the decoder to its end; its exit status."""
    process = subprocess.Popen(
        script_command(decoder.__file__, str(folder)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    deadline = time.monotonic() + limits.decoder_seconds
    try:
        while True:
            try:
                return process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                progress("media", _fraction(folder), "decoding")
            if time.monotonic() > deadline:
                raise MediaLimitError(
                    f"took longer than {limits.decoder_seconds:g} s to decode",
                    source=path,
                    remedy="trim it or scale it down",
                )
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _fraction(folder: Path) -> float:
    try:
        return float((folder / "progress").read_text(encoding="ascii"))
    except (OSError, ValueError):  # not written yet, or being written now
        return 0.0


def _answer(folder: Path, status: int, path: Path) -> dict[str, Any]:
    try:
        answer = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise death(status, source=path, remedy="re-encode it as MP4") from None
    if "error" in answer:
        raise KINDS[answer["error"]](answer["message"], source=path, remedy=answer["remedy"])
    return answer
