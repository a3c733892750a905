"""What was found, drawn over what went in: parts in colour, joints as arrows with their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from reel2sim.pipeline.preview import link_colors, preview_frames
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError
from reel2sim.scene.reel import Frame, Reel
from reel2sim.scene.rig import Joint, JointType
from reel2sim.scene.transforms import apply

_COVER, _ROOT_COVER = 0.55, 0.25
"""How much of a picture the colour of a part hides; less of the root, which says little."""
_OVERHANG = 0.12
"""How far an axis sticks out of its part, in diagonals of the object."""
_LEAST = 0.15
"""Least length of an axis, likewise."""
_NEAR = 1e-3
"""Least depth of what is drawn, as a share of the distance to the object."""
_SUBPIXEL = 4
_DASH_PX, _HEAD_PX = 7.0, 9.0
_FONT_PX, _TITLE_PX, _GAP_PX = 12, 15, 4
LINE_PX = _FONT_PX + 3
"""Height of a line of text."""
_INK, _HALO = (255, 255, 255), (20, 20, 20)

Color: TypeAlias = tuple[int, int, int]
"""Red, green and blue, sRGB 0..255."""


@dataclass(frozen=True, eq=False)
class Axis:
    """Where a joint is drawn.

    Attributes:
        joint: the joint.
        ends: of its axis, the second where it points to ``(2, 3)``, world, metres.
    """

    joint: Joint
    ends: Array


def draw_sheet(
    asset: RiggedAsset,
    reel: Reel,
    *,
    frames: int = 8,
    columns: int = 4,
    width: int = 400,
    title: str = "",
) -> Array | None:
    """A few frames with parts and joints drawn over them, row by row.

    Args:
        asset: what was found.
        reel: what it was found in, with cameras in the asset's world.
        frames: most frames to show; the same as of a preview of so many.
        columns: frames in a row.
        width: of a frame, pixels; frames are never enlarged.
        title: written above, if anything.

    Returns:
        ``(h, w, 3)`` uint8 sRGB, or None if a frame has no camera.
    """
    picked = preview_frames(reel, most=frames)
    if any(frame.camera is None for frame in picked):
        return None
    tiles = [draw_overlay(asset, frame, width=width) for frame in picked]
    height, width = np.max([tile.shape[:2] for tile in tiles], axis=0)
    across = min(columns, len(tiles))
    top = _TITLE_PX + 2 * _GAP_PX if title else 0
    down = -(-len(tiles) // across)
    size = top + down * (height + _GAP_PX) - _GAP_PX, across * (width + _GAP_PX) - _GAP_PX
    sheet = np.full((*size, 3), 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = top + (i // across) * (height + _GAP_PX), (i % across) * (width + _GAP_PX)
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    if not title:
        return sheet
    image = Image.fromarray(sheet)
    font = ImageFont.load_default(_TITLE_PX)
    ImageDraw.Draw(image).text((_GAP_PX, _GAP_PX // 2), title, fill=_HALO, font=font)
    return np.asarray(image)


def draw_overlay(asset: RiggedAsset, frame: Frame, *, width: int) -> Array:
    """One frame with the parts in colour and the joints' axes where they are at its time.

    An arrow points along the axis: a joint turns around it as a right hand's fingers bend, or
    slides along it. Axes of joints that were not observed are dashed.

    Args:
        asset: what was found.
        frame: the picture, with a camera in the asset's world.
        width: of the result, unless the frame is smaller, pixels.

    Returns:
        ``(h, w, 3)`` uint8 sRGB.

    Raises:
        InputError: if the frame has no camera.
    """
    if frame.camera is None:
        raise InputError("has no camera", source=frame.name or "Frame")
    camera = _narrowed(frame.camera, width)
    picture = cv2.resize(frame.image, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    canvas = _tinted(asset, frame.time_s, camera, picture)
    labels: list[tuple[str, Array, Color]] = []
    for axis in joint_axes(asset, frame.time_s):
        color = _color(asset, axis.joint)
        ends = _seen(camera, axis.ends)
        if ends is not None:
            _arrow(canvas, ends, color, axis.joint)
            labels.append((_label(axis.joint), ends[1], color))
    return _written(canvas, labels, f"{frame.time_s:.2f} s")


def joint_axes(asset: RiggedAsset, time_s: float) -> list[Axis]:
    """The axes of all joints that can move, where they are at ``time_s``.

    A joint's axis is as long as what it carries; that of a slide goes through its middle.
    """
    rest, motions = asset.rest_poses, asset.link_motions_at(time_s)
    points, owners = asset.surfels.means.astype(np.float64), asset.surfel_links
    diagonal = _diagonal(points)
    found: list[Axis] = []
    for joint in asset.joints:
        if joint.type is JointType.FIXED:
            continue
        link = asset.link_index[joint.child]
        own = points[owners == link]
        ends = _at_rest(joint, rest[link][:3, 3], own, diagonal)
        found.append(Axis(joint, apply(motions[link], ends)))
    return found


def _at_rest(joint: Joint, pivot: Array, own: Array, diagonal: float) -> Array:
    """Ends ``(2, 3)`` of an axis at rest, ``own`` ``(n, 3)`` being what it moves."""
    through = own.mean(axis=0) if len(own) and not joint.type.angular else pivot
    low, high = -_LEAST * diagonal / 2, _LEAST * diagonal / 2
    if len(own):
        along = (own - through) @ joint.axis
        low, high = (float(x) for x in np.percentile(along, [2, 98]))
        lacking = max(0.0, _LEAST * diagonal - (high - low)) / 2
        low, high = low - lacking, high + lacking
    beyond = _OVERHANG * diagonal
    return through + np.array([[low - beyond], [high + beyond]]) * joint.axis


def _diagonal(points: Array) -> float:
    """Of the box that holds nearly all points ``(n, 3)``; a metre for none."""
    if not len(points):
        return 1.0
    low, high = np.percentile(points, [2, 98], axis=0)
    return max(float(np.linalg.norm(high - low)), 1e-6)


def _narrowed(camera: Camera, width: int) -> Camera:
    scale = min(1.0, width / camera.width)
    return camera.resized(max(1, round(camera.width * scale)), max(1, round(camera.height * scale)))


def _tinted(asset: RiggedAsset, time_s: float, camera: Camera, picture: Array) -> Array:
    """The picture with the surfels of each part in its colour over it."""
    from reel2sim.reconstruction import render

    if not len(asset.surfels):
        return picture.copy()
    colors = link_colors(len(asset.links))
    cover = np.where(np.arange(len(colors)) == 0, _ROOT_COVER, _COVER).astype(np.float32)
    features = np.column_stack([colors * cover[:, None], cover])[asset.surfel_links]
    drawn = render(asset.surfels_at(time_s), camera, features=features).features
    assert drawn is not None
    tinted = picture / 255.0 * (1.0 - drawn[..., 3:]) + drawn[..., :3]
    return (np.clip(tinted, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _color(asset: RiggedAsset, joint: Joint) -> Color:
    rgb = link_colors(len(asset.links))[asset.link_index[joint.child]]
    red, green, blue = (round(255 * float(x)) for x in rgb)
    return red, green, blue


def _seen(camera: Camera, ends: Array) -> Array | None:
    """Pixels ``(2, 2)`` of what is in front of the camera; None if nothing is."""
    near = _NEAR * float(np.linalg.norm(ends - camera.position, axis=1).max())
    _, depth = camera.project(ends)
    if (depth <= near).all():
        return None
    for i in np.nonzero(depth <= near)[0]:
        share = (near - depth[i]) / (depth[1 - i] - depth[i])
        ends = ends.copy()
        ends[i] = ends[i] + share * (ends[1 - i] - ends[i])
    return camera.project(ends)[0]


def _arrow(canvas: Array, ends: Array, color: Color, joint: Joint) -> None:
    """Draw an axis, dark behind its colour so that it is seen on any picture."""
    for thickness, ink in ((4, _HALO), (2, color)):
        for a, b in _strokes(ends, dashed=not joint.observed):
            _line(canvas, a, b, ink, thickness)
        along = ends[1] - ends[0]
        length = float(np.linalg.norm(along))
        if length > 1.0:
            along = along / length
            across = np.array([-along[1], along[0]])
            for side in (-0.5, 0.5):
                _line(canvas, ends[1], ends[1] + _HEAD_PX * (side * across - along), ink, thickness)


def _strokes(ends: Array, *, dashed: bool) -> list[tuple[Array, Array]]:
    if not dashed:
        return [(ends[0], ends[1])]
    count = max(1, int(np.linalg.norm(ends[1] - ends[0]) / _DASH_PX)) | 1
    at = np.linspace(0.0, 1.0, count + 1)[:, None]
    points = ends[0] + at * (ends[1] - ends[0])
    return [(points[i], points[i + 1]) for i in range(0, count, 2)]


def _line(canvas: Array, a: Array, b: Array, ink: Color, thickness: int) -> None:
    # Far outside of the picture OpenCV's fixed-point numbers overflow.
    far = 8.0 * max(canvas.shape[:2])
    (x0, y0), (x1, y1) = (
        (int(v) for v in np.round(np.clip(p, -far, far) * 2**_SUBPIXEL)) for p in (a, b)
    )
    cv2.line(canvas, (x0, y0), (x1, y1), ink, thickness, cv2.LINE_AA, _SUBPIXEL)


def _label(joint: Joint) -> str:
    seen = "" if joint.observed else " (not observed)"
    return f"{joint.name} {joint.type.value} {joint.confidence:.2f}{seen}"


def _written(canvas: Array, labels: Sequence[tuple[str, Array, Color]], corner: str) -> Array:
    """Labels beside the ends of their axes, and a word in the corner."""
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(_FONT_PX)
    texts = [(corner, _INK), *((text, _bright(color)) for text, _, color in labels)]
    lengths = [draw.textlength(text, font=font) for text, _ in texts]
    below = np.array([0.0, float(image.height)])
    wanted = np.stack([below, *(end + np.array([6.0, 4.0]) for _, end, _ in labels)])
    places = label_places(wanted, lengths, image.size)
    for (text, color), place in zip(texts, places, strict=True):
        at = float(place[0]), float(place[1])
        draw.text(at, text, fill=color, font=font, stroke_width=2, stroke_fill=_HALO)
    return np.asarray(image)


def label_places(wanted: Array, lengths: Sequence[float], size: tuple[int, int]) -> Array:
    """Where lines of text go: in the picture, near where they should, and none over another.

    Those for which there is no room are written where they should be.

    Args:
        wanted: their upper left corners ``(n, 2)``, pixels; the first have the first choice.
        lengths: of the lines, pixels.
        size: width and height of the picture.

    Returns:
        Upper left corners ``(n, 2)``.
    """
    width, height = size
    most = np.array([[max(2.0, width - length - 2) for length in lengths]]).T
    x = np.clip(wanted[:, :1], 2.0, most)[:, 0]
    y = np.clip(wanted[:, 1], 2.0, max(2.0, height - LINE_PX - 2))
    for i in range(len(wanted)):
        near = [k for k in range(i) if x[i] <= x[k] + lengths[k] and x[k] <= x[i] + lengths[i]]
        # Next to a neighbour, or where it should be: no other row can be the nearest.
        rows = [y[i], *(y[k] + side * LINE_PX for k in near for side in (1, -1))]
        free = [
            row
            for row in rows
            if 0 <= row <= height - LINE_PX and all(abs(row - y[k]) >= LINE_PX for k in near)
        ]
        y[i] = min(free, key=lambda row: abs(row - y[i]), default=y[i])
    return np.stack([x, y], axis=1)


def _bright(color: Color) -> Color:
    """A colour that can be read on dark."""
    red, green, blue = (int(c + (255 - c) * 0.45) for c in color)
    return red, green, blue
