"""The pictures that one view can give: colour, depth, normals, parts and coverage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from reel2sim.pipeline.subject import Subject
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

if TYPE_CHECKING:
    from reel2sim.reconstruction.render import Rendered

Background = Literal["transparent", "white", "black"]
Layer = Literal["rgb", "depth", "normal", "parts", "alpha"]

LAYERS: Mapping[Layer, tuple[str, ...]] = {
    "rgb": (".png",),
    "depth": (".depth.png", ".depth.npy"),
    "normal": (".normal.png",),
    "parts": (".parts.png", ".index.png"),
    "alpha": (".alpha.png",),
}
"""Each layer and how the names of its files end."""

DEPTH_SCALE_M = 0.001
"""Metres in one unit of a depth picture."""

_DEPTH_MOST = 65535
_COVERED = 0.5
"""Coverage from which a pixel belongs to a part."""
_FAINT = 0.05
"""Coverage under which a pixel has neither depth nor normal."""
_FAR_TONE = 0.15
"""Grey of the farthest point in a film of depth; the nearest is white."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """One view, before it is turned into pictures.

    Attributes:
        shown: colour over black, coverage, depth and normals.
        index: 1 + the part that covers each pixel ``(h, w)``, 0 for none; None if not asked for.
        part_colors: colour of each part ``(p, 3)``, 0..1.
    """

    shown: Rendered
    index: Array | None
    part_colors: Array

    @property
    def too_far(self) -> bool:
        """Whether some depth is beyond what a depth picture can hold."""
        return bool((self.shown.depth > _DEPTH_MOST * DEPTH_SCALE_M).any())


def draw(subject: Subject, camera: Camera, time_s: float, layers: Iterable[Layer]) -> Drawn:
    """Draw ``subject`` as ``camera`` sees it at ``time_s``, held to the motion's ends."""
    from reel2sim.reconstruction.render import render

    surfels = subject.surfels_at(subject.held(time_s))
    if "parts" not in layers:
        return Drawn(render(surfels, camera), None, subject.part_colors)
    ids, owner = np.unique(subject.part_of, return_inverse=True)
    shown = render(surfels, camera, features=np.eye(len(ids), dtype=np.float32)[owner])
    index = np.zeros(shown.alpha.shape, dtype=np.int32)
    if shown.features is not None and len(ids):
        leading = ids[shown.features.argmax(axis=-1)] + 1
        index = np.where(shown.alpha >= _COVERED, leading, 0).astype(np.int32)
    return Drawn(shown, index, subject.part_colors)


def pictures(drawn: Drawn, layer: Layer, background: Background) -> dict[str, Array]:
    """What is kept of a layer: file ending to pixels, uint8 and uint16 for PNG, float32 for NPY.

    Transparent pictures have straight alpha.
    """
    if layer == "depth":
        units = np.rint(drawn.shown.depth / DEPTH_SCALE_M)
        return {
            ".depth.png": np.minimum(units, _DEPTH_MOST).astype(np.uint16),
            ".depth.npy": drawn.shown.depth,
        }
    if layer == "alpha":
        return {".alpha.png": _bytes(drawn.shown.alpha)}
    pixels = _backed(*_painted(drawn, layer), background)
    if layer == "parts":
        return {".parts.png": pixels, ".index.png": _index(drawn)}
    return {LAYERS[layer][0]: pixels}


def film_frame(
    drawn: Drawn, layer: Layer, background: Background, *, depth_range: tuple[float, float]
) -> Array:
    """A layer as a frame of a video, ``(h, w, 3)`` uint8.

    Args:
        drawn: the view.
        layer: what to show.
        background: behind the object; video has no transparency, so white stands for it.
        depth_range: metres shown as white and as dark grey.
    """
    opaque: Background = "white" if background == "transparent" else background
    if layer == "alpha":
        return np.repeat(_bytes(drawn.shown.alpha)[..., None], 3, axis=-1)
    if layer != "depth":
        return _backed(*_painted(drawn, layer), opaque)
    near, far = depth_range
    away = np.clip((drawn.shown.depth - near) / max(far - near, 1e-9), 0.0, 1.0)
    grey = 1.0 - (1.0 - _FAR_TONE) * away
    # White would hide the nearest points, so depth is always filmed on black.
    covered = np.where(drawn.shown.depth > 0, drawn.shown.alpha, 0.0)
    return _backed(np.repeat(grey[..., None], 3, axis=-1), covered, "black")


def conventions(subject: Subject, layers: Iterable[Layer]) -> dict[str, Any]:
    """What the numbers in the pictures of ``layers`` mean, for machines and for people."""
    colors = np.rint(subject.part_colors * 255).astype(int).tolist()
    legend = [
        {"id": i + 1, "name": name, "color": colors[i]} for i, name in enumerate(subject.part_names)
    ]
    known: dict[Layer, dict[str, Any]] = {
        "rgb": {"files": ["*.png"], "what": "sRGB"},
        "depth": {
            "files": ["*.depth.png", "*.depth.npy"],
            "what": "mean depth along the optical axis, weighted by coverage; 0 where nothing is",
            "png_scale_m": DEPTH_SCALE_M,
            "npy_scale_m": 1.0,
            "png_most_m": _DEPTH_MOST * DEPTH_SCALE_M,
        },
        "normal": {
            "files": ["*.normal.png"],
            "what": "unit normals that face the camera, world axes",
            "decode": "n = 2 * rgb / 255 - 1",
        },
        "parts": {
            "files": ["*.parts.png", "*.index.png"],
            "what": f"the {subject.kind} that covers most of each pixel; index 0 is none",
            "legend": legend,
        },
        "alpha": {"files": ["*.alpha.png"], "what": "coverage, 255 is full"},
    }
    return {layer: known[layer] for layer in layers}


def _painted(drawn: Drawn, layer: Layer) -> tuple[Array, Array]:
    """Straight colours ``(h, w, 3)`` of a layer and how much they cover ``(h, w)``, 0..1."""
    alpha = np.clip(drawn.shown.alpha, 0.0, 1.0)
    if layer == "rgb":
        return drawn.shown.rgb / np.maximum(alpha, 1e-6)[..., None], alpha
    if layer == "normal":
        length = np.linalg.norm(drawn.shown.normal, axis=-1, keepdims=True)
        shown = (alpha > _FAINT) & (length[..., 0] > 1e-6)
        # A blend with the background would be no normal any more: covered or not at all.
        return 0.5 + 0.5 * drawn.shown.normal / np.maximum(length, 1e-6), shown.astype(np.float32)
    index = _index(drawn)
    colors = np.vstack([np.zeros((1, 3), np.float32), drawn.part_colors])
    return colors[index], (index > 0).astype(np.float32)


def _index(drawn: Drawn) -> Array:
    if drawn.index is None:
        raise ValueError("the view was drawn without parts")
    return drawn.index.astype(np.uint8 if len(drawn.part_colors) < 256 else np.uint16)


def _backed(colors: Array, alpha: Array, background: Background) -> Array:
    """Straight colours over a background, or with their alpha, as uint8."""
    cover = alpha[..., None]
    if background == "transparent":
        return _bytes(np.concatenate([colors * (cover > 0), cover], axis=-1))
    behind = 1.0 if background == "white" else 0.0
    return _bytes(np.clip(colors, 0.0, 1.0) * cover + behind * (1.0 - cover))


def _bytes(image: Array) -> Array:
    return (np.clip(image, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
