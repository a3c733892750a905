"""At which depths a picture looks like its neighbours: a plane sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numba
import numpy as np

from reel2sim.reconstruction.foreground.region import Plane
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

PEAKS = 4
"""Depths remembered per pixel."""
_WINDOW = 5
_NOISE = 2.0
"""Standard deviation of grey levels, 0..255, below which a patch counts as plain."""
_LARGEST_STEP_PX = 1.2
_MOST_PLANES = 144


@dataclass(frozen=True, eq=False)
class Picture:
    """A reduced picture, ready for matching.

    Attributes:
        color: ``(h, w, 3)`` float32, 0..255.
        grey: ``(h, w)`` float32, 0..255.
        camera: of this size.
    """

    color: Array
    grey: Array
    camera: Camera

    @classmethod
    def of(cls, image: Array, camera: Camera, *, max_px: int) -> Picture:
        """``image`` ``(h, w, 3)`` uint8 with its longer side at most ``max_px``."""
        shrink = min(1.0, max_px / max(image.shape[:2]))
        if shrink < 1:
            size = (max(1, round(camera.width * shrink)), max(1, round(camera.height * shrink)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
            camera = camera.resized(*size)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        return cls(image.astype(np.float32), grey.astype(np.float32), camera)


@dataclass(frozen=True, eq=False)
class Peaks:
    """The best local maxima of likeness over depth for every pixel.

    Attributes:
        depth: ``(PEAKS, h, w)`` float32, metres, best first; 0 where there is none.
        score: ``(PEAKS, h, w)`` float32, correlation −1..1; −1 where there is none.
    """

    depth: Array
    score: Array


def sweep(picture: Picture, neighbours: Sequence[Picture], *, near_m: float, far_m: float) -> Peaks:
    """Compare ``picture`` with its neighbours on planes across its view from near to far.

    A depth is as good as the mean of its two best neighbours, as others may be hidden. Patches
    without texture look alike everywhere: they score the same at all depths.
    """
    inverse = _inverse_depths(picture.camera, neighbours, near_m, far_m)
    planes = np.outer(inverse, [0.0, 0.0, 1.0])
    return Peaks(*_peaks(_likeness(picture, neighbours, planes), (1 / inverse).astype(np.float32)))


def on_plane(picture: Picture, neighbours: Sequence[Picture], plane: Plane) -> Array:
    """How well ``picture`` shows a plane as its neighbours do: correlation ``(h, w)`` −1..1.

    Unlike a plane of the sweep this one lies as it does in the world, so that what is seen at a
    grazing angle is compared with what it looks like from elsewhere.
    """
    T = picture.camera.T_world_camera
    inverse = (plane.normal @ T[:3, :3]) / (plane.offset - plane.normal @ T[:3, 3])
    return _likeness(picture, neighbours, inverse[None])[0]


def _likeness(picture: Picture, neighbours: Sequence[Picture], planes: Array) -> Array:
    """Mean of the two best correlations with neighbours on each of ``planes``: ``(n, h, w)``.

    A row ``m`` of ``planes`` ``(n, 3)`` is the plane ``m · p = 1`` in the picture's camera axes.
    """
    mean, deviation = _moments(picture.grey)
    shape = (len(planes), *picture.grey.shape)
    first, second = np.full(shape, -1, np.float32), np.full(shape, -1, np.float32)
    unproject = np.linalg.inv(picture.camera.K)
    for neighbour in neighbours:
        T = neighbour.camera.T_camera_world @ picture.camera.T_world_camera
        for i, plane in enumerate(planes):
            H = neighbour.camera.K @ (T[:3, :3] + np.outer(T[:3, 3], plane)) @ unproject
            H = _CENTRES_DOWN @ H @ _CENTRES_UP
            warped = cv2.warpPerspective(
                neighbour.grey, H, picture.grey.shape[::-1],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=-1e4,
            )  # fmt: skip
            m, d = _moments(warped)
            product = cv2.blur(picture.grey * warped, (_WINDOW, _WINDOW))
            _two_best(product, mean, deviation, m, d, first[i], second[i])
    return (first + second) / 2


def correlation(a: Array, b: Array) -> Array:
    """Correlation of the patches about each pixel of two grey pictures ``(h, w)``, −1..1.

    Two plain patches count as alike.
    """
    (mean_a, dev_a), (mean_b, dev_b) = _moments(a), _moments(b)
    covariance = cv2.blur(a * b, (_WINDOW, _WINDOW)) - mean_a * mean_b
    plain = _NOISE * _NOISE
    return (covariance + plain) / (dev_a * dev_b + plain)


_CENTRES_UP = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
_CENTRES_DOWN = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])


def _inverse_depths(
    camera: Camera, neighbours: Sequence[Picture], near_m: float, far_m: float
) -> Array:
    """Inverse depths, far first, one pixel of parallax apart for the nearest neighbour."""
    baseline = min(np.linalg.norm(n.camera.position - camera.position) for n in neighbours)
    parallax = camera.fx * float(baseline) * (1 / near_m - 1 / far_m)
    count = int(np.clip(np.ceil(parallax / _LARGEST_STEP_PX), 16, _MOST_PLANES))
    return np.linspace(1 / far_m, 1 / near_m, count)


def _moments(grey: Array) -> tuple[Array, Array]:
    mean = cv2.blur(grey, (_WINDOW, _WINDOW))
    variance = cv2.blur(grey * grey, (_WINDOW, _WINDOW)) - mean * mean
    return mean, np.sqrt(np.maximum(variance, 0.0))


@numba.njit(cache=True, fastmath=True)
def _two_best(product, mean_a, dev_a, mean_b, dev_b, first, second) -> None:
    """Put the correlation into the two best so far, in place; all ``(h, w)`` float32."""
    plain = np.float32(_NOISE * _NOISE)
    height, width = product.shape
    for y in range(height):
        for x in range(width):
            # Patches that reach out of the neighbour's picture hold its huge border value.
            if mean_b[y, x] < 0:
                continue
            covariance = product[y, x] - mean_a[y, x] * mean_b[y, x]
            score = (covariance + plain) / (dev_a[y, x] * dev_b[y, x] + plain)
            if score > first[y, x]:
                second[y, x] = first[y, x]
                first[y, x] = score
            elif score > second[y, x]:
                second[y, x] = score


@numba.njit(cache=True)
def _peaks(scores: Array, depths: Array) -> tuple[Array, Array]:
    """Best local maxima of ``(d, h, w)`` along its first axis: depth and score ``(k, h, w)``."""
    planes, height, width = scores.shape
    depth = np.zeros((PEAKS, height, width), np.float32)
    score = np.full((PEAKS, height, width), np.float32(-1))
    for y in range(height):
        for x in range(width):
            for i in range(planes):
                s = scores[i, y, x]
                if i > 0 and scores[i - 1, y, x] > s:
                    continue
                if i + 1 < planes and scores[i + 1, y, x] >= s:
                    continue
                k = PEAKS - 1
                if s <= score[k, y, x]:
                    continue
                while k > 0 and score[k - 1, y, x] < s:
                    score[k, y, x] = score[k - 1, y, x]
                    depth[k, y, x] = depth[k - 1, y, x]
                    k -= 1
                score[k, y, x], depth[k, y, x] = s, depths[i]
    return depth, score
