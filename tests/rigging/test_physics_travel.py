"""Wheels have no stops, doors do, and compound joints keep theirs."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.hubs import chained
from reel2sim.rigging.physics.travel import Shape, widened
from reel2sim.scene.rig import Joint, JointLimits, JointType

Z = np.array([0, 0, 1.0])
FLOOR = trimesh.creation.box(bounds=[[-1, -1, -0.5], [1, 1, -0.2]])
WHEEL = trimesh.creation.cylinder(radius=0.3, height=0.1, sections=64)
BAR = trimesh.creation.box(extents=[0.6, 0.05, 0.1])


def limits_of(mesh: trimesh.Trimesh, **changes) -> tuple[Joint, list[str]]:
    q = np.array([0, 0.4, 0.8])
    estimate = JointEstimate(0, 1, JointType.REVOLUTE, Z, np.zeros(3), q)
    still = np.broadcast_to(np.eye(4), (3, 4, 4))
    rig = Articulation(np.arange(3.0), np.array([0, 1]), (estimate,), still)
    fields = {
        "name": "j", "type": JointType.REVOLUTE, "parent": "a", "child": "b",
        "origin": np.zeros(3), "axis": Z, "limits": JointLimits(-0.1, 0.9, 1.0, 1.0),
    }  # fmt: skip
    shapes = [Shape(each, [each], 0.002) for each in (FLOOR, mesh)]
    joint = Joint(**(fields | changes))
    (found,), notes = widened(
        [joint], {"j": q}, chained(rig), shapes, np.zeros((2, 3)), config=PhysicsConfig()
    )
    return found, notes


def test_a_wheel_turns_without_limits():
    found, notes = limits_of(WHEEL)
    assert found.type is JointType.CONTINUOUS
    assert (found.limits.lower, found.limits.upper) == (-np.inf, np.inf)
    assert notes == []


def test_a_bar_that_nothing_stops_is_bounded_and_said_to_be_free():
    found, notes = limits_of(BAR)
    assert found.type is JointType.REVOLUTE
    assert found.limits.upper == pytest.approx(np.pi)
    assert "may be continuous" in notes[0]


def test_a_wheel_hardly_seen_to_turn_keeps_to_its_margin():
    found, _ = limits_of(WHEEL, observed=False)
    assert found.type is JointType.REVOLUTE
    assert found.limits.upper == pytest.approx(0.8 + PhysicsConfig().revolute_margin)


def test_the_axes_of_a_ball_joint_keep_their_limits():
    turns = np.stack([np.zeros(3), [0.2, 0.1, 0.4], [0.4, 0.3, 0.8]])
    estimate = JointEstimate(0, 1, JointType.SPHERICAL, Z, np.zeros(3), turns)
    still = np.broadcast_to(np.eye(4), (3, 4, 4))
    rig = Articulation(np.arange(3.0), np.array([0, 1]), (estimate,), still)
    chain = chained(rig)
    shapes = [Shape(each, [each], 0.002) for each in (FLOOR, BAR)]
    shapes += [Shape(trimesh.Trimesh(), [], 0.0)] * len(chain.hubs)
    bounds = JointLimits(-0.1, 0.9, 1.0, 1.0)
    names = ["a", "h1", "h2", "b"]
    joints = [
        Joint(f"j{i}", JointType.REVOLUTE, names[i], names[i + 1], np.zeros(3), Z, bounds)
        for i in range(3)
    ]
    seen = {joint.name: np.array([0, 0.4, 0.8]) for joint in joints}
    pivots = np.zeros((len(shapes), 3))
    found, notes = widened(joints, seen, chain, shapes, pivots, config=PhysicsConfig())
    assert [joint.limits for joint in found] == [bounds] * 3
    assert notes == []
