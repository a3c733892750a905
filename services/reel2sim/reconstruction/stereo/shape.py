"""The surface at time zero: visual hull, corrected by stereo, closed where nothing is seen.

Space that pictures contradict is carved away, as K. Kutulakos and S. Seitz do ("A theory of shape
by space carving", IJCV 2000), but by depth maps that many pictures agree on instead of colours of
single voxels.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.stereo.closing import closed
from reel2sim.reconstruction.stereo.depth import agreeing, sweep
from reel2sim.reconstruction.stereo.field import Field, fuse, hull_field
from reel2sim.reconstruction.stereo.grid import Grid
from reel2sim.reconstruction.stereo.pictures import Pictures, neighbours, pictures
from reel2sim.reconstruction.views import View
from reel2sim.reconstruction.volume import Volume
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import Progress, silent

_MOST_VOXELS = 3_000_000
_MOST_PICTURES = 32
"""Pictures that get a depth map; more add time, not surface."""


def hull_grid(volume: Volume, *, sphere: Sphere) -> Grid:
    """The grid of a hull in normalised units."""
    shape = (volume.occupancy.shape[0], volume.occupancy.shape[1], volume.occupancy.shape[2])
    return Grid(sphere.normalise(volume.origin), volume.voxel_m / sphere.radius_m, shape)


def fine_grid(shots: Pictures, occupied: Array, coarse: Grid) -> Grid:
    """A grid about the hull whose voxels are as wide as a pixel there, memory permitting."""
    distance = float(np.median(np.linalg.norm(shots.centers, axis=1)))
    step = distance / float(np.median(shots.K[:, 0, 0]))
    step = float(np.clip(step, 0.3 * coarse.step, coarse.step))
    while True:
        grid = coarse.around(occupied, step=step, margin=4 * step)
        if np.prod(grid.shape) <= _MOST_VOXELS:
            return grid
        step *= 1.1


def photo_surface(
    views: tuple[View, ...],
    volume: Volume,
    *,
    sphere: Sphere,
    seed: int = 0,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> Field:
    """The surface that silhouettes, colours and cameras of still views agree on.

    Args:
        views: of time zero.
        volume: their visual hull.
        sphere: unit of length.
        seed: of random choices.
        checkpoints: where depth maps are kept.
        progress: told what is going on, as stage ``"reconstruction"``.

    Returns:
        Signed distance, normalised. Where colours tell no depth the hull stays.
    """
    coarse = hull_grid(volume, sphere=sphere)
    shots = pictures(views)
    grid = fine_grid(shots, volume.occupancy, coarse)
    hull = hull_field(
        shots, grid, occupied=volume.occupancy, coarse=coarse, strict=volume.tolerance == 0
    )
    if not (hull < 0).any():
        hull = hull_field(shots, grid, occupied=volume.occupancy, coarse=coarse, strict=False)
    field = Field(grid, hull)
    others = neighbours(shots)
    if (others[:, 1] >= 0).any():
        progress("reconstruction", 0.01, "finding depth by stereo")
        refs = np.unique(np.linspace(0, len(shots) - 1, _MOST_PICTURES).round().astype(np.int32))
        search = partial(
            sweep, shots, others, inside=hull < grid.step, grid=grid, refs=refs, seed=seed
        )
        maps = checkpoints.step("depth maps", search)
        progress("reconstruction", 0.03, "fusing depth maps")
        field = Field(grid, fuse(shots, agreeing(shots, maps), hull, grid))
    return closed(field, shots)
