"""Joints with the limits that a sweep through all bodies found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import trimesh

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.hubs import Chained
from reel2sim.rigging.physics.sweep import Sweep, is_round
from reel2sim.scene.arrays import Array
from reel2sim.scene.rig import Joint, JointType


@dataclass(frozen=True, eq=False)
class Shape:
    """Of one part, world frame at time zero.

    Attributes:
        visual: its surface.
        pieces: convex, for collision; none for a hub.
        clearance: how far the pieces are inside the surface, metres.
    """

    visual: trimesh.Trimesh
    pieces: Sequence[trimesh.Trimesh]
    clearance: float


def widened(
    joints: Sequence[Joint],
    positions: Mapping[str, Array],
    chain: Chained,
    shapes: Sequence[Shape],
    pivots: Array,
    *,
    config: PhysicsConfig,
) -> tuple[tuple[Joint, ...], list[str]]:
    """Widen the limits of joints as far as nothing is in the way.

    A wheel, a body of revolution about its axis with nothing on it, turns without limits: what it
    turns into is where it was. A joint of several axes keeps its limits: each of its axes alone is
    no motion that was seen.

    Args:
        joints: in the order of their children.
        positions: seen, by joint ``(t,)``.
        chain: parts and hubs.
        shapes: of all of them.
        pivots: a point on each part's axis ``(p, 3)``, metres, world at time zero.
        config: settings.

    Returns:
        The joints, and a note on each that turns all round and is no wheel.
    """
    articulation = chain.articulation
    sweep = Sweep.of(
        [shape.pieces for shape in shapes], [shape.clearance for shape in shapes], config
    )
    compound = {*chain.hubs, *chain.hubs.values()}
    found: list[Joint] = []
    notes: list[str] = []
    for joint, part in zip(joints, articulation.order[1:], strict=True):
        if joint.type in (JointType.FIXED, JointType.CONTINUOUS) or part in compound:
            found.append(joint)
            continue
        moving = articulation.beyond[part]
        turns = joint.type is JointType.REVOLUTE and joint.observed and len(moving) == 1
        if turns and is_round(shapes[part].visual, joint.axis, pivots[part]):
            endless = replace(joint.limits, lower=-np.inf, upper=np.inf)
            found.append(replace(joint, type=JointType.CONTINUOUS, limits=endless))
            continue
        travel = sweep(
            joint,
            pivots[part],
            positions[joint.name],
            parent=articulation.joints[part - 1].parent,
            moving=moving,
        )
        if travel.free:
            notes.append(f"nothing stops {joint.name} all round; it may be continuous")
        limits = replace(joint.limits, lower=travel.lower, upper=travel.upper)
        found.append(replace(joint, limits=limits))
    return tuple(found), notes
