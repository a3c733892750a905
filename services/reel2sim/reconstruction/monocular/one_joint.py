"""Structure from motion of one joint: line, states and depths from tracks of a single camera.

Points that one joint carries along leave a single unknown each, their depth where they were found.
Line, states, focal length and depths together are a small robust least-squares problem (damped
Gauss-Newton, depths eliminated by their Schur complement), solved from many starts: seen from one
place, a motion and its mirror image in depth look nearly alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from reel2sim.reconstruction.monocular.one_joint_kernel import (
    LINE,
    descend,
    squared_errors,
)
from reel2sim.reconstruction.monocular.tracks import ClipTracks
from reel2sim.rigging.joints.model import JointModel
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array

_LEAST_SIGMA, _MOST_SIGMA = 0.03, 0.35
"""Bounds of the spread of logarithms of depth of a part."""
_SLOPE = 1.0
"""How deep a part is, as a share of how wide: seen from one place, a shallow thing that turns far
and a deep one that turns a little look alike."""
_TRUST = 0.1
"""Weight of what is known of depth, per sighting: a track errs much the same throughout."""
_FOCAL_SIGMA = 0.15
"""Of the logarithm of the focal length about what is assumed."""
WIDE_PX, KERNEL_PX = 8.0, 4.0
"""Geman-McClure scale of residuals, at first and in the end."""
_DEPTHS = np.linspace(-0.9, 0.9, 19)
"""Logarithms of depth that are tried, about that of the scene."""
_GIVE, _LEAST_PX = 0.1, 1.2
"""Error that a track may have, as a share of its way, and at least."""
_CALM = 1e3
"""Weight of squared changes of speed, pixels² over squared units of the state a frame."""


@dataclass(frozen=True, eq=False)
class Sightings:
    """Tracks at chosen frames of a camera whose motion is known.

    Attributes:
        frames: numbers of the chosen frames, ascending.
        pixels: ``(n, t, 2)``.
        seen: ``(n, t)``.
        first: frame, of those chosen, in which each is seen first ``(n,)``.
        T_camera_world: ``(t, 4, 4)``.
        center: principal point ``(2,)``, pixels.
        focal: focal length, pixels.
        log_depth: logarithm of the depth of each where it is first ``(n,)``, told or by guess.
        sigma: standard deviation of that ``(n,)``; infinite where it is a mere guess, so that the
            depths of a part are only held together by how wide it is.
    """

    frames: tuple[int, ...]
    pixels: Array
    seen: Array
    first: Array
    T_camera_world: Array
    center: Array
    focal: float
    log_depth: Array
    sigma: Array

    def __len__(self) -> int:
        return len(self.pixels)

    @cached_property
    def backs(self) -> Array:
        """T_world_camera ``(t, 4, 4)``."""
        return np.linalg.inv(self.T_camera_world)

    def select(self, index: Array) -> Sightings:
        """Some of the tracks."""
        return replace(
            self,
            pixels=self.pixels[index],
            seen=self.seen[index],
            first=self.first[index],
            log_depth=self.log_depth[index],
            sigma=self.sigma[index],
        )

    @cached_property
    def depth_priors(self) -> Array:
        """Weight of the logarithm of each depth ``(n,)``: as told, else by how wide tracks lie."""
        start = self.pixels[np.arange(len(self)), self.first] / self.focal
        wide = _SLOPE * float(np.sqrt(start.var(axis=0).mean())) if len(start) else 0.0
        sigma = np.minimum(self.sigma, min(max(wide, _LEAST_SIGMA), _MOST_SIGMA))
        return _TRUST * self.seen.sum(axis=1) / sigma**2

    @cached_property
    def stiffness(self) -> Array:
        """What squared errors of each track count for ``(n,)``: far ways are followed less exactly.

        Scaled by it, an error is as bad as any other at :data:`KERNEL_PX`.
        """
        given = np.clip(_GIVE * self.way, _LEAST_PX, KERNEL_PX)
        return (KERNEL_PX / given) ** 2

    @cached_property
    def way(self) -> Array:
        """How far each track gets from where it is first ``(n,)``, pixels."""
        start = self.pixels[np.arange(len(self)), self.first]
        away = np.linalg.norm(self.pixels - start[:, None], axis=-1)
        return np.where(self.seen, away, 0.0).max(axis=1)


def sightings(
    tracks: ClipTracks,
    frames: Array,
    T_camera_world: Array,
    *,
    center: Array,
    focal: float,
) -> tuple[Sightings, Array]:
    """Tracks that are seen in two of the chosen frames or more, and which these are ``(n,)``.

    Nothing is known of their depths: all are one, by guess.
    """
    seen = tracks.seen[:, frames]
    which = np.nonzero(seen.sum(axis=1) >= 2)[0]
    seen = np.ascontiguousarray(seen[which])
    return Sightings(
        tuple(frames.tolist()),
        np.ascontiguousarray(tracks.pixels[which][:, frames]),
        seen,
        seen.argmax(axis=1),
        np.ascontiguousarray(T_camera_world[frames]),
        center,
        focal,
        np.zeros(len(which)),
        np.full(len(which), np.inf),
    ), which


@dataclass(frozen=True, eq=False)
class OneJoint:
    """A joint against the still world, and the depths of what it carries.

    Attributes:
        type: revolute or prismatic.
        axis: unit ``(3,)``, world.
        pivot: point on it ``(3,)``.
        focal: pixels.
        states: at the chosen frames ``(t,)``, zero at the first.
        log_depth: logarithm of the depth of each point in the frame that it was found in ``(n,)``.
        cost: robust sum, pixels², priors included.
    """

    type: JointType
    axis: Array
    pivot: Array
    focal: float
    states: Array
    log_depth: Array
    cost: float = np.inf

    @property
    def span(self) -> float:
        """Range of the states."""
        return float(np.ptp(self.states))

    @property
    def motion(self) -> Array:
        """Of what it carries since the first chosen frame, world to world ``(t, 4, 4)``."""
        return JointModel(self.type, self.axis, self.pivot, self.states).motion()

    def errors(self, seen: Sightings, log_depth: Array | None = None) -> Array:
        """Squared errors of tracks ``(n, t)``, pixels²; zero where not seen."""
        return squared_errors(
            self.type.angular,
            self.axis,
            self.pivot,
            self.focal,
            self.states,
            self.log_depth if log_depth is None else log_depth,
            seen.pixels,
            seen.seen,
            seen.first,
            seen.center,
            seen.T_camera_world,
            seen.backs,
        )


def robust(squared: Array, kernel_px: float) -> Array:
    """Geman-McClure cost of squared residuals, pixels²."""
    c = kernel_px**2
    return c * squared / (c + squared)


def fit(
    seen: Sightings,
    start: OneJoint,
    *,
    steps: int,
    kernel_px: float = KERNEL_PX,
    free_focal: bool = False,
    keep_line: bool = False,
) -> OneJoint:
    """The best joint near a start.

    Args:
        seen: tracks, of one part.
        start: its depths are of these tracks.
        steps: iterations at most.
        kernel_px: scale of the robust cost.
        free_focal: change the focal length too, about that of the sightings.
        keep_line: change states and depths alone.
    """
    t = seen.seen.shape[1]
    free = np.ones(LINE + t, bool)
    free[2:5] = start.type.angular
    free[5] = free_focal
    free[:6] &= not keep_line
    axis, pivot, focal, states, log_depth, cost = descend(
        start.type.angular, start.axis, start.pivot, float(start.focal), start.states,
        start.log_depth, seen.pixels, seen.seen, seen.first, seen.center, seen.T_camera_world,
        seen.backs, free, _calm(seen.frames), seen.depth_priors, seen.log_depth,
        1.0 / _FOCAL_SIGMA**2, seen.focal, seen.stiffness, kernel_px, steps,
    )  # fmt: skip
    return OneJoint(start.type, axis, pivot, focal, states - states[0], log_depth, cost)


@cache
def _calm(frames: tuple[int, ...]) -> Array:
    """Curvature of the price of changes of speed and, faintly, of speed ``(t, t)``.

    Where nothing is seen of a part, it is taken to go on as it did before and does after.
    """
    t = len(frames)
    gaps = np.diff(np.array(frames, float))
    speeds = np.diff(np.eye(t), axis=0) / gaps[:, None]
    bends = np.diff(speeds, axis=0) / np.sqrt((gaps[1:] + gaps[:-1]) / 2)[:, None]
    return _CALM * (bends.T @ bends + 1e-3 * speeds.T @ speeds)


def placed(seen: Sightings, joint: OneJoint) -> tuple[OneJoint, Array]:
    """A joint with the best depth for each of other tracks.

    Returns:
        It, and the squared errors of the tracks times their stiffness ``(n, t)``, pixels².
    """
    stiff = seen.stiffness[:, None]
    best, kept = np.full(len(seen), np.inf), seen.log_depth

    def tried(depths: Array) -> tuple[Array, Array]:
        price = robust(stiff * joint.errors(seen, depths), KERNEL_PX).sum(axis=1)
        price += seen.depth_priors * (depths - seen.log_depth) ** 2
        return np.minimum(best, price), np.where(price < best, depths, kept)

    for off in _DEPTHS:
        best, kept = tried(seen.log_depth + off)
    for off in (0.05, 0.025, 0.0125):  # finer, about the best
        for sign in (-1.0, 1.0):
            best, kept = tried(kept + sign * off)
    found = replace(joint, log_depth=kept)
    return found, stiff * found.errors(seen)
