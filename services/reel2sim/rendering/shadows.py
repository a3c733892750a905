"""What stands in the way of a lamp: a map of distances as the lamp sees the scene."""

# pyright: basic

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from reel2sim.scene.arrays import Array

RIM = 2
"""Half width, in steps of a quarter of the rim's width, of the square that is averaged."""


@dataclass(frozen=True, eq=False)
class ShadowMap:
    """The scene from one lamp.

    Attributes:
        axes: of the map, as rows: right, down and away from the lamp ``(3, 3)``, world.
        corner: coordinates along ``axes`` of the map's first corner ``(3,)``, metres.
        texel: side of a cell, metres.
        depth: distance along the light of the first surface in each cell ``(n, n)``, metres from
            ``corner``; infinite where nothing is.
        rim: width of the shadow's soft edge, metres.
    """

    axes: Array
    corner: Array
    texel: float
    depth: Array
    rim: float


def shadow_map(
    vertices: Array, faces: Array, toward: Array, bounds: Array, *, cells: int, blur: float
) -> ShadowMap:
    """The map of the triangles that cast shadows.

    Args:
        vertices: ``(v, 3)``, world, metres.
        faces: ``(f, 3)``.
        toward: direction to the lamp ``(3,)``.
        bounds: lowest and highest corner of what the map covers ``(2, 3)``; the same bounds at all
            times keep the map's cells, and with them the rims of shadows, where they are.
        cells: along each side.
        blur: width of the rim as a share of the bounds' diagonal.
    """
    away = -np.asarray(toward, float) / np.linalg.norm(toward)
    side = np.array([1.0, 0.0, 0.0]) if abs(away[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    right = np.cross(side, away)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(away, right), away])
    size = max(float(np.linalg.norm(bounds[1] - bounds[0])), 1e-9)
    corner = axes @ bounds.mean(axis=0) - size / 2
    texel = size / cells
    placed = (vertices @ axes.T - corner) / [texel, texel, 1.0]
    return ShadowMap(axes, corner, texel, fill(placed, faces, cells), max(blur * size, 2 * texel))


@njit(cache=True, error_model="numpy")
def fill(placed, faces, cells):
    """Least depth of triangles at the centres of cells ``(cells, cells)``.

    Args:
        placed: vertices: cell to the right, cell down, depth ``(v, 3)``.
        faces: ``(f, 3)``.
        cells: along each side.
    """
    depth = np.full((cells, cells), np.inf)
    for i in range(len(faces)):
        a, b, c = placed[faces[i, 0]], placed[faces[i, 1]], placed[faces[i, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if area == 0.0:
            continue
        left = max(0, int(np.ceil(min(a[0], b[0], c[0]) - 0.5)))
        right = min(cells - 1, int(np.floor(max(a[0], b[0], c[0]) - 0.5)))
        top = max(0, int(np.ceil(min(a[1], b[1], c[1]) - 0.5)))
        bottom = min(cells - 1, int(np.floor(max(a[1], b[1], c[1]) - 0.5)))
        for y in range(top, bottom + 1):
            py = y + 0.5
            for x in range(left, right + 1):
                px = x + 0.5
                u = ((b[0] - px) * (c[1] - py) - (b[1] - py) * (c[0] - px)) / area
                v = ((c[0] - px) * (a[1] - py) - (c[1] - py) * (a[0] - px)) / area
                w = 1.0 - u - v
                if u >= 0.0 and v >= 0.0 and w >= 0.0:
                    depth[y, x] = min(depth[y, x], u * a[2] + v * b[2] + w * c[2])
    return depth


@njit(cache=True, error_model="numpy", forceinline=True)
def lit(depth, axes, corner, texel, rim, px, py, pz, nx, ny, nz):
    """Share of the lamp's light that reaches a point, 0..1.

    The mean over a square of smooth comparisons with the map (percentage-closer filtering: Reeves,
    Salesin & Cook 1987). The point is lifted off its surface, so that it does not shade itself.

    Args:
        depth: of the map ``(n, n)``.
        axes: of the map ``(3, 3)``.
        corner: of the map ``(3,)``.
        texel: of the map, metres.
        rim: width of the soft edge, metres.
        px: of the point, world.
        py: of the point.
        pz: of the point.
        nx: of the unit normal on the lamp's side.
        ny: of the normal.
        nz: of the normal.
    """
    lift = 0.5 * rim + 1.5 * texel
    px, py, pz = px + lift * nx, py + lift * ny, pz + lift * nz
    x = axes[0, 0] * px + axes[0, 1] * py + axes[0, 2] * pz
    y = axes[1, 0] * px + axes[1, 1] * py + axes[1, 2] * pz
    z = axes[2, 0] * px + axes[2, 1] * py + axes[2, 2] * pz
    x, y, z = (x - corner[0]) / texel - 0.5, (y - corner[1]) / texel - 0.5, z - corner[2]
    z -= texel * 1.5
    step = rim / texel / (2.0 * RIM)
    corners = 0.0
    for j in range(-RIM, RIM + 1, 2 * RIM):
        for i in range(-RIM, RIM + 1, 2 * RIM):
            corners += _clear(depth, x + i * step, y + j * step, z)
    middle = _clear(depth, x, y, z)
    if (corners == 0.0 and middle == 0.0) or (corners == 4.0 and middle == 1.0):
        return middle  # away from any rim, which is nearly everywhere
    total = corners + middle
    for j in range(-RIM, RIM + 1):
        for i in range(-RIM, RIM + 1):
            if not (abs(i) == RIM and abs(j) == RIM) and not (i == 0 and j == 0):
                total += _clear(depth, x + i * step, y + j * step, z)
    return total / (2 * RIM + 1) ** 2


@njit(cache=True, error_model="numpy", forceinline=True)
def _clear(depth, x, y, z):
    """Share of the four cells about ``(x, y)``, weighted by nearness, with nothing before ``z``."""
    left, top = int(np.floor(x)), int(np.floor(y))
    if left < 0 or top < 0 or left >= len(depth) - 1 or top >= len(depth) - 1:
        return 1.0
    fx, fy = x - left, y - top
    hidden = 0.0
    if depth[top, left] < z:
        hidden += (1 - fx) * (1 - fy)
    if depth[top, left + 1] < z:
        hidden += fx * (1 - fy)
    if depth[top + 1, left] < z:
        hidden += (1 - fx) * fy
    if depth[top + 1, left + 1] < z:
        hidden += fx * fy
    return 1.0 - min(hidden, 1.0)
