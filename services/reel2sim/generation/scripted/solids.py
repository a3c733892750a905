"""Triangle meshes of simple bodies, with exact normals and texture coordinates in metres.

Every function returns one closed :class:`Solid`, its faces counter-clockwise from outside, in the
frame its arguments are given in. Bodies of revolution run from a ``start`` to an ``end`` point, so
that a rod between two places needs no transform.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import across, apply

Vec3 = Sequence[float] | Array

_CREASE: Final = np.cos(np.radians(35.0))
"""Neighbouring faces of a lathed body that meet at less share a normal."""

# Each face of a cube: its normal, the direction its picture's first edge runs, and its second.
_FACES: Final = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ((0, 0, -1), (-1, 0, 0), (0, 1, 0)),
)


@dataclass(frozen=True, eq=False)
class Solid:
    """A closed triangle mesh with one surface.

    Vertices are split where normals or texture coordinates jump, so merge them by place before
    asking about edges.

    Attributes:
        vertices: ``(v, 3)``, metres.
        faces: ``(f, 3)`` vertex indices, counter-clockwise from outside.
        normals: unit normals per vertex ``(v, 3)``, for shading.
        uv: texture coordinates ``(v, 2)``: metres along the surface, or 0..1 across the picture
            of a surface whose pattern is stretched; v runs up.
        surface: key of the object's surfaces.
        hollow: whether the body is not convex in a way that matters to collisions, such as a
            ring; physics then takes its faces and not its hull.
    """

    vertices: Array
    faces: Array
    normals: Array
    uv: Array
    surface: str
    hollow: bool = False

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        v = checked("Solid.vertices", self.vertices, ("v", 3), sizes=sizes)
        f = checked("Solid.faces", self.faces, ("f", 3), dtype=np.int64)
        if len(f) == 0 or f.min() < 0 or f.max() >= len(v):
            raise InputError("has no faces, or names a vertex that is not there", source="Solid")
        n = checked("Solid.normals", self.normals, ("v", 3), sizes=sizes)
        uv = checked("Solid.uv", self.uv, ("v", 2), sizes=sizes)
        assign(self, vertices=v, faces=f, normals=n, uv=uv)

    @property
    def triangles(self) -> Array:
        """Corners of the faces ``(f, 3, 3)``, metres."""
        return self.vertices[self.faces]

    @property
    def volume(self) -> float:
        """Enclosed volume, m³, by the divergence theorem."""
        a, b, c = np.moveaxis(self.triangles, 1, 0)
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    def moved(self, T: Array) -> Solid:
        """The solid after a rigid motion ``(4, 4)``."""
        turned = self.normals @ np.asarray(T)[:3, :3].T
        return replace(self, vertices=apply(T, self.vertices), normals=turned)


def box(low: Vec3, high: Vec3, surface: str = "base") -> Solid:
    """A box between two corners, with the axes of the frame."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    middle, half = (low + high) / 2, (high - low) / 2
    if (half <= 0).any():
        raise InputError(f"box has no volume: {low} to {high}", source="box")
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    vertices: list[Array] = []
    normals: list[Array] = []
    uv: list[Array] = []
    for normal, right, up in np.array(_FACES, float):
        corners = normal + square[:, :1] * right + square[:, 1:] * up
        vertices.append(middle + corners * half)
        normals.append(np.tile(normal, (4, 1)))
        uv.append((square + 1) * [np.abs(right) @ half, np.abs(up) @ half])
    base = 4 * np.arange(6)[:, None, None]
    faces = (base + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3)
    return Solid(
        vertices=np.concatenate(vertices),
        faces=faces,
        normals=np.concatenate(normals),
        uv=np.concatenate(uv),
        surface=surface,
    )


def block(centre: Vec3, size: Vec3, surface: str = "base") -> Solid:
    """A box about its centre."""
    centre, size = np.asarray(centre, float), np.asarray(size, float)
    return box(centre - size / 2, centre + size / 2, surface)


def plate(centre: Vec3, right: Vec3, up: Vec3, surface: str, *, thickness: float = 0.0008) -> Solid:
    """A thin sheet that carries a stretched picture, such as a screen or a keyboard.

    Args:
        centre: of its back, metres.
        right: half extent towards the right of the picture, a vector.
        up: half extent towards the top of the picture, across ``right``. The picture looks along
            ``right × up``.
        surface: whose picture is stretched over it once.
        thickness: metres.
    """
    right, up = np.asarray(right, float), np.asarray(up, float)
    a, b = float(np.linalg.norm(right)), float(np.linalg.norm(up))
    made = box((-a, -b, 0), (a, b, thickness), surface)
    uv = made.vertices[:, :2] / (2 * np.array([a, b])) + 0.5
    R = np.stack([right / a, up / b, np.cross(right, up) / (a * b)], axis=1)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, np.asarray(centre, float)
    return replace(made, uv=uv).moved(T)


def lathe(
    start: Vec3,
    end: Vec3,
    profile: npt.ArrayLike,
    surface: str = "base",
    *,
    closed: bool = False,
    sides: int = 24,
) -> Solid:
    """A profile turned about the axis through ``start`` and ``end``.

    Args:
        start: origin of heights, metres.
        end: gives the axis' direction only.
        profile: ``(n, 2)`` rows of radius and height, metres, with the inside on the left as they
            go (bottom middle, out, up, in). An open profile starts and ends on the axis.
        surface: key of the object's surfaces.
        closed: join the last row to the first, as for a ring.
        sides: facets around.
    """
    rows = np.asarray(profile, float)
    if closed:
        rows = np.concatenate([rows, rows[:1]])
    way = np.diff(rows, axis=0)
    lengths = np.linalg.norm(way, axis=1)
    rows, way = rows[np.r_[True, lengths > 1e-9]], way[lengths > 1e-9]
    lengths = lengths[lengths > 1e-9]
    flat = np.stack([way[:, 1], -way[:, 0]], axis=1) / lengths[:, None]
    before, after = _softened(flat, closed)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    turn = 2 * np.pi * np.arange(sides + 1) / sides
    round_ = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    # Each segment of the profile has two rings of vertices: (segments, 2, sides + 1).
    ends = np.stack([rows[:-1], rows[1:]], axis=1)
    slopes = np.stack([before, after], axis=1)
    heights = np.stack([along[:-1], along[1:]], axis=1)
    rings = ends[..., :1, None] * round_
    cap = np.abs(way[:, 1]) < 0.2 * lengths
    wrapped = _beside(turn * rows[:, 0].max(), heights[..., None])
    first = 2 * (sides + 1) * np.arange(len(way))[:, None] + np.arange(sides)
    a, b, c, d = first, first + 1, first + sides + 2, first + sides + 1
    wide = ends[..., 0] > 1e-9
    faces = [np.stack([a, b, c], axis=-1)[wide[:, 0]], np.stack([a, c, d], axis=-1)[wide[:, 1]]]
    vertices = _beside(rings, ends[..., 1:])
    normals = _beside(slopes[..., :1, None] * round_, slopes[..., 1:])
    R = _frame(start, end)
    return Solid(
        vertices=vertices.reshape(-1, 3) @ R.T + np.asarray(start, float),
        faces=np.concatenate([f.reshape(-1, 3) for f in faces]),
        normals=normals.reshape(-1, 3) @ R.T,
        uv=np.where(cap[:, None, None, None], rings, wrapped).reshape(-1, 2),
        surface=surface,
        hollow=closed,
    )


def _beside(left: Array, right: Array) -> Array:
    """One more coordinate at the end of each: ``left`` ``(..., s, 2)`` or ``(s,)``, ``right``."""
    if left.ndim == 1:
        left = left[:, None]
    shape = np.broadcast_shapes(left.shape[:-1], right.shape)
    wide = np.broadcast_to(left, (*shape, left.shape[-1]))
    return np.concatenate([wide, np.broadcast_to(right[..., None], (*shape, 1))], axis=-1)


def _softened(flat: Array, closed: bool) -> tuple[Array, Array]:
    """Normals at the start and the end of each segment, shared across blunt corners."""
    before, after = flat.copy(), flat.copy()
    n = len(flat)
    for k in range(n if closed else n - 1):
        j = (k + 1) % n
        if flat[k] @ flat[j] > _CREASE:
            shared = flat[k] + flat[j]
            after[k] = before[j] = shared / np.linalg.norm(shared)
    return before, after


def _frame(start: Vec3, end: Vec3) -> Array:
    """A right-handed frame ``(3, 3)`` whose z points from ``start`` to ``end``."""
    way = np.asarray(end, float) - np.asarray(start, float)
    z = way / np.linalg.norm(way)
    x, y = across(z)
    return np.stack([x, y, z], axis=1)


def _length(start: Vec3, end: Vec3) -> float:
    return float(np.linalg.norm(np.asarray(end, float) - np.asarray(start, float)))


def cone(
    start: Vec3, end: Vec3, radius: float, end_radius: float, surface: str = "base", sides: int = 24
) -> Solid:
    """A cone or frustum of ``radius`` at ``start`` and ``end_radius`` (0 for a tip) at ``end``."""
    high = _length(start, end)
    profile = [(0, 0), (radius, 0), (end_radius, high), (0, high)]
    return lathe(start, end, profile, surface, sides=sides)


def cylinder(
    start: Vec3, end: Vec3, radius: float, surface: str = "base", sides: int = 24
) -> Solid:
    """A round rod from ``start`` to ``end``."""
    return cone(start, end, radius, radius, surface, sides)


def sphere(centre: Vec3, radius: float, surface: str = "base", sides: int = 24) -> Solid:
    """A ball."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, sides // 2 + 1)
    profile = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    profile[[0, -1], 0] = 0.0
    up = np.asarray(centre, float) + np.array([0.0, 0.0, 1.0])
    return lathe(centre, up, profile, surface, sides=sides)


def capsule(start: Vec3, end: Vec3, radius: float, surface: str = "base", sides: int = 24) -> Solid:
    """A rod with round ends; ``start`` and ``end`` are the centres of the half balls."""
    turn = np.linspace(0, np.pi / 2, sides // 4 + 1)
    cap = radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    cap[-1, 0] = 0.0
    low, high = cap[::-1] * [1, -1], cap + np.array([0.0, _length(start, end)])
    return lathe(start, end, np.concatenate([low, high]), surface, sides=sides)


def torus(
    centre: Vec3,
    axis: Vec3,
    radius: float,
    thickness: float,
    surface: str = "base",
    sides: int = 24,
) -> Solid:
    """A ring of ``radius`` to the middle of a round section of radius ``thickness``."""
    turn = 2 * np.pi * np.arange(12) / 12
    profile = np.stack([radius + thickness * np.cos(turn), thickness * np.sin(turn)], axis=1)
    end = np.asarray(centre, float) + np.asarray(axis, float)
    return lathe(centre, end, profile, surface, closed=True, sides=sides)


def extrusion(
    outline: npt.ArrayLike,
    origin: Vec3,
    right: Vec3,
    up: Vec3,
    thickness: float,
    surface: str = "base",
) -> Solid:
    """A flat outline given depth, half of it to each side of its plane.

    Args:
        outline: corners ``(n, 2)``, counter-clockwise, metres along ``right`` and ``up``; it may
            be concave but not cross itself.
        origin: where the outline's zero lies, metres.
        right: unit direction of its first coordinate.
        up: unit direction of its second, across the first.
        thickness: depth along ``right × up``, metres.
        surface: key of the object's surfaces.
    """
    from manifold3d import triangulate

    flat = np.asarray(outline, float)
    n = len(flat)
    lid = np.asarray(triangulate([flat]), np.int64)
    R = np.stack([np.asarray(right, float), np.asarray(up, float), np.cross(right, up)], axis=1)
    half = thickness / 2
    edges = np.roll(flat, -1, axis=0) - flat
    lengths = np.linalg.norm(edges, axis=1)
    out = np.c_[edges[:, 1], -edges[:, 0]] / lengths[:, None]
    along = np.r_[0.0, np.cumsum(lengths)]
    walls = np.stack([flat, np.roll(flat, -1, axis=0)], axis=1)  # (n, start and end, 2)
    sides = [np.dstack([walls, np.full((n, 2), z)]).reshape(-1, 3) for z in (-half, half)]
    wall_uv = np.stack([along[:-1], along[1:]], axis=1).reshape(-1, 1)
    vertices = [np.c_[flat, np.full(n, half)], np.c_[flat, np.full(n, -half)], *sides]
    side_normals = np.c_[np.repeat(out, 2, axis=0), np.zeros(2 * n)]
    normals = [np.tile([0, 0, 1.0], (n, 1)), np.tile([0, 0, -1.0], (n, 1)), side_normals]
    uv = [flat, flat * [-1, 1], np.c_[wall_uv, np.zeros(2 * n)]]
    uv.append(np.c_[wall_uv, np.full(2 * n, thickness)])
    i = 2 * n + 2 * np.arange(n)
    low, high = np.stack([i, i + 1]), np.stack([i, i + 1]) + 2 * n
    quads = [np.c_[low[0], low[1], high[1]], np.c_[low[0], high[1], high[0]]]
    return Solid(
        vertices=np.concatenate(vertices) @ R.T + np.asarray(origin, float),
        faces=np.concatenate([lid, lid[:, ::-1] + n, *quads]),
        normals=np.concatenate([*normals, side_normals]) @ R.T,
        uv=np.concatenate(uv),
        surface=surface,
    )
