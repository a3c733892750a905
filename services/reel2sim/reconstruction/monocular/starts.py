"""The best joint for some tracks, from starts spread over what it could be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reel2sim.reconstruction.monocular.one_joint import WIDE_PX, OneJoint, Sightings, fit
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array

_SPANS = {JointType.REVOLUTE: (0.5, 1.2), JointType.PRISMATIC: (0.3,)}
_SLIDE, _AS_SLIDE = 0.95, 1.3
"""What the cost of a slide counts, which has fewer unknowns, and that of a hinge so far away that
it does what a slide does."""
_FAR = 4.0
"""Distance of points from such a hinge, over their spread."""
_COARSE_STEPS, _FINE_STEPS = 7, 40


@dataclass(frozen=True, eq=False)
class Explained:
    """The best joint of tracks, and the best of the other type."""

    best: OneJoint
    other: OneJoint

    @property
    def margin(self) -> float:
        """Logarithm of the other's cost over the best's."""
        return float(np.log((self.other.cost + 1.0) / (self.best.cost + 1.0)))


def explain(
    seen: Sightings, *, directions: int = 8, finer: int = 2, steps: int = _FINE_STEPS
) -> Explained:
    """Fit a hinge and a slide.

    Args:
        seen: tracks of one part.
        directions: of axes to start from.
        finer: of these starts, how many are followed to the end.
        steps: iterations of these.
    """
    shape = motion_shape(seen)
    middle = first_points(seen, seen.log_depth).mean(axis=0)
    found: dict[JointType, OneJoint] = {}
    for kind, spans in _SPANS.items():
        starts = [
            OneJoint(
                kind,
                axis,
                middle,
                seen.focal,
                sign * span * shape,
                seen.log_depth,
            )
            for axis in half_sphere(directions)
            for sign in (1.0, -1.0)
            for span in spans
        ]
        coarse = [fit(seen, s, steps=_COARSE_STEPS, kernel_px=WIDE_PX) for s in starts]
        coarse.sort(key=lambda joint: joint.cost)
        fine = [fit(seen, joint, steps=steps) for joint in coarse[:finer]]
        found[kind] = min(fine, key=lambda joint: joint.cost)
    turn, slide = found[JointType.REVOLUTE], found[JointType.PRISMATIC]
    if slide.cost * plainness(seen, slide) < turn.cost * plainness(seen, turn):
        return Explained(slide, turn)
    return Explained(turn, slide)


def plainness(seen: Sightings, joint: OneJoint) -> float:
    """Factor of a joint's cost that makes plain joints win over others that do the same.

    Args:
        seen: tracks that the joint was fitted to; its depths are of these.
        joint: of either type.
    """
    if not joint.type.angular:
        return _SLIDE
    points = first_points(seen, joint.log_depth)
    arm = points - joint.pivot
    arm -= (arm @ joint.axis)[:, None] * joint.axis
    spread = float(np.sqrt(points.var(axis=0).sum()))
    far = float(np.median(np.linalg.norm(arm, axis=1))) > _FAR * max(spread, 1e-6)
    return _AS_SLIDE if far else 1.0


def first_points(seen: Sightings, log_depth: Array) -> Array:
    """World points of tracks where they are first seen ``(n, 3)``."""
    n = np.arange(len(seen))
    rays = (seen.pixels[n, seen.first] - seen.center) / seen.focal
    points = np.exp(log_depth)[:, None] * np.concatenate([rays, np.ones((len(n), 1))], axis=1)
    T = seen.backs[seen.first]
    return np.einsum("nij,nj->ni", T[:, :3, :3], points) + T[:, :3, 3]


def along_line(seen: Sightings, line: OneJoint) -> OneJoint:
    """The states with which tracks follow the line of a joint best."""
    shape = motion_shape(seen)
    depths = seen.log_depth
    starts = [
        replace(line, states=sign * span * shape, log_depth=depths)
        for sign in (1.0, -1.0)
        for span in (0.25 * _SPANS[line.type][0], *_SPANS[line.type])
    ]
    wide = [fit(seen, s, steps=15, kernel_px=WIDE_PX, keep_line=True) for s in starts]
    return fit(seen, min(wide, key=lambda joint: joint.cost), steps=20, keep_line=True)


def motion_shape(seen: Sightings) -> Array:
    """Signed course of the motion ``(t,)``, range one: first mode of the pixels' steps."""
    both = seen.seen[:, 1:] & seen.seen[:, :-1]
    steps = np.where(both[..., None], np.diff(seen.pixels, axis=1), 0.0)
    data = np.concatenate([steps[..., 0], steps[..., 1]])
    known = np.concatenate([both, both]).astype(float)
    size = np.sqrt((data**2).sum(0) / np.maximum(known.sum(0), 1))
    best: tuple[float, Array] | None = None
    for attempt in range(4):
        rng = np.random.default_rng(attempt)
        signs = np.ones(len(size)) if attempt == 0 else np.sign(rng.standard_normal(len(size)))
        course = size * signs
        for _ in range(40):  # alternating least squares with missing entries
            gain = (data * known * course).sum(1) / np.maximum((known * course**2).sum(1), 1e-9)
            power = (known * gain[:, None] ** 2).sum(0)
            course = (data * known * gain[:, None]).sum(0) / np.maximum(power, 1e-9)
            course *= np.linalg.norm(size) / max(float(np.linalg.norm(course)), 1e-9)
        gain = (data * known * course).sum(1) / np.maximum((known * course**2).sum(1), 1e-9)
        error = float((known * (data - gain[:, None] * course) ** 2).sum())
        if best is None or error < best[0]:
            best = error, course
    assert best is not None
    path = np.concatenate([[0.0], np.cumsum(best[1])])
    return path / max(float(np.ptp(path)), 1e-9)


def half_sphere(count: int) -> Array:
    """Directions spread over the half sphere ``(count, 3)`` (Fibonacci spiral)."""
    i = np.arange(count) + 0.5
    z = i / count
    angle = np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - z * z)
    return np.stack([np.cos(angle) * r, np.sin(angle) * r, z], axis=1)
