"""Pictures of a result beside its input, for the bundle's preview and report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.camera import Camera
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Frame, Reel

if TYPE_CHECKING:
    from reel2sim.exporters.media import BundleMedia

PALETTE = np.array(
    [
        [187, 187, 187],
        [230, 159, 0],
        [86, 180, 233],
        [0, 158, 115],
        [240, 228, 66],
        [0, 114, 178],
        [213, 94, 0],
        [204, 121, 167],
    ],
    dtype=np.float32,
)
"""Okabe and Ito's colours, told apart by colour-blind people; grey is the root link."""

_BACKGROUND = 1.0
_MIN_FPS, _MAX_FPS = 2.0, 60.0


def preview_frames(reel: Reel, *, most: int) -> tuple[Frame, ...]:
    """At most ``most`` frames, evenly from the stream that shows the motion best.

    That is the stream called ``front`` if it moves; else the one with most distinct times.
    Frames of one stream that share a time count once.
    """
    streams: dict[str, list[Frame]] = {}
    for name, frames in reel.streams.items():
        distinct = {frame.time_s: frame for frame in reversed(frames)}
        streams[name] = [distinct[time] for time in sorted(distinct)]
    best = max(streams, key=lambda name: len(streams[name]))
    if len(streams.get("front", ())) > 1:
        best = "front"
    frames = streams[best]
    picked = np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int))
    return tuple(frames[i] for i in picked)


def link_colors(count: int) -> Array:
    """Colours ``(count, 3)``, 0..1, of the links; beyond the palette they repeat darker."""
    index = np.arange(count)
    # The root's grey is not reused, so that a moving part never looks like the base.
    within = np.where(index == 0, 0, (index - 1) % (len(PALETTE) - 1) + 1)
    shade = 0.6 ** (np.maximum(index - 1, 0) // (len(PALETTE) - 1))
    return (PALETTE[within] / 255.0 * shade[:, None]).astype(np.float32)


def render_preview(
    asset: RiggedAsset,
    reel: Reel,
    *,
    frames: int = 24,
    size: int = 512,
    progress: Progress = silent,
) -> BundleMedia | None:
    """Render ``asset`` as the reel's cameras saw it.

    Args:
        asset: the result.
        reel: its input, with cameras.
        frames: most frames to show.
        size: largest side of a picture, pixels; pictures are never enlarged.
        progress: told after each frame.

    Returns:
        Input, reconstruction and parts on white, or None if the reel has no cameras.
    """
    from reel2sim.exporters.media import BundleMedia

    picked = preview_frames(reel, most=frames)
    views = [_reduced(frame.camera, size) for frame in picked if frame.camera is not None]
    if len(views) < len(picked):
        return None
    # All pictures of a video have one size, that of the first.
    height, width = views[0].height, views[0].width
    inputs, posed, parts = [], [], []
    colors = link_colors(len(asset.links))[asset.surfel_links]
    for i, (frame, view) in enumerate(zip(picked, views, strict=True)):
        progress("preview", i / len(picked), f"frame {i + 1} of {len(picked)}")
        camera = view.resized(width, height)
        rgb, part = _render(asset, frame.time_s, camera, colors)
        inputs.append(_input_picture(frame, width, height))
        posed.append(rgb)
        parts.append(part)
    progress("preview", 1.0, f"{len(picked)} frames")
    times = np.array([frame.time_s for frame in picked])
    span = float(times[-1] - times[0])
    fps = (len(times) - 1) / span if span > 0 else 1.0
    return BundleMedia(
        times_s=times,
        input_frames=np.stack(inputs),
        reconstructed=np.stack(posed),
        parts=np.stack(parts),
        fps=float(np.clip(fps, _MIN_FPS, _MAX_FPS)),
    )


def _reduced(camera: Camera, size: int) -> Camera:
    """The camera with sides of at most ``size`` pixels, both even as video wants them."""
    scale = min(1.0, size / max(camera.width, camera.height))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (camera.width, camera.height))
    return camera.resized(width, height)


def _render(
    asset: RiggedAsset, time_s: float, camera: Camera, colors: Array
) -> tuple[Array, Array]:
    """Surfels and links at ``time_s``: two ``(h, w, 3)`` uint8 pictures on white."""
    from reel2sim.reconstruction import render

    background = (_BACKGROUND, _BACKGROUND, _BACKGROUND)
    shown = render(asset.surfels_at(time_s), camera, background=background, features=colors)
    # Features are blended over nothing, so white goes behind what is left of the light.
    behind = (1.0 - shown.alpha[..., None]) * _BACKGROUND
    parts = behind if shown.features is None else shown.features + behind
    return _bytes(shown.rgb), _bytes(parts)


def _input_picture(frame: Frame, width: int, height: int) -> Array:
    """The frame on white outside its mask, ``(height, width, 3)`` uint8."""
    import cv2

    image = frame.image.astype(np.float32) / 255.0
    if frame.mask is not None:
        mask = frame.mask[..., None].astype(np.float32) / 255.0
        image = image * mask + (1.0 - mask) * _BACKGROUND
    return _bytes(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def _bytes(image: Array) -> Array:
    return (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
