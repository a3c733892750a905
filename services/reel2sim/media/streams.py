"""Which frames of a capture follow each other: the camera streams."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

_MAX_TURN = np.radians(25.0)
_MAX_STEP = 0.35  # of the extent of all camera positions


def chain_streams(cameras: Sequence[Camera], times_s: Sequence[float]) -> list[str]:
    """Name a stream for every frame of a capture that does not name them itself.

    Between successive times views are paired one to one so that their cameras moved least; a
    pair is kept if the camera turned by at most 25° and went at most 35 % of the extent of all
    cameras. Pairs chain into streams. Views of one instant that chain to nothing, such as a
    static orbit, form one stream in the order of the file.

    Args:
        cameras: camera of each frame ``[n]``.
        times_s: time of each frame ``[n]``, seconds.

    Returns:
        Stream names ``[n]``: ``"chain00"``, ``"chain01"`` …, by first appearance.
    """
    times = np.asarray(times_s, dtype=np.float64)
    poses = np.stack([camera.T_world_camera for camera in cameras])
    extent = float(np.linalg.norm(np.ptp(poses[:, :3, 3], axis=0)))
    instants = [np.flatnonzero(times == t) for t in np.unique(times)]
    label = np.arange(len(times))
    for before, after in pairwise(instants):
        for i, j in _pairs(poses[before], poses[after], extent):
            label[after[j]] = label[before[i]]
    for members in instants:
        alone = [i for i in members if np.count_nonzero(label == label[i]) == 1]
        label[alone] = min(alone, default=0)
    order = {value: k for k, value in enumerate(dict.fromkeys(label.tolist()))}
    return [f"chain{order[value]:02d}" for value in label.tolist()]


def _pairs(before: Array, after: Array, extent: float) -> list[tuple[int, int]]:
    """Indices into two sets of poses ``(m, 4, 4)`` and ``(n, 4, 4)`` that belong together."""
    from scipy.optimize import linear_sum_assignment

    trace = np.einsum("mij,nij->mn", before[:, :3, :3], after[:, :3, :3])
    turn = np.arccos(np.clip((trace - 1) / 2, -1, 1))
    step = np.linalg.norm(before[:, None, :3, 3] - after[None, :, :3, 3], axis=-1)
    step = step / max(extent, 1e-9)
    near = (turn <= _MAX_TURN) & (step <= _MAX_STEP)
    cost = np.where(near, turn / _MAX_TURN + step / _MAX_STEP, 1e3)
    rows, columns = linear_sum_assignment(cost)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if near[i, j]]
