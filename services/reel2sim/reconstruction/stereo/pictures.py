"""Still pictures of one rigid body, as stereo wants them: one channel, and who to compare with."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array

_BEST_ANGLE = np.radians(18.0)
"""Between two lines of sight: less tells depth badly, more hides and bends what both see."""
_LEAST_ANGLE = np.radians(4.0)
_LARGEST_ANGLE = np.radians(60.0)


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures in which one rigid body stands still.

    Attributes:
        gray: the one channel in which the object varies most, on black ``(v, h, w)`` float32;
            it spans at most 1.
        mask: ``(v, h, w)`` float32, 0..1.
        K: intrinsics ``(v, 3, 3)`` float64.
        T: the body's normalised units to camera axes ``(v, 4, 4)`` float64.
        times: instant of each ``(v,)``.
    """

    gray: Array
    mask: Array
    K: Array
    T: Array
    times: Array

    def __len__(self) -> int:
        return len(self.gray)

    @property
    def centers(self) -> Array:
        """Where the cameras stand ``(v, 3)``, normalised."""
        return -np.einsum("vji,vj->vi", self.T[:, :3, :3], self.T[:, :3, 3])

    def moved(self, motion: Array) -> Pictures:
        """The same pictures with cameras that see a body as still.

        Args:
            motion: of the body since time zero at each picture ``(v, 4, 4)``, normalised.
        """
        return Pictures(self.gray, self.mask, self.K, self.T @ motion, self.times)


def pictures(views: tuple[View, ...], *, max_px: int = 256) -> Pictures:
    """Views as one stack; all must have one size after reduction, smaller ones are padded.

    Args:
        views: at least one.
        max_px: longer side to reduce to.
    """
    stacked = [_reduced(view, max_px) for view in views]
    height = max(rgb.shape[0] for rgb, _, _ in stacked)
    width = max(rgb.shape[1] for rgb, _, _ in stacked)
    rgb = np.zeros((len(views), height, width, 3), np.float32)
    mask = np.zeros((len(views), height, width), np.float32)
    for i, (picture, outline, _) in enumerate(stacked):
        rgb[i, : picture.shape[0], : picture.shape[1]] = picture
        mask[i, : outline.shape[0], : outline.shape[1]] = outline
    T = np.stack([view.T_camera_world.cpu().numpy() for view in views]).astype(np.float64)
    return Pictures(
        np.ascontiguousarray(rgb @ main_channel(rgb[mask > 0.9])),
        mask,
        np.stack([K for _, _, K in stacked]),
        T,
        np.array([view.time_s for view in views]),
    )


def _reduced(view: View, max_px: int) -> tuple[Array, Array, Array]:
    rgb, mask = view.rgb.cpu().numpy(), view.mask.cpu().numpy()
    K = view.K.cpu().numpy().astype(np.float64)
    h, w = mask.shape
    shrink = max_px / max(h, w)
    if shrink >= 1:
        return rgb, mask, K
    size = (max(1, round(w * shrink)), max(1, round(h * shrink)))
    K = np.diag([size[0] / w, size[1] / h, 1.0]) @ K
    return (
        cv2.resize(rgb, size, interpolation=cv2.INTER_AREA),
        cv2.resize(mask, size, interpolation=cv2.INTER_AREA),
        K,
    )


def main_channel(colors: Array) -> Array:
    """The mix of channels ``(3,)`` in which ``colors`` ``(n, 3)`` vary most.

    Weights have an absolute sum of one, so that the mix varies by at most 1; grey counts a
    little on top, so that a colourless picture gets a plain average.
    """
    if len(colors) < 2:
        return np.full(3, 1 / 3, np.float32)
    spread = np.cov(colors.reshape(-1, 3).T.astype(np.float64)) + 1e-6
    axis = np.linalg.eigh(spread)[1][:, -1]
    axis = axis * np.sign(axis[np.abs(axis).argmax()])
    return (axis / np.abs(axis).sum()).astype(np.float32)


def neighbours(shots: Pictures, *, count: int = 6, penalty: Array | None = None) -> Array:
    """For each picture those to compare it with ``(v, count)`` int32, best first, −1 for none.

    The angle at the middle of the body decides: near 18°, at least 4°, at most 60°. Pictures
    from nearly one place count against each other, so that both sides get their turn: what one
    hides the other often shows.

    Args:
        shots: pictures.
        count: how many each gets at most.
        penalty: ``(v, v)`` that speaks against pairs, as much as an angle wrong by a factor of
            e to its power; infinite for never.
    """
    lines = shots.centers / np.linalg.norm(shots.centers, axis=1, keepdims=True)
    angle = np.arccos(np.clip(lines @ lines.T, -1, 1))
    cost = np.abs(np.log(np.maximum(angle, 1e-6) / _BEST_ANGLE))
    far = (angle < _LEAST_ANGLE) | (angle > _LARGEST_ANGLE)
    cost = np.where(far, np.inf, cost if penalty is None else cost + penalty)
    found = np.full((len(shots), count), -1, np.int32)
    for i in range(len(shots)):
        row, taken = cost[i].copy(), []
        while len(taken) < count and np.isfinite(row).any():
            best = int(row.argmin())
            taken.append(best)
            # Another picture from nearly the same place adds little.
            row += 0.7 * np.exp(-((angle[best] / np.radians(8.0)) ** 2))
            row[best] = np.inf
        found[i, : len(taken)] = taken
    return found
