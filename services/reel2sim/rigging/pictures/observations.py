"""Image positions of surface points over time: the data every motion is fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.threads import KERNELS

_WORST_PX = 3.0


@dataclass(frozen=True, eq=False)
class Observations:
    """``n`` surface points followed over ``t`` instants, each by one camera stream.

    Attributes:
        points: at time zero ``(n, 3)``, normalised space.
        rays: unit direction along which the point's position is uncertain ``(n, 3)``.
        stream: index of the camera stream ``(n,)``.
        pixels: ``(n, t, 2)``; zero where not seen.
        seen: ``(n, t)`` bool.
        whiten: ``(n, 2, 2)``; whitened residual is ``whiten @ (pixel - prediction)``. Directions
            in which the image has no texture weigh little (the aperture problem).
        surfel: surfel the point lies on ``(n,)``.
        T_camera_world: ``(t, s, 4, 4)``.
        intrinsics: ``(t, s, 4)``.
        sigma: standard deviation of the points along their rays; 0 fixes them.
    """

    points: Array
    rays: Array
    stream: Array
    pixels: Array
    seen: Array
    whiten: Array
    surfel: Array
    T_camera_world: Array
    intrinsics: Array
    sigma: float

    def __len__(self) -> int:
        return len(self.points)

    @property
    def instants(self) -> int:
        """Number of instants ``t``."""
        return self.seen.shape[1]

    def select(self, index: Array) -> Observations:
        """The observations picked by a boolean mask or indices."""
        return Observations(
            self.points[index],
            self.rays[index],
            self.stream[index],
            self.pixels[index],
            self.seen[index],
            self.whiten[index],
            self.surfel[index],
            self.T_camera_world,
            self.intrinsics,
            self.sigma,
        )

    def residuals(self, trajectory: Array, *, slack: bool = True) -> tuple[Array, Array]:
        """Whitened reprojection errors under a rigid motion.

        Args:
            trajectory: motion since time zero ``(t, 4, 4)``.
            slack: let each point slide along its ray within ``sigma`` (robust least squares).

        Returns:
            Residual lengths ``(n, t)`` in pixels, NaN where not seen, and the slides ``(n,)``.
        """
        views = self.T_camera_world @ trajectory[:, None]
        sigma = self.sigma if slack else 0.0
        with KERNELS:
            return _residuals(
                self.points,
                self.rays,
                self.stream,
                self.pixels,
                self.seen,
                self.whiten,
                views,
                self.intrinsics,
                sigma,
            )


def some_of(index: Array, most: int, rng: np.random.Generator) -> Array:
    """At most ``most`` of ``index`` ``(n,)``, in their order."""
    return index if len(index) <= most else np.sort(rng.choice(index, most, replace=False))


def truncated_cost(residuals: Array) -> float:
    """Mean of squared residuals, cut off at 3 px, where there are any; pixels²."""
    seen = residuals[np.isfinite(residuals)]
    return float((np.minimum(seen, _WORST_PX) ** 2).mean()) if len(seen) else _WORST_PX**2


def median_cost(residuals: Array) -> float:
    """Median of squared residuals, cut off at 3 px, where there are any; pixels²."""
    seen = residuals[np.isfinite(residuals)]
    return min(float(np.median(seen)), _WORST_PX) ** 2 if len(seen) else _WORST_PX**2


def upper_quartile(residuals: Array) -> Array:
    """75th percentile of each row's finite values ``(n,)``; 99 for rows without any."""
    ordered = np.sort(residuals, axis=1)
    count = np.isfinite(ordered).sum(axis=1)
    pick = np.clip((0.75 * (count - 1)).astype(int), 0, None)
    return np.where(count > 0, ordered[np.arange(len(ordered)), pick], 99.0)


def whitening(structure: Array, *, noise: float = 40.0) -> Array:
    """Whitening matrices from image structure tensors.

    Args:
        structure: ``(n, 3)`` rows ``Ixx, Ixy, Iyy``, squared grey levels per pixel².
        noise: gradient energy at which a direction counts half.

    Returns:
        Symmetric ``(n, 2, 2)``, eigenvalues in 0..1.
    """
    tensor = structure[:, [0, 1, 1, 2]].reshape(-1, 2, 2)
    values, vectors = np.linalg.eigh(tensor)
    gain = np.sqrt(np.maximum(values, 0) / (np.maximum(values, 0) + noise))
    return np.einsum("nij,nj,nkj->nik", vectors, gain, vectors)


@numba.njit(cache=True, parallel=True)
def _residuals(points, rays, stream, pixels, seen, whiten, views, intrinsics, sigma):
    n, instants = seen.shape
    out = np.full((n, instants), np.nan)
    slides = np.zeros(n)
    for i in numba.prange(n):
        base = np.zeros((instants, 2))
        slope = np.zeros((instants, 2))
        s = stream[i]
        x = points[i]
        ray = rays[i]
        for t in range(instants):
            if not seen[i, t]:
                continue
            V = views[t, s]
            fx, fy, cx, cy = intrinsics[t, s]
            px = V[0, 0] * x[0] + V[0, 1] * x[1] + V[0, 2] * x[2] + V[0, 3]
            py = V[1, 0] * x[0] + V[1, 1] * x[1] + V[1, 2] * x[2] + V[1, 3]
            pz = max(V[2, 0] * x[0] + V[2, 1] * x[1] + V[2, 2] * x[2] + V[2, 3], 0.05)
            dx = V[0, 0] * ray[0] + V[0, 1] * ray[1] + V[0, 2] * ray[2]
            dy = V[1, 0] * ray[0] + V[1, 1] * ray[1] + V[1, 2] * ray[2]
            dz = V[2, 0] * ray[0] + V[2, 1] * ray[1] + V[2, 2] * ray[2]
            ru = pixels[i, t, 0] - (px / pz * fx + cx)
            rv = pixels[i, t, 1] - (py / pz * fy + cy)
            ju = fx / pz * (dx - px / pz * dz)
            jv = fy / pz * (dy - py / pz * dz)
            w = whiten[i]
            base[t, 0] = w[0, 0] * ru + w[0, 1] * rv
            base[t, 1] = w[1, 0] * ru + w[1, 1] * rv
            slope[t, 0] = w[0, 0] * ju + w[0, 1] * jv
            slope[t, 1] = w[1, 0] * ju + w[1, 1] * jv
        slide = 0.0
        if sigma > 0:
            # Half a pixel of image noise against sigma of depth noise; Geman–McClure, 2 px.
            prior = (0.5 / sigma) ** 2
            for _ in range(3):
                h = prior
                g = 0.0
                for t in range(instants):
                    if seen[i, t]:
                        a = base[t, 0] - slope[t, 0] * slide
                        b = base[t, 1] - slope[t, 1] * slide
                        k = (4.0 / (4.0 + a * a + b * b)) ** 2
                        h += k * (slope[t, 0] ** 2 + slope[t, 1] ** 2)
                        g += k * (slope[t, 0] * base[t, 0] + slope[t, 1] * base[t, 1])
                slide = min(max(g / h, -3 * sigma), 3 * sigma)
        slides[i] = slide
        for t in range(instants):
            if seen[i, t]:
                a = base[t, 0] - slope[t, 0] * slide
                b = base[t, 1] - slope[t, 1] * slide
                out[i, t] = np.sqrt(a * a + b * b)
    return out, slides
