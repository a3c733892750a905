"""How much moves in a film, and where: motion magnitude and paths of points."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.truth import Truth
from reel2sim.generation.uvit.config import Layout
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

_CELLS = 24
"""Of a grid over the front picture in which only the nearest point of each cell is followed."""
_STIRS = 0.03
"""Half pictures that a point moves at least to be worth a stroke."""


def motion_magnitude(images: Array, layout: Layout) -> float:
    """3D-to-4D motion magnitude of Diffusion4D (arXiv 2405.16645, eq. 1), per pixel and channel.

    Mean over the front stream of the squared difference to the same camera's picture of the still
    object, which is the stream's first: a camera that stands still shows no motion but the
    object's, so no second orbit is needed.

    Args:
        images: ``(f, h, w, c)`` uint8 or 0..1, of ``layout``; alpha is not looked at.
        layout: of the frames.
    """
    front = np.asarray(images[layout.first_front :, ..., :3], np.float64)
    if images.dtype == np.uint8:
        front = front / 255.0
    return float(np.square(front[1:] - front[:1]).mean())


def front_tracks(truth: Truth, camera: Camera, layout: Layout, *, most: int = 64) -> Array:
    """Paths of surface points that move, in the front camera ``(n, t, 2)`` float32, −1..1.

    Only points that are nearest in their part of the first picture are taken, so that hidden ones
    are not; those that move most come first.

    Args:
        truth: of the film, with one time for each frame of the front stream.
        camera: of the front stream.
        layout: of the frames.
        most: number of paths at most.
    """
    size = np.array([camera.width, camera.height], np.float64)
    found = [camera.project(truth.points_at(i)) for i in range(layout.front)]
    paths = np.stack([pixels for pixels, _ in found], axis=1) / size * 2.0 - 1.0
    depth = np.stack([d for _, d in found], axis=1)
    inside = (np.abs(paths) < 1.0).all(axis=(1, 2)) & (depth > 0).all(axis=1)
    paths, depth = paths[inside], depth[inside, 0]
    cell = ((paths[:, 0] + 1.0) / 2.0 * _CELLS).astype(int) @ np.array([1, _CELLS])
    order = np.lexsort((depth, cell))
    front = order[np.unique(cell[order], return_index=True)[1]]
    way = np.abs(paths[front] - paths[front, :1]).max(axis=(1, 2))
    front = front[np.argsort(-way, kind="stable")]
    return paths[front[np.sort(way)[::-1] > _STIRS][:most]].astype(np.float32)
