"""Joints with limits, damping and friction, from how they were seen to move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reel2sim.rigging.articulation import JointEstimate
from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.scene.arrays import Array
from reel2sim.scene.rig import Inertial, JointLimits, JointType
from reel2sim.scene.transforms import apply

GRAVITY = 9.81
"""m/s²."""
FULL_TURN_SHARE = 0.95
"""A revolute joint seen to turn through this share of a full turn has no stops."""
LEAST_SPEED = {True: 1.0, False: 0.2}
"""Floor of the velocity limit for angular (rad/s) and sliding (m/s) joints."""
LEAST_EFFORT = {True: 0.5, False: 5.0}
"""Floor of the effort limit for angular (N·m) and sliding (N) joints."""
SPEED_MARGIN = 2.0
"""Velocity limit over the fastest steady motion seen."""
EFFORT_MARGIN = 2.0
"""Effort limit over what gravity and inertia ask for."""
SPIN_UP_S = 0.25
"""Time in which a joint should be able to reach its velocity limit, seconds."""
DAMPING_SHARE = 0.05
"""Share of the effort limit that damping takes at the velocity limit."""
FRICTION_SHARE = 0.01
"""Share of the effort limit that dry friction takes."""


@dataclass(frozen=True, eq=False)
class Drive:
    """How a joint is bounded and braked.

    Attributes:
        type: as estimated, but continuous where a full turn was seen.
        axis: unit direction ``(3,)``; the largest motion seen is positive.
        positions: ``(t,)`` in the sense of ``axis``.
        limits: bounds.
        damping: N·m·s/rad or N·s/m.
        friction: N·m or N.
    """

    type: JointType
    axis: Array
    positions: Array
    limits: JointLimits
    damping: float
    friction: float


@dataclass(frozen=True, eq=False)
class Load:
    """What a joint carries: all links beyond it, at the worst that was seen.

    Attributes:
        mass: kg.
        moment: largest moment of inertia about the joint's axis, kg·m².
        arm: largest distance of the centre of mass from the axis, metres.
    """

    mass: float
    moment: float
    arm: float

    @classmethod
    def about(cls, axis: Array, pivot: Array, bodies: Sequence[tuple[Inertial, Array]]) -> Load:
        """Load of ``bodies`` about an axis.

        Args:
            axis: unit ``(3,)``, world at time zero.
            pivot: a point on it ``(3,)``, metres.
            bodies: each with its inertial, world frame at time zero, and its motions since then
                with the parent of the joint held still ``(t, 4, 4)``.
        """
        mass, moment, first = 0.0, 0.0, 0.0
        for inertial, motions in bodies:
            center = apply(motions, inertial.center[None])[:, 0]
            reach = np.cross(axis, center - pivot)
            turned = np.einsum("tji,j->ti", motions[:, :3, :3], axis)
            own = np.einsum("ti,ij,tj->t", turned, inertial.inertia, turned)
            mass += inertial.mass
            moment = moment + own + inertial.mass * (reach**2).sum(1)
            first = first + inertial.mass * reach
        return cls(mass, float(np.max(moment)), float(np.linalg.norm(first, axis=1).max()) / mass)


def drive_of(
    estimate: JointEstimate, times_s: Array, load: Load, *, config: PhysicsConfig
) -> Drive:
    """Bounds of a joint from its observed motion and its load.

    The velocity limit is twice the fastest motion seen (:func:`fastest`). The effort limit holds
    the load against gravity at its worst and brings it to that speed in :data:`SPIN_UP_S`, twice
    over. Positions are bounded to what was seen and a margin.
    """
    angular = estimate.type.angular
    axis, q = estimate.axis, estimate.positions
    if abs(q.min()) > abs(q.max()):
        axis, q = -axis, -q
    # A fixed joint has no coordinate; adding zero keeps negative zeros out of files.
    q = np.zeros_like(q) if estimate.type is JointType.FIXED else q + 0.0
    type, lower, upper = _range(estimate.type, q, config)
    velocity = max(SPEED_MARGIN * fastest(q, times_s), LEAST_SPEED[angular])
    static = load.mass * GRAVITY * (load.arm if angular else 1.0)
    dynamic = (load.moment if angular else load.mass) * velocity / SPIN_UP_S
    effort = max(EFFORT_MARGIN * (static + dynamic), LEAST_EFFORT[angular])
    moving = type is not JointType.FIXED
    return Drive(
        type=type,
        axis=axis + 0.0,
        positions=q,
        limits=JointLimits(lower, upper, effort, velocity),
        damping=DAMPING_SHARE * effort / velocity if moving else 0.0,
        friction=FRICTION_SHARE * effort if moving else 0.0,
    )


def fastest(q: Array, times_s: Array) -> float:
    """Largest speed seen, per second, that is not a slip of a single position.

    A median of three takes out a position that alone is off, and speeds are those over two
    intervals, so that twice the result still covers every interval of a motion without slips.
    """
    if len(q) < 3:
        return float(np.abs(np.diff(q) / np.diff(times_s)).max()) if len(q) > 1 else 0.0
    steady = q.copy()
    steady[1:-1] = np.median(np.stack([q[:-2], q[1:-1], q[2:]]), axis=0)
    return float(np.abs((steady[2:] - steady[:-2]) / (times_s[2:] - times_s[:-2])).max())


def _range(type: JointType, q: Array, config: PhysicsConfig) -> tuple[JointType, float, float]:
    """Type and bounds from the range seen, widened by the margin."""
    span = float(np.ptp(q))
    if type is JointType.FIXED:
        return type, 0.0, 0.0
    turned = type is JointType.REVOLUTE and span > FULL_TURN_SHARE * 2 * np.pi
    if turned or type is JointType.CONTINUOUS:
        return JointType.CONTINUOUS, -np.inf, np.inf
    slide = max(config.prismatic_margin * span, 1e-4)
    margin = config.revolute_margin if type.angular else slide
    return type, float(q.min()) - margin, float(q.max()) + margin
