"""What the object stands on: the plane that most points around it lie on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from reel2sim.reconstruction.foreground.region import Plane, Region, pixel_rays
from reel2sim.reconstruction.foreground.sweep import Peaks, Picture, on_plane
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera

_SURE = 0.8
"""Correlation from which a depth is believed."""
_POINTS = 6000
_DRAWS = 600
_NEAR = 3.0
"""Radii of the region within which points tell of the support."""
_THIN = (0.012, 0.03)
"""Distances from a plane, in radii of the region, that count as on it: for clean depths, and
for noisy ones where there is no plane else."""
_SHARE = 0.2
"""Share of the points near the object that a support must hold."""
_ALIGNED_VIEWS = 8
_UNLIKE = 0.6
"""Correlation below which something else is seen, however low."""
_UNDER = 0.5
"""Radii about the centre where the object mostly hides its support."""
_TILT_STEP = 0.003
_LIFT_STEP = 0.005
_TILT = 0.6
"""Least cosine between a support's normal and the pictures' mean upward direction."""


def seen_points(picture: Picture, peaks: Peaks) -> Array:
    """World points ``(n, 3)`` of the pixels whose depth is sure, metres."""
    sure = peaks.score[0] > _SURE
    # Plain patches score alike at all depths; a second peak as good says that this is one.
    sure &= peaks.score[1] < peaks.score[0] - 0.08
    rays = pixel_rays(picture.camera)[sure]
    return picture.camera.position + rays * peaks.depth[0][sure][:, None]


def find_support(pictures: Sequence[Picture], points: Array, region: Region) -> Plane | None:
    """The plane under the object, or None if its surroundings hold none.

    Args:
        pictures: views at rest; the support must face all of their cameras.
        points: world ``(n, 3)``, metres.
        region: where the object can be.
    """
    rng = np.random.default_rng(0)
    distance = np.linalg.norm(points - region.center, axis=1) / region.radius_m
    points, distance = points[distance < _NEAR], distance[distance < _NEAR]
    if len(points) < 200:
        return None
    if len(points) > _POINTS:
        chosen = rng.choice(len(points), _POINTS, replace=False)
        points, distance = points[chosen], distance[chosen]
    up = -np.mean([p.camera.T_world_camera[:3, 1] for p in pictures], axis=0)
    up /= max(float(np.linalg.norm(up)), 1e-9)
    eyes = np.stack([p.camera.position for p in pictures])
    # The object's own sides are near the centre; a support goes on beyond them.
    worth = np.clip(distance, 0.2, 1.0)
    for thin in _THIN:
        plane = _most_on(points, worth, eyes, up, thin=thin * region.radius_m, rng=rng)
        if plane is not None:
            return plane
    return None


def _most_on(
    points: Array,
    worth: Array,
    eyes: Array,
    up: Array,
    *,
    thin: float,
    rng: np.random.Generator,
) -> Plane | None:
    """The plane with most points within ``thin`` and few below it, if they are enough."""
    best: tuple[float, Plane] | None = None
    for _ in range(_DRAWS):
        plane = _through(points[rng.choice(len(points), 3, replace=False)], up)
        if plane is None or not (plane.height(eyes) > thin).all():
            continue
        height = plane.height(points)
        gain = worth[np.abs(height) < thin].sum() - 0.5 * worth[height < -3 * thin].sum()
        if best is None or gain > best[0]:
            best = (float(gain), plane)
    if best is None:
        return None
    plane = best[1]
    for _ in range(4):
        near = np.abs(plane.height(points)) < thin
        if near.sum() < 3:
            return None
        plane = _fitted(points[near], plane.normal)
    on = np.abs(plane.height(points)) < thin
    return plane if on.mean() > _SHARE else None


def aligned(
    plane: Plane, pictures: Sequence[Picture], beside: Sequence[Sequence[int]], region: Region
) -> Plane:
    """``plane`` moved by little so that views agree best on what it looks like.

    Depths of patches lean towards the camera where the support is seen at a grazing angle, and
    there a plane off by a hair is off by pixels.

    Args:
        plane: a first estimate.
        pictures: views at rest.
        beside: for each the indices of its neighbours.
        region: where the object can be.
    """
    used = [i for i in range(len(pictures)) if len(beside[i]) >= 2]
    used = used[:: max(1, len(used) // _ALIGNED_VIEWS)]
    side = np.linalg.svd(plane.normal[None])[2][1:]
    middle = region.center - plane.height(region.center) * plane.normal

    def moved(x: Array) -> Plane:
        normal = plane.normal + _TILT_STEP * (x[:2] @ side)
        normal /= np.linalg.norm(normal)
        return Plane(normal, float(normal @ middle) + _LIFT_STEP * region.radius_m * float(x[2]))

    def likeness(plane: Plane) -> list[Array]:
        return [on_plane(pictures[i], [pictures[j] for j in beside[i][-2:]], plane) for i in used]

    # Chosen by place and not by likeness, which would favour where the plane is already.
    part = [_meets(plane, pictures[i].camera, region) for i in used]
    total = max(sum(int(p.sum()) for p in part), 1)

    def unlike(x: Array) -> float:
        scores = likeness(moved(x))
        return (
            -sum(float(np.maximum(s[p], _UNLIKE).sum()) for s, p in zip(scores, part, strict=True))
            / total
        )

    start = np.vstack([np.zeros(3), np.eye(3)])
    found = minimize(
        unlike, np.zeros(3), method="Nelder-Mead",
        options={"initial_simplex": start, "maxfev": 90, "xatol": 0.02, "fatol": 1e-6},
    )  # fmt: skip
    return moved(found.x)


def _meets(plane: Plane, camera: Camera, region: Region) -> Array:
    """Pixels ``(h, w)`` bool whose rays meet the plane around the object."""
    rays = pixel_rays(camera)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -plane.height(camera.position) / (rays @ plane.normal)
        points = camera.position + rays * depth[..., None]
        distance = np.linalg.norm(points - region.center, axis=-1) / region.radius_m
    return (depth > 0) & (distance > _UNDER) & (distance < _NEAR)


def _through(corners: Array, up: Array) -> Plane | None:
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    length = float(np.linalg.norm(normal))
    if length < 1e-12:
        return None
    normal = normal / length * (1.0 if normal @ up >= 0 else -1.0)
    return Plane(normal, float(normal @ corners[0])) if normal @ up > _TILT else None


def _fitted(points: Array, towards: Array) -> Plane:
    middle = points.mean(0)
    normal = np.linalg.svd(points - middle, full_matrices=False)[2][2]
    normal = normal if normal @ towards > 0 else -normal
    return Plane(normal, float(normal @ middle))
