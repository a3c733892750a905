"""Depth maps of pictures of one rigid body, and which of their pixels to believe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange

from reel2sim.reconstruction.stereo.grid import Grid, spans
from reel2sim.reconstruction.stereo.patchmatch import search
from reel2sim.reconstruction.stereo.pictures import Pictures
from reel2sim.scene.arrays import Array
from reel2sim.scene.threads import KERNELS

_CORRELATED = 0.6
"""Correlation from which two windows are taken to show the same."""
_SHARP = 0.06
"""Least fall of the correlation when the depth is off by a pixel and a half."""


@dataclass(frozen=True, eq=False)
class DepthMaps:
    """What a search found, per searched picture and pixel.

    Attributes:
        refs: index of each searched picture ``(r,)`` int32.
        planes: ``(r, h, w, 3)`` float32: inverse depth at the pixel's middle, in 1/radii, and its
            slope along columns and rows.
        score: correlation −1..1 ``(r, h, w)`` float32, −1 where not searched.
        trust: 0..1 ``(r, h, w)`` float32: how far to believe; 0 where nothing is known.
    """

    refs: Array
    planes: Array
    score: Array
    trust: Array

    @property
    def depth(self) -> Array:
        """``(r, h, w)`` float32, radii; 0 where not searched."""
        w = self.planes[..., 0]
        return np.where(w > 0, 1.0 / np.maximum(w, 1e-9), 0.0).astype(np.float32)


def sweep(
    shots: Pictures,
    others: Array,
    *,
    inside: Array,
    grid: Grid,
    refs: Array | None = None,
    wanted: Array | None = None,
    rounds: int = 4,
    tries: int = 12,
    agree: int = 3,
    seed: int = 0,
) -> DepthMaps:
    """Find depth and slant of pixels by comparing windows between pictures.

    Args:
        shots: pictures of a body that stands still in them.
        others: ``(v, k)`` pictures to compare each with, from :func:`neighbours`.
        inside: where the surface may be: voxels of ``grid``, bool.
        grid: of ``inside``.
        refs: pictures to search; all if None.
        wanted: ``(r, h, w)`` bool pixels to search; all masked ones if None.
        rounds: how often planes are spread and refined.
        tries: random planes each pixel starts from.
        agree: the correlation is the mean over so many of the compared pictures, the best ones;
            what the picture shows may be hidden in the others.
        seed: of all random choices.

    Returns:
        One depth map per searched picture. Trust is 0 where windows do not agree or agree as
        well at other depths, as on flat colour.
    """
    refs = np.arange(len(shots), dtype=np.int32) if refs is None else refs.astype(np.int32)
    wanted = shots.mask[refs] > 0.5 if wanted is None else wanted & (shots.mask[refs] > 0.5)
    K, T = np.ascontiguousarray(shots.K[refs]), np.ascontiguousarray(shots.T[refs])
    with KERNELS:
        near, far = spans(inside, grid.origin, grid.step, np.linalg.inv(K), T, wanted)
    wanted = wanted & (near > 0)
    pad = np.float32(1.5 * grid.step)
    start = np.zeros((*near.shape, 3), np.float32)
    start[..., 0] = np.where(wanted, 1.0 / np.maximum(near, 1e-6), 0)
    ids = np.ascontiguousarray(others[refs], dtype=np.int32)
    B, b, steps = _between(shots, refs, ids)
    with KERNELS:
        planes, score, sharp = search(
            shots.gray,
            shots.mask,
            K,
            np.linalg.inv(K),
            np.maximum(near - pad, np.float32(1e-3)),
            far + pad,
            wanted,
            ids,
            B,
            b,
            steps,
            refs,
            start,
            np.array([rounds, tries, seed, agree], np.int64),
        )
    trust = np.clip((score - _CORRELATED) / 0.25, 0, 1) * np.clip(sharp / _SHARP - 1, 0, 1)
    return DepthMaps(refs, planes, score, np.where(wanted, trust, 0).astype(np.float32))


def _between(shots: Pictures, refs: Array, ids: Array) -> tuple[Array, Array, Array]:
    """How planes of pictures ``refs`` warp into ``ids``; see :func:`search`."""
    T = shots.T[ids] @ np.linalg.inv(shots.T[refs])[:, None]
    B = shots.K[ids] @ T[..., :3, :3] @ np.linalg.inv(shots.K[refs])[:, None]
    b = np.einsum("rkij,rkj->rki", shots.K[ids], T[..., :3, 3])
    there = ids >= 0
    shift = np.linalg.norm(T[..., :3, 3], axis=-1) * shots.K[ids][..., 0, 0]
    mean = (shift * there).sum(1) / np.maximum(there.sum(1), 1)
    return B, b, 1.5 / np.maximum(mean, 1e-9)


def agreeing(
    shots: Pictures,
    maps: DepthMaps,
    *,
    pixels: float = 1.0,
    least: int = 2,
    apart: float = 0.0,
) -> DepthMaps:
    """Trust only what other depth maps confirm.

    A pixel's point is taken to every other searched picture's pixel, and that pixel's plane back
    along the line of sight; both must agree to within ``pixels`` there, seen from 15° aside.

    Args:
        shots: the pictures of ``maps``.
        maps: depth maps.
        pixels: tolerance.
        least: how many other pictures must confirm.
        apart: least angle between the lines of sight of pictures that confirm each other,
            radians.
    """
    lines = shots.centers[maps.refs]
    lines = lines / np.linalg.norm(lines, axis=1, keepdims=True)
    useful = np.arccos(np.clip(lines @ lines.T, -1, 1)) >= apart
    useful &= ~np.eye(len(lines), dtype=bool)
    K, T = np.ascontiguousarray(shots.K[maps.refs]), np.ascontiguousarray(shots.T[maps.refs])
    with KERNELS:
        votes = _confirmations(
            maps.planes,
            maps.trust,
            K,
            np.linalg.inv(K),
            T,
            useful,
            pixels / np.tan(np.radians(15.0)),
        )
    return DepthMaps(maps.refs, maps.planes, maps.score, np.where(votes >= least, maps.trust, 0))


@njit(parallel=True, cache=True, error_model="numpy")
def _confirmations(planes, trust, K, K_inv, T, useful, tolerance):
    """In how many other maps the same surface is found ``(r, h, w)`` int32."""
    r, h, w = trust.shape
    votes = np.zeros((r, h, w), np.int32)
    for row in prange(r * h):
        _confirm_row(row // h, row % h, planes, trust, K, K_inv, T, useful, tolerance, votes)
    return votes


@njit(cache=True, error_model="numpy")
def _confirm_row(at, y, planes, trust, K, K_inv, T, useful, tolerance, votes):
    r, h, w = trust.shape
    p, q = np.empty(3), np.empty(3)
    for x in range(w):
        if trust[at, y, x] <= 0:
            continue
        z = 1.0 / planes[at, y, x, 0]
        for i in range(3):
            q[i] = K_inv[at, i, 0] * (x + 0.5) + K_inv[at, i, 1] * (y + 0.5) + K_inv[at, i, 2]
            q[i] = z * q[i] - T[at, i, 3]
        for i in range(3):
            p[i] = T[at, 0, i] * q[0] + T[at, 1, i] * q[1] + T[at, 2, i] * q[2]
        for o in range(r):
            if not useful[at, o]:
                continue
            for i in range(3):
                q[i] = T[o, i, 0] * p[0] + T[o, i, 1] * p[1] + T[o, i, 2] * p[2] + T[o, i, 3]
            if q[2] <= 1e-6:
                continue
            v = K[o, 1, 1] * q[1] / q[2] + K[o, 1, 2]
            u = (K[o, 0, 0] * q[0] + K[o, 0, 1] * q[1]) / q[2] + K[o, 0, 2]
            i, j = int(np.floor(u)), int(np.floor(v))
            if i < 0 or j < 0 or i >= w or j >= h or trust[o, j, i] <= 0:
                continue
            inverse = planes[o, j, i, 0]
            inverse += planes[o, j, i, 1] * (u - i - 0.5) + planes[o, j, i, 2] * (v - j - 0.5)
            # A pixel there is z / focal length wide, which bounds how well depth is known.
            if abs(inverse * q[2] - 1.0) * K[o, 0, 0] < tolerance:
                votes[at, y, x] += 1
