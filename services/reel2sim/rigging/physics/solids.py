"""One solid per part from surfaces that are open where nobody looked.

A part's own winding number closes its flat holes; where only one side of a panel was seen a slab
under it stands in; and what is inside the whole object but claimed by no moving part belongs to
the root, such as the inside of a cabinet. Parts are solved children first, and what a child has
taken is kept out of the rest, with a small gap so that joints move freely. Drawers are closed as
boxes open above, and what they pass through stays free.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import KDTree

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.grid import (
    OUTSIDE,
    Grid,
    HullDistance,
    convex_depth,
    grid_around,
)
from reel2sim.rigging.physics.samples import Samples
from reel2sim.rigging.physics.sheets import Sheet, wall_thickness
from reel2sim.rigging.physics.trays import Tray, find_tray
from reel2sim.rigging.physics.winding import WindingTree
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import Progress, silent

_ENOUGH = 8
"""Fewer samples than this make no surface."""
_CLOSED = 0.85
"""Winding number of a part's own surface above which a point is clearly inside it."""
_BEHIND = 0.12
"""Total winding number under which a point is surely outside: no slab grows there."""
_HULL_LEVEL = 0.35
"""Level that suffices inside the visual hull, instead of one half."""


@dataclass(frozen=True, eq=False)
class PartSolid:
    """Where one part is solid.

    Attributes:
        grid: where the field is sampled.
        field: ``grid.shape``, positive inside, about the distance to the surface in voxels,
            clipped; negative on the whole border.
        tray: the box open above that it is, if it is a drawer.
    """

    grid: Grid
    field: Array
    tray: Tray | None = None


@dataclass(frozen=True, eq=False)
class Slide:
    """How a part was seen to slide.

    Attributes:
        parent: part that it slides in.
        axis: unit direction ``(3,)``, world at time zero.
        low: smallest position seen, metres.
        high: largest position seen, metres.
    """

    parent: int
    axis: Array
    low: float
    high: float


def solidify(
    samples: Samples,
    order: Sequence[int],
    *,
    config: PhysicsConfig,
    hull: HullDistance | None = None,
    slides: Mapping[int, Slide] | None = None,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> dict[int, PartSolid]:
    """Find the solid of every part.

    Args:
        samples: oriented samples of all parts.
        order: all parts, parents before children.
        config: settings.
        hull: visual hull, if known.
        slides: parts that slide, and how.
        checkpoints: where solids are kept.
        progress: told after each part.

    Returns:
        The solid by part; parts with too few samples are absent.
    """
    solids: dict[int, PartSolid] = {}
    samples = checkpoints.step("areas", partial(_with_even_jumps, samples))
    thickness = np.zeros(len(samples))
    for part in order:
        own = samples.parts == part
        thickness[own] = config.panel_thickness * np.sqrt(samples.areas[own].sum())
    for done, part in enumerate(reversed(order)):
        if np.count_nonzero(samples.parts == part) >= _ENOUGH:
            build = partial(
                _Builder, samples, thickness, part, config=config, hull=hull, slides=slides or {}
            )
            solve = partial(_solved, build, solids, root=part == order[0])
            solids[part] = checkpoints.step(f"solid {part}", solve)
        progress("rigging", (done + 1) / len(order), f"solid of part {part}")
    return solids


def _solved(
    build: Callable[[], _Builder], taken: Mapping[int, PartSolid], *, root: bool
) -> PartSolid:
    return build().solve(taken, root=root)


class _Builder:
    """The solid of one part."""

    def __init__(
        self,
        samples: Samples,
        thickness: Array,
        part: int,
        *,
        config: PhysicsConfig,
        hull: HullDistance | None,
        slides: Mapping[int, Slide],
    ) -> None:
        self._all, self._thickness, self._config, self._hull = samples, thickness, config, hull
        self._part, self._slides = part, slides
        self._mine = samples.parts == part
        own = samples.select(self._mine)
        panel = float(thickness[self._mine][0])
        self.grid = grid_around(
            own.points,
            voxel=_voxel_for(own, config),
            margin=panel,
            max_voxels=config.max_voxels,
        )
        voxel = self.grid.voxel
        self._own_tree = self._tree(self._mine)
        # Where the part's own surface closes round a point under a sample, no slab is needed.
        under = own.points - own.normals * (self._ramp)
        open_below = np.clip((_CLOSED - self._own_tree(under)) / 0.15, 0.0, 1.0)
        depth = max(panel, 2.5 * voxel) * open_below
        self._sheet = Sheet(own, depth=depth, least=2.2 * voxel)
        self._points = self.grid.points()
        wall = max(panel, 3.0 * voxel)
        slide = slides.get(part)
        self._tray = None if slide is None else find_tray(own, slide.axis, thickness=wall)

    def solve(self, taken: Mapping[int, PartSolid], *, root: bool) -> PartSolid:
        """The field on this part's grid, clear of what others have ``taken``."""
        voxel = self.grid.voxel
        w_own = self._own_tree(self._points)
        alone = self._mine.all()
        w_all = w_own if alone else self._tree(np.ones_like(self._mine))(self._points)
        slab, d_own, grown = self._sheet(self._points)
        nearer, beyond = self._others(d_own)
        # Between the sides of a wall thinner than the ramp the winding number tells nothing.
        open_side = (w_all - _BEHIND) * self._ramp + 4.0 * grown
        slab = np.minimum.reduce([slab, open_side, nearer])
        own_hull = convex_depth(self._all.points[self._mine], self._points)
        solid = np.maximum(np.minimum((w_own - 0.5) * self._ramp, own_hull), slab)
        if root:
            level = np.minimum(
                w_all - 0.5, convex_depth(self._all.points, self._points) / self._ramp
            )
            if self._hull is not None:
                inside = self._hull(self._points) / self._ramp
                level = np.maximum(level, np.minimum(w_all - _HULL_LEVEL, inside))
            free = np.maximum(nearer, beyond)
            solid = np.maximum(solid, np.minimum(level * self._ramp, free))
        if self._hull is not None:
            solid = np.minimum(solid, self._hull(self._points) + 1.5 * self._hull.voxel)
        if self._tray is not None:
            hollow = np.minimum(solid, -self._tray.hollow(self._points))
            solid = np.maximum(hollow, self._tray.walls(self._points))
        field = np.clip(solid / voxel, OUTSIDE, -OUTSIDE).reshape(self.grid.shape)
        field = gaussian_filter(field, self._blur)
        for other in taken.values():
            if self.grid.touches(other.grid):
                field = np.minimum(field, self._clear_of(other))
        for child, slide in self._slides.items():
            tray = taken[child].tray if child in taken else None
            if slide.parent == self._part and tray is not None:
                passed = tray.swept(self._points, slide.axis, slide.low, slide.high) / voxel
                clear = (-passed - self._config.gap_voxels).reshape(self.grid.shape)
                field = np.minimum(field, clear)
        for axis in range(3):
            edge = np.moveaxis(field, axis, 0)
            edge[0] = edge[-1] = OUTSIDE
        return PartSolid(self.grid, field, self._tray)

    @property
    def _ramp(self) -> float:
        """Metres over which the winding number rises by one at a surface."""
        return 2.0 * float(np.median(self._softening(self._all.spacing[self._mine])))

    @property
    def _blur(self) -> float:
        """Width of the filter that takes the grain of the samples off the field, voxels."""
        spacing = float(np.median(self._all.spacing[self._mine]))
        return float(np.clip(0.25 * spacing / self.grid.voxel, 0.5, 1.0))

    def _softening(self, spacing: Array) -> Array:
        return np.maximum(0.9 * spacing, 0.8 * self.grid.voxel)

    def _tree(self, mask: Array) -> WindingTree:
        s = self._all
        soft = self._softening(s.spacing[mask])
        return WindingTree.build(s.points[mask], s.normals[mask], s.areas[mask], soft)

    def _others(self, d_own: Array) -> tuple[Array, Array]:
        """How much nearer each grid point is to this part's samples than to others', metres.

        Also how far it is beyond the panel that the nearest other part may need there. Both are
        infinite where no other part is near.
        """
        nearer, beyond = np.full((2, len(d_own)), np.inf)
        rest = ~self._mine
        if not rest.any():
            return nearer, beyond
        panels = self._thickness[rest]
        reach = max(self._sheet.reach, float(panels.max()))
        distance, index = KDTree(self._all.points[rest]).query(
            self._points, distance_upper_bound=reach, workers=2
        )
        near = np.isfinite(distance)
        nearer[near] = (distance[near] - d_own[near]) / 2
        beyond[near] = distance[near] - panels[np.asarray(index)[near]]
        return nearer, beyond

    def _clear_of(self, other: PartSolid) -> Array:
        """How far outside ``other`` every grid point is, less the gap; voxels of this grid.

        Infinite beyond the clip of the other's field, which says no more than that it is far.
        """
        scale = other.grid.voxel / self.grid.voxel
        inside = other.grid.sample(other.field, self._points)
        gap = self._config.gap_voxels * min(scale, 1.0)
        clear = np.where(inside > 0.95 * OUTSIDE, -inside * scale - gap, np.inf)
        return clear.reshape(self.grid.shape)


def _voxel_for(own: Samples, config: PhysicsConfig) -> float:
    """Voxel side: fine enough for thin walls, no finer than the samples can tell."""
    longest = float(np.ptp(own.points, axis=0).max())
    voxel = longest / config.resolution
    walls = wall_thickness(own)
    thin = walls[np.isfinite(walls)]
    if len(thin) > 0.15 * len(own):
        voxel = min(voxel, max(float(np.quantile(thin, 0.3)) / 3.0, 0.5 * voxel))
    return max(voxel, 0.35 * float(np.median(own.spacing)), 1e-5)


def _with_even_jumps(samples: Samples) -> Samples:
    """Scale the areas of each part so that its winding number jumps by one at its surface.

    Areas from neighbours are too large along rims and where sampling clumps; the jump across a
    sheet tells by how much.
    """
    areas = samples.areas.copy()
    for part in np.unique(samples.parts):
        mine = samples.parts == part
        own = samples.select(mine)
        if len(own) < 50:
            continue
        soft = own.spacing
        tree = WindingTree.build(own.points, own.normals, own.areas, soft)
        step = own.normals * (1.5 * soft)[:, None]
        jump = tree(own.points - step) - tree(own.points + step)
        expected = 1.5 / np.hypot(1.5, 1.0)
        thick = ~(wall_thickness(own) < 5.0 * own.spacing)
        if thick.sum() > 0.2 * len(own):
            areas[mine] /= np.clip(np.median(jump[thick]) / expected, 0.7, 1.4)
    return replace(samples, areas=areas)
