"""Pictures and videos of a subject from many views, written to a folder whole or not at all."""

from __future__ import annotations

import errno
import json
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from reel2sim.pipeline.layers import (
    LAYERS,
    Background,
    Drawn,
    Layer,
    conventions,
    draw,
    film_frame,
    pictures,
)
from reel2sim.pipeline.orbit import depth_range
from reel2sim.pipeline.subject import Subject
from reel2sim.pipeline.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import CaptureError, ConflictError, ExportError, UsageError
from reel2sim.scene.progress import Progress, silent

RECORD_FILE = "render.json"
"""Says what the files of a folder mean; a folder without one is never replaced."""

CAMERA_FILE = "transforms.json"
"""Cameras and times of the pictures, laid out as a capture's."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, kw_only=True)
class Film:
    """What to make of each view.

    Attributes:
        layers: which pictures; at least one.
        background: behind the object.
        keep_pictures: write PNG (and NPY) files.
        video: write one MP4 a layer; the views must have one size.
        fps: of the videos.
        video_name: their name without suffix.
    """

    layers: tuple[Layer, ...] = ("rgb",)
    background: Background = "transparent"
    keep_pictures: bool = True
    video: bool = False
    fps: float = 24.0
    video_name: str = "film"

    def __post_init__(self) -> None:
        if not self.layers:
            raise UsageError("is empty", field="layers", remedy=f"name some of {' '.join(LAYERS)}")
        if len(set(self.layers)) < len(self.layers):
            raise UsageError("names a layer twice", field="layers")
        if not (np.isfinite(self.fps) and 0 < self.fps <= 240):
            raise UsageError("is out of range", field="fps", remedy="give a number from 0 to 240")


@dataclass(frozen=True)
class Shot:
    """What was written.

    Attributes:
        pictures: files of the pictures, view by view.
        videos: files of the videos, layer by layer.
        held: names of the views whose time lies outside of the motion and was held to its end.
        too_far: names of the views with depths that a PNG cannot hold.
    """

    pictures: tuple[Path, ...]
    videos: tuple[Path, ...]
    held: tuple[str, ...]
    too_far: tuple[str, ...]


def shoot(
    subject: Subject,
    views: Sequence[View],
    out: Path,
    film: Film,
    *,
    source: str = "",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Shot:
    """Render ``subject`` once for every view.

    Args:
        subject: what to render.
        views: from where and when; times outside of the motion are held to its ends.
        out: folder to make.
        film: which layers, and as what.
        source: name of what is filmed, for the record.
        overwrite: replace ``out`` if an earlier call made it.
        progress: told before every view.

    Raises:
        ConflictError: if ``out`` holds something that may not be replaced.
        CaptureError: if two pictures would have one name.
        UsageError: if a video is asked of views of several sizes.
        ExhaustedError: if the disk is full.
    """
    from reel2sim.exporters.staging import staged_folder

    check_replaceable(out, overwrite=overwrite)
    _check_names(views, film)
    sizes = {(view.camera.width, view.camera.height) for view in views}
    if film.video and len(sizes) > 1:
        raise UsageError(
            f"the cameras have {len(sizes)} sizes, a video has one",
            field="video",
            remedy="pass --size",
        )
    held = tuple(view.name for view in views if not subject.covers(view.time_s))
    too_far: list[str] = []
    files: list[str] = []
    reach = depth_range(subject, views) if film.video and "depth" in film.layers else (0.0, 1.0)
    with staged_folder(out, overwrite=overwrite) as folder:
        with _videos(folder, film) as reels:
            for i, view in enumerate(views):
                progress("render", i / len(views), f"{i + 1} of {len(views)}")
                drawn = draw(subject, view.camera, view.time_s, film.layers)
                if film.keep_pictures:
                    files += _keep(folder, view.name, drawn, film)
                    if "depth" in film.layers and drawn.too_far:
                        too_far.append(view.name)
                for layer, reel in reels.items():
                    reel.write(film_frame(drawn, layer, film.background, depth_range=reach))
        videos = [_video_name(film, layer) for layer in film.layers] if film.video else []
        record = _record(subject, views, film, source=source, videos=videos, reach=reach)
        _write_json(folder / RECORD_FILE, {**record, "held": held, "too_far": too_far})
        _write_json(folder / CAMERA_FILE, _cameras(views, film))
    progress("render", 1.0, f"{len(views)} views")
    return Shot(
        tuple(out / name for name in files),
        tuple(out / name for name in videos),
        held,
        tuple(too_far),
    )


def check_replaceable(out: Path, *, overwrite: bool) -> None:
    """Raise ConflictError if ``out`` holds something that may not be replaced.

    Only a folder of pictures that was made here ever is: a slip in ``--out`` must not cost a
    home folder.
    """
    if out.is_file():
        raise ConflictError("is a file", source=out, remedy="choose another folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not (out / RECORD_FILE).is_file():
        raise ConflictError(
            "is not empty and holds no earlier render", source=out, remedy="choose another folder"
        )
    if not overwrite:
        raise ConflictError(
            "exists already", source=out, remedy="choose another folder, or pass --overwrite"
        )


def _file_name(name: str, ending: str) -> str:
    return f"{name.removesuffix('.png')}{ending}"


def _video_name(film: Film, layer: Layer) -> str:
    return f"{film.video_name}.mp4" if layer == "rgb" else f"{film.video_name}.{layer}.mp4"


def _check_names(views: Sequence[View], film: Film) -> None:
    """Refuse pictures that would overwrite each other, or lie in one another."""
    endings = [ending for layer in film.layers for ending in LAYERS[layer]]
    names = [_file_name(view.name, ending) for view in views for ending in endings]
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise CaptureError(f"several pictures would be written to {name!r}", field="file_path")
        seen.add(name)
    for name in names:
        inside = [str(p) for p in PurePosixPath(name).parents if str(p) in seen]
        if inside:
            raise CaptureError(f"{inside[0]!r} would be a picture and a folder", field="file_path")


@contextmanager
def _videos(folder: Path, film: Film) -> Generator[dict[Layer, Any]]:
    """A writer for each layer, if videos are wanted."""
    from reel2sim.media import VideoWriter

    with ExitStack() as stack:
        reels: dict[Layer, Any] = {}
        for layer in film.layers if film.video else ():
            writer = VideoWriter(folder / _video_name(film, layer), film.fps)
            reels[layer] = stack.enter_context(writer)
        yield reels


def _keep(folder: Path, name: str, drawn: Drawn, film: Film) -> list[str]:
    """Write the pictures of one view; their names."""
    written: list[str] = []
    try:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        for layer in film.layers:
            for ending, pixels in pictures(drawn, layer, film.background).items():
                written.append(_file_name(name, ending))
                _write_pixels(folder / written[-1], pixels)
    except OSError as cause:
        if cause.errno in _FULL:
            raise
        raise ExportError(f"cannot be written: {cause.strerror}", source=name) from cause
    return written


def _write_pixels(path: Path, pixels: Array) -> None:
    from PIL import Image

    if path.suffix == ".npy":
        np.save(path, pixels, allow_pickle=False)
    else:
        Image.fromarray(pixels).save(path, format="PNG")


def _record(
    subject: Subject,
    views: Sequence[View],
    film: Film,
    *,
    source: str,
    videos: Sequence[str],
    reach: tuple[float, float],
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "source": source,
        "motion_s": [subject.start_s, subject.stop_s],
        "views": len(views),
        "background": film.background,
        "layers": conventions(subject, film.layers),
    }
    if film.video:
        record["videos"] = list(videos)
        record["fps"] = film.fps
        if "depth" in film.layers:
            record["layers"]["depth"]["video_white_to_dark_m"] = list(reach)
    return record


def _cameras(views: Sequence[View], film: Film) -> dict[str, Any]:
    """The views in a capture's layout, with the keys under which others look for layers."""
    from reel2sim.scene.camera import camera_fields

    entries: list[dict[str, Any]] = []
    for view in views:
        entry: dict[str, Any] = {
            "file_path": view.name,
            "time": view.time_s,
            **camera_fields(view.camera),
        }
        if film.keep_pictures and "depth" in film.layers:
            entry["depth_file_path"] = _file_name(view.name, ".depth.png")
        if film.keep_pictures and "alpha" in film.layers:
            entry["mask_path"] = _file_name(view.name, ".alpha.png")
        entries.append(entry)
    return {"camera_model": "OPENCV", "frames": entries}


def _write_json(path: Path, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
