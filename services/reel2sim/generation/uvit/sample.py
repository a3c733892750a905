"""One sample of a training set: frames, cameras, prompt, motion magnitude and paths of points."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.generation.archive import write_arrays
from reel2sim.generation.uvit.config import Layout
from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError, NotFoundError, Reel2SimError
from reel2sim.scene.reel import Frame, Reel

SAMPLES = "samples"
_MOST_BYTES = 1 << 28
"""A sample that unpacks to more than this is refused before it is read."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One object, filmed.

    Attributes:
        images: ``(f, h, w, 4)`` uint8: colours over white and coverage, in the order of a layout.
        cameras: of each frame.
        times_s: of each frame ``(f,)``, seconds; the still orbit's are 0.
        tracks: paths of surface points in the front camera ``(n, t, 2)`` float32, from −1 at the
            left or top border to 1 at the right or bottom one; n may be 0.
        prompt: what it shows.
        motion: 3D-to-4D motion magnitude, see :func:`.motion.motion_magnitude`.
    """

    images: Array
    cameras: tuple[Camera, ...]
    times_s: Array
    tracks: Array
    prompt: str
    motion: float

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {"f": len(self.cameras)}
        images = checked("images", self.images, ("f", "h", "w", 4), dtype=np.uint8, sizes=sizes)
        times = checked("times_s", self.times_s, ("f",), sizes=sizes)
        tracks = checked("tracks", self.tracks, ("n", "t", 2), dtype=np.float32)
        if not (np.isfinite(self.motion) and self.motion >= 0):
            raise InputError("must be finite and not negative", source="Sample", field="motion")
        assign(self, images=images, times_s=times, tracks=tracks, motion=float(self.motion))

    def reel(self, layout: Layout, *, source: str = "", alpha: bool = True) -> Reel:
        """The frames as a reel, with masks if ``alpha``."""
        counts: dict[str, int] = {}
        frames: list[Frame] = []
        for i, stream in enumerate(layout.streams):
            k = counts[stream] = counts.get(stream, -1) + 1
            frames.append(
                Frame(
                    image=self.images[i, ..., :3],
                    time_s=float(self.times_s[i]),
                    camera=self.cameras[i],
                    mask=self.images[i, ..., 3] if alpha else None,
                    stream=stream,
                    name=f"{stream}/{k:04d}.png",
                )
            )
        return Reel(tuple(frames), source=source, prompt=self.prompt)


def check_layout(sample: Sample, layout: Layout, *, source: object) -> None:
    """Refuse a sample that has not the frames of ``layout``.

    Raises:
        InputError: if it has not.
    """
    f, h, w = sample.images.shape[:3]
    if (f, h, w) != (layout.frames, layout.size, layout.size):
        raise InputError(
            f"has {f} frames of {w}×{h}, the layout {layout.frames} of {layout.size}×{layout.size}",
            source=source,
        )
    if sample.tracks.shape[1] != layout.front and len(sample.tracks):
        raise InputError("tracks are not as long as the front stream", source=source)


def write_sample(sample: Sample, path: Path) -> None:
    """Write a compressed ``.npz``; the same sample gives the same bytes."""
    record = {"prompt": sample.prompt, "motion": sample.motion}
    arrays = {
        "images": sample.images,
        "intrinsics": np.array([[c.fx, c.fy, c.cx, c.cy] for c in sample.cameras]),
        "T_world_camera": np.stack([c.T_world_camera for c in sample.cameras]),
        "times_s": sample.times_s,
        "tracks": sample.tracks,
        "record": np.frombuffer(json.dumps(record).encode(), np.uint8),
    }
    write_arrays(path, arrays)


def read_sample(path: Path) -> Sample:
    """Read what :func:`write_sample` wrote; nothing in it can run.

    Raises:
        InputError: if it is malformed, or unpacks to more than 256 MiB.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > _MOST_BYTES:
            raise InputError(f"unpacks to {size} bytes", source=path)
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        record = json.loads(arrays["record"].tobytes())
        images = arrays["images"]
        return Sample(
            images=images,
            cameras=_cameras(arrays, images.shape[1], images.shape[2]),
            times_s=arrays["times_s"],
            tracks=arrays["tracks"],
            prompt=str(record["prompt"]),
            motion=float(record["motion"]),
        )
    except Reel2SimError as cause:
        raise InputError(str(cause), source=path) from cause
    except (OSError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as cause:
        raise InputError(f"is not a sample: {cause}", source=path) from cause


def _cameras(arrays: dict[str, Any], height: int, width: int) -> tuple[Camera, ...]:
    pairs = zip(arrays["intrinsics"].tolist(), arrays["T_world_camera"], strict=True)
    return tuple(Camera(width, height, fx, fy, cx, cy, T) for (fx, fy, cx, cy), T in pairs)


def sample_files(folder: Path) -> tuple[Path, ...]:
    """The samples of a data set, in order.

    Raises:
        NotFoundError: if there are none.
    """
    found = tuple(sorted((folder / SAMPLES).glob("*.npz")))
    if not found:
        raise NotFoundError(
            "holds no samples", source=folder, remedy="make them with `reel2sim generator data`"
        )
    return found


def stack_images(samples: Sequence[Sample]) -> Array:
    """All pictures ``(n, f, h, w, 4)`` uint8."""
    return np.stack([sample.images for sample in samples])
