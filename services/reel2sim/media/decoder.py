"""Decode a video in a process of its own, so that a hostile file can hurt nothing else.

Run as a script: ``python decoder.py FOLDER``, where ``FOLDER/job.json`` says what to do. The
frames go to ``FOLDER/frames.raw`` (``n × h × w × 3`` uint8 sRGB), the answer to
``FOLDER/result.json``, and ``FOLDER/progress`` holds the share that is done. It imports nothing
of the project, which keeps its start quick and its address space small.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.error import FFmpegError

# FFmpeg's names of the demuxers and decoders that may run.
_DEMUXERS = {"mov": "mov", "matroska": "matroska", "avi": "avi", "gif": "gif"}
_CODECS = {
    *("h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "libvpx", "libvpx-vp9", "gif", "mjpeg"),
    *("mpeg1video", "mpeg2video", "mpeg4", "msmpeg4v1", "msmpeg4", "msmpeg4v2", "msmpeg4v3"),
    *("h263", "prores", "dnxhd", "ffv1", "huffyuv", "rawvideo", "png", "qtrle", "wmv1", "wmv2"),
}
_DAMAGE_SHARE = 0.05  # of the packets may be unreadable
_WHOLE_SHARE = 0.9  # of the announced frames must come


class RefusedError(Exception):
    """What the parent should raise: ``kind`` is ``media``, ``empty`` or ``limit``."""

    def __init__(self, kind: str, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.answer = {"error": kind, "message": message, "remedy": remedy}


def main(folder: Path) -> None:
    """Do the job in ``folder``."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    _confine(job)
    try:
        with (folder / "frames.raw").open("wb") as sink:
            answer = _decode(job, sink, folder / "progress")
    except RefusedError as refused:
        answer = refused.answer
    except MemoryError:  # FFmpeg's is one too
        answer = RefusedError("limit", "needs more memory to decode than is allowed").answer
    (folder / "result.json").write_text(json.dumps(answer), encoding="utf-8")


def _confine(job: dict[str, Any]) -> None:
    """Limit what this process may take, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    bounds = {
        resource.RLIMIT_AS: job["memory_bytes"],
        resource.RLIMIT_CPU: int(job["seconds"]) + 1,
        resource.RLIMIT_FSIZE: 3 * job["max_total_pixels"] + 2**20,
        resource.RLIMIT_CORE: 0,
    }
    for kind, bound in bounds.items():
        try:
            resource.setrlimit(kind, (bound, bound))
        except (ValueError, OSError):  # a lower bound is in force already
            continue


def _decode(job: dict[str, Any], sink: BinaryIO, progress: Path) -> dict[str, Any]:
    count, rate = _survey(job)
    keep = set(np.linspace(0, count - 1, min(count, job["keep"])).round().astype(int).tolist())
    times: list[float] = []
    size: tuple[int, int] | None = None
    seen, pixels, last = 0, 0, -1.0
    try:
        for frame in _frames(job):
            time = last + 1 / rate if frame.time is None else float(frame.time)
            last = time = time if time > last else last + 1e-3
            if seen in keep:
                image = _rgb(frame, job["max_size"], size)
                size = (image.shape[1], image.shape[0])
                pixels += size[0] * size[1]
                if pixels > job["max_total_pixels"]:
                    raise RefusedError(
                        "limit",
                        f"its frames have more than {job['max_total_pixels']} pixels in all",
                        "keep fewer frames or scale them down (max_frames, max_size)",
                    )
                sink.write(image.tobytes())
                times.append(time)
                progress.write_text(f"{seen / count:.3f}")
            seen += 1
    except MemoryError:
        raise
    except FFmpegError as cause:
        raise RefusedError("media", f"cannot be decoded: {cause.strerror}") from cause
    if size is None:
        raise RefusedError("empty", "holds no frames that can be decoded")
    if seen < _WHOLE_SHARE * count:
        raise RefusedError(
            "media", f"is damaged: {seen} of {count} frames could be decoded", "copy it again"
        )
    return {"width": size[0], "height": size[1], "times_s": times}


def _survey(job: dict[str, Any]) -> tuple[int, float]:
    """Number of frames and frames per second, from the packets and without decoding.

    Raises:
        RefusedError: if the file is no video or beyond a limit.
    """
    with _opened(job) as (container, stream):
        codec = stream.codec_context
        if codec.name not in _CODECS:
            raise RefusedError("limit", f"uses the codec {codec.name}, which is not allowed")
        _check_size(codec, job)
        packets = shown = 0
        first, final = float("inf"), float("-inf")
        for packet in _packets(container, stream):
            if not packet.size:  # the empty one that ends the stream
                continue
            packets += 1
            if packets > job["max_frames"]:
                raise RefusedError(
                    "limit", f"has more than the {job['max_frames']} frames allowed", "trim it"
                )
            if packet.is_discard:  # cut away by an edit list
                continue
            shown += 1
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is not None and packet.time_base is not None:
                first = min(first, float(stamp * packet.time_base))
                final = max(final, float(stamp * packet.time_base))
            if final - first > job["max_seconds"]:
                raise RefusedError(
                    "limit", f"is longer than the {job['max_seconds']:g} s allowed", "trim it"
                )
        announced = stream.frames
        rate = float(stream.average_rate or 25)
    if shown == 0:
        raise RefusedError("empty", "holds no frames")
    if packets < _WHOLE_SHARE * announced:
        raise RefusedError(
            "media", f"is truncated: {packets} of {announced} frames are there", "copy it again"
        )
    return shown, rate


def _check_size(picture: Any, job: dict[str, Any]) -> None:
    if picture.width * picture.height > job["max_frame_pixels"]:
        raise RefusedError(
            "limit",
            f"is {picture.width}×{picture.height} pixels, more than the "
            f"{job['max_frame_pixels']} allowed",
            "scale it down",
        )


@contextmanager
def _opened(job: dict[str, Any]) -> Generator[tuple[Any, Any]]:
    """The container, opened by a demuxer that is named beforehand, and its video stream."""
    # `file:` keeps a name like "concat:a" from being read as a protocol.
    options = {"protocol_whitelist": "file", "max_streams": "32"}
    try:
        container = av.open(
            f"file:{job['path']}", format=_DEMUXERS[job["container"]], options=options
        )
    except MemoryError:
        raise
    except (FFmpegError, ValueError) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise RefusedError("media", f"cannot be opened: {reason}", "re-encode it as MP4") from cause
    with container:
        if not container.streams.video:
            raise RefusedError("empty", "holds no video stream")
        yield container, container.streams.best("video")


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    try:
        yield from container.demux(stream)
    except FFmpegError:
        return  # the rest is missing; the caller counts what came


def _frames(job: dict[str, Any]) -> Iterator[Any]:
    """All frames that decode; a few unreadable packets are passed over."""
    with _opened(job) as (container, stream):
        stream.thread_type = "NONE"
        # What the container announces need not be what the pictures hold.
        stream.codec_context.options = {"max_pixels": str(job["max_frame_pixels"])}
        bad = good = 0
        for packet in _packets(container, stream):
            try:
                frames = packet.decode()
            except MemoryError:
                raise
            except FFmpegError as cause:
                bad += 1
                if bad > max(2, _DAMAGE_SHARE * (good + bad)):
                    raise RefusedError(
                        "media",
                        f"is damaged after {good} frames: {cause.strerror}",
                        "copy it again",
                    ) from cause
                continue
            good += len(frames)
            for frame in frames:
                _check_size(frame, job)
                yield frame


def _rgb(frame: Any, max_size: int | None, size: tuple[int, int] | None) -> Any:
    """``(h, w, 3)`` uint8: upright, square pixels, over white where transparent."""
    turns = round((frame.rotation or 0) / 90) % 4
    if size is None:
        aspect = float(getattr(frame, "sample_aspect_ratio", None) or 1)
        width, height = max(1, round(frame.width * aspect)), frame.height
        if not 0.1 < aspect < 10:
            width = frame.width
        longest = max(width, height)
        scale = 1.0 if max_size is None else min(1.0, max_size / longest)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    else:
        width, height = size[::-1] if turns % 2 else size
    clear = frame.format.name.startswith(("bgra", "rgba", "argb", "abgr", "yuva", "pal8"))
    layout = "rgba" if clear else "rgb24"
    scaled = frame.reformat(width=width, height=height, format=layout, interpolation="AREA")
    image = scaled.to_ndarray()
    if clear:
        alpha = image[..., 3:].astype(np.uint16)
        image = ((image[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(image, turns))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
