"""Articulated objects built from boxes: parts, joints, meshes and the URDF that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from reel2sim.generation.scripted.spec import Noun
from reel2sim.generation.scripted.textures import TILE, Tile
from reel2sim.scene.arrays import Array
from reel2sim.scene.rig import JointType

# Corners of each face of the unit cube, counter-clockwise from outside, and its normal.
_FACES = (
    ((+1, 0, 0), ((1, -1, -1), (1, 1, -1), (1, 1, 1), (1, -1, 1))),
    ((-1, 0, 0), ((-1, 1, -1), (-1, -1, -1), (-1, -1, 1), (-1, 1, 1))),
    ((0, +1, 0), ((1, 1, -1), (-1, 1, -1), (-1, 1, 1), (1, 1, 1))),
    ((0, -1, 0), ((-1, -1, -1), (1, -1, -1), (1, -1, 1), (-1, -1, 1))),
    ((0, 0, +1), ((-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1))),
    ((0, 0, -1), ((-1, 1, -1), (1, 1, -1), (1, -1, -1), (-1, -1, -1))),
)


@dataclass(frozen=True)
class Box:
    """A box with the world's axes.

    Attributes:
        low: smallest corner, metres, world frame at zero state.
        high: largest corner.
        tile: name of the texture on its faces.
        decals: texture of single faces by normal, such as ``{(0, 0, 1): "keyboard"}``; it is
            stretched over the face.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    tile: str = "base"
    decals: tuple[tuple[tuple[int, int, int], str], ...] = ()


@dataclass(frozen=True)
class PartSpec:
    """A rigid part and the joint that carries it.

    Attributes:
        name: unique.
        boxes: its solids.
        noun: kind of movable part, or None for the root.
        index: which of its kind.
        joint: kind of joint to the root.
        axis: unit direction, world frame; positive opens.
        pivot: a point on the axis, and the origin of the part's own frame.
        travel: position when fully open, radians or metres.
    """

    name: str
    boxes: tuple[Box, ...]
    noun: Noun | None = None
    index: int = 0
    joint: JointType = JointType.FIXED
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    travel: float = 0.0


@dataclass(frozen=True)
class ObjectSpec:
    """A whole object: root first, all other parts joined to it."""

    name: str
    parts: tuple[PartSpec, ...]
    tiles: dict[str, Tile]


def corners(part: PartSpec) -> Array:
    """Corners of all boxes of a part ``(8 b, 3)``, metres, world frame at zero state."""
    unit = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    return np.concatenate(
        [np.array(b.low) + unit * (np.array(b.high) - np.array(b.low)) for b in part.boxes]
    )


def sample_surface(part: PartSpec, count: int, rng: np.random.Generator) -> Array:
    """Even random points on a part's boxes ``(count, 3)``, metres, world frame at zero state."""
    faces = [(box, normal, quad) for box in part.boxes for normal, quad in _FACES]
    extents = np.array([np.array(b.high) - np.array(b.low) for b, _, _ in faces])
    normals = np.abs([n for _, n, _ in faces])
    areas = np.where(normals == 1, 1.0, extents).prod(axis=1)
    chosen = rng.choice(len(faces), size=count, p=areas / areas.sum())
    within = rng.random((count, 3))
    signs = np.array([n for _, n, _ in faces])[chosen]
    within = np.where(signs == 1, 1.0, np.where(signs == -1, 0.0, within))
    lows = np.array([b.low for b, _, _ in faces])[chosen]
    return lows + within * extents[chosen]


def write_urdf(spec: ObjectSpec, folder: Path, rng: np.random.Generator) -> Path:
    """Write the object as URDF with textured meshes; the path of the URDF."""
    atlas = Image.fromarray(np.concatenate([tile.image for tile in spec.tiles.values()], axis=1))
    atlas.save(folder / "atlas.png")
    (folder / "atlas.mtl").write_text("newmtl atlas\nKd 1 1 1\nmap_Kd atlas.png\n", "utf-8")
    robot = ElementTree.Element("robot", name=spec.name)
    for part in spec.parts:
        (folder / f"{part.name}.obj").write_text(_obj(part, spec.tiles, rng), "utf-8")
        _link(robot, part)
        if part.joint is not JointType.FIXED:
            _joint(robot, spec.parts[0].name, part)
    path = folder / "object.urdf"
    ElementTree.ElementTree(robot).write(path, encoding="utf-8", xml_declaration=True)
    return path


def _obj(part: PartSpec, tiles: dict[str, Tile], rng: np.random.Generator) -> str:
    lines = ["mtllib atlas.mtl", "usemtl atlas"]
    count = 0
    for box in part.boxes:
        low, high = np.array(box.low), np.array(box.high)
        decals = dict(box.decals)
        for normal, quad in _FACES:
            points = low + (np.array(quad) + 1) / 2 * (high - low) - np.array(part.pivot)
            uv = _uv(tiles, decals.get(normal), box.tile, normal, high - low, rng)
            lines += ["v " + " ".join(f"{x:.7f}" for x in p) for p in points]
            lines += [f"vt {u:.6f} {w:.6f}" for u, w in uv]
            lines.append("vn " + " ".join(str(x) for x in normal))
            count += 1
            a, b, c, d = (f"{4 * count - 3 + k}/{4 * count - 3 + k}/{count}" for k in range(4))
            lines += [f"f {a} {b} {c}", f"f {a} {c} {d}"]
    return "\n".join(lines) + "\n"


def _uv(
    tiles: dict[str, Tile],
    decal: str | None,
    base: str,
    normal: tuple[int, int, int],
    extent: Array,
    rng: np.random.Generator,
) -> Array:
    """Texture coordinates ``(4, 2)`` of a face in the atlas."""
    name = decal or base
    column = list(tiles).index(name)
    tile = tiles[name]
    # A face's first edge runs across the picture, its second up.
    across = extent[1] if normal[0] else extent[0]
    up = extent[1] if normal[2] else extent[2]
    margin = 1.5 / TILE
    size = np.array([1.0, 1.0]) - 2 * margin
    start = np.array([margin, margin])
    if decal is None:
        size = np.minimum(np.array([across, up]) / tile.metres, size)
        start = margin + rng.random(2) * (1 - 2 * margin - size)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * size + start
    square[:, 0] = (square[:, 0] + column) / len(tiles)
    return square


def _link(robot: ElementTree.Element, part: PartSpec) -> None:
    low, high = corners(part).min(0), corners(part).max(0)
    x, y, z = high - low
    mass = max(0.2, 60.0 * float(x * y * z))
    link = ElementTree.SubElement(robot, "link", name=part.name)
    inertial = ElementTree.SubElement(link, "inertial")
    _origin(inertial, (low + high) / 2 - part.pivot)
    ElementTree.SubElement(inertial, "mass", value=f"{mass:.6f}")
    moments = mass / 12 * np.array([y * y + z * z, x * x + z * z, x * x + y * y])
    tensor = {key: f"{m:.9f}" for key, m in zip(("ixx", "iyy", "izz"), moments, strict=True)}
    tensor |= dict.fromkeys(("ixy", "ixz", "iyz"), "0")
    ElementTree.SubElement(inertial, "inertia", tensor)
    visual = ElementTree.SubElement(link, "visual")
    _origin(visual, np.zeros(3))
    geometry = ElementTree.SubElement(visual, "geometry")
    ElementTree.SubElement(geometry, "mesh", filename=f"{part.name}.obj")


def _joint(robot: ElementTree.Element, parent: str, part: PartSpec) -> None:
    joint = ElementTree.SubElement(robot, "joint", name=f"{part.name}_joint", type=part.joint.value)
    ElementTree.SubElement(joint, "parent", link=parent)
    ElementTree.SubElement(joint, "child", link=part.name)
    _origin(joint, np.array(part.pivot))
    ElementTree.SubElement(joint, "axis", xyz=_text(part.axis))
    bounds = {"lower": "0", "upper": f"{part.travel * 1.05:.6f}"}
    bounds |= {"effort": "200", "velocity": "20"}
    ElementTree.SubElement(joint, "limit", bounds)
    ElementTree.SubElement(joint, "dynamics", damping="0.05", friction="0")


def _origin(element: ElementTree.Element, xyz: Array) -> None:
    ElementTree.SubElement(element, "origin", xyz=_text(xyz), rpy="0 0 0")


def _text(values: Sequence[float] | Array) -> str:
    return " ".join(f"{float(x):.9f}" for x in values)
