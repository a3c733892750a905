"""Laws of joint limits: as far as nothing is in the way, never less than was seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.contact import Contacts
from reel2sim.rigging.physics.drives import Load, fastest
from reel2sim.rigging.physics.sweep import Sweep, Travel, is_round
from reel2sim.scene.rig import Inertial, Joint, JointLimits, JointType
from reel2sim.scene.transforms import axis_rotation, pose

CLEARANCE = 0.002
LIMITS = JointLimits(-1.0, 1.0, 1.0, 1.0)


def box(*bounds) -> trimesh.Trimesh:
    return trimesh.creation.box(bounds=np.array(bounds, float).T)


def joint(type=JointType.REVOLUTE, axis=(0, 0, 1.0), **changes) -> Joint:
    fields = {"name": "j", "parent": "a", "child": "b", "origin": np.zeros(3), "limits": LIMITS}
    return Joint(type=type, axis=np.array(axis, float), **(fields | changes))


def swept(bodies, moved: Joint, q, *, config: PhysicsConfig | None = None) -> Travel:
    sweep = Sweep.of(bodies, [CLEARANCE] * len(bodies), config or PhysicsConfig())
    return sweep(moved, moved.origin, np.array(q), parent=0, moving=[1])


# A door along +x from its hinge at the origin, and a wall that a turn of 90° would reach.
POST = box((-0.05, -0.03), (-0.02, 0.02), (0, 1))
DOOR = box((0.01, 0.5), (-0.01, 0.01), (0, 1))
WALL = box((-0.4, 0.4), (0.4, 0.42), (0, 1))


def test_a_door_stops_short_of_the_wall():
    found = swept([[POST, WALL], [DOOR]], joint(), [0.0, 0.3, 0.5])
    # The corner (0.5, 0.01) of the door meets the wall where it is 0.4 from the hinge's plane.
    touch = np.arcsin((0.4 - 2 * CLEARANCE) / np.hypot(0.5, 0.01)) - np.arctan2(0.01, 0.5)
    assert 0.5 < found.upper <= touch
    assert found.upper == pytest.approx(touch, abs=0.03)
    closer = Contacts([[POST, WALL], [DOOR]])
    turn = np.stack([np.eye(4), pose(axis_rotation([0, 0, 1.0], found.upper))])
    assert closer.depths(turn, [1]).max() <= -2 * CLEARANCE + 1e-6


def test_a_door_with_nothing_in_its_way_may_turn_half_round():
    far = box((-0.6, -0.58), (-0.02, 0.02), (0, 1))
    found = swept([[far], [DOOR]], joint(), [0.0, 0.7])
    assert (found.lower, found.upper) == (pytest.approx(-np.pi), pytest.approx(np.pi))
    assert found.free


def case_and_drawer(out: float = 0.0):
    """A case open to −y and a drawer of 0.3 m in it, pulled out by ``out``."""
    case = [
        box((-0.22, -0.2), (0, 0.4), (0, 0.2)),
        box((0.2, 0.22), (0, 0.4), (0, 0.2)),
        box((-0.22, 0.22), (0.38, 0.4), (0, 0.2)),
    ]
    return [case, [box((-0.18, 0.18), (0.0 - out, 0.3 - out), (0.02, 0.18))]]


def test_a_drawer_goes_on_but_not_out_of_its_case():
    slide = joint(JointType.PRISMATIC, (0, -1.0, 0))
    config = PhysicsConfig()
    found = swept(case_and_drawer(), slide, [0.0, 0.2])
    assert found.upper == pytest.approx(0.3 * (1 - config.kept_overlap), abs=1e-6)
    # Inwards the back of the case is 8 cm away.
    assert -0.08 <= found.lower < -0.07
    little = swept(case_and_drawer(), slide, [0.0, 0.05])
    assert little.upper == pytest.approx(0.05 * (1 + config.max_widening), abs=1e-6)


def test_a_drawer_seen_further_out_than_its_overlap_keeps_what_was_seen():
    found = swept(case_and_drawer(), joint(JointType.PRISMATIC, (0, -1.0, 0)), [0.0, 0.29])
    assert found.upper == pytest.approx(0.29)


def test_a_joint_hardly_seen_keeps_to_its_margin():
    config = PhysicsConfig()
    far = box((-0.6, -0.58), (-0.02, 0.02), (0, 1))
    found = swept([[far], [DOOR]], joint(observed=False), [0.0, 0.1])
    assert found.lower == pytest.approx(-config.revolute_margin)
    assert found.upper == pytest.approx(0.1 + config.revolute_margin)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_limits_hold_what_was_seen_and_are_the_same_again(seed):
    """Also where bodies are in each other from the start."""
    rng = np.random.default_rng(seed)

    def body(count: int):
        lower = rng.uniform(-0.3, 0.2, (count, 3))
        return [box(*np.stack([p, p + rng.uniform(0.02, 0.3, 3)], 1)) for p in lower]

    bodies = [body(3), body(2), body(2)]
    axis = rng.normal(size=3)
    kind = JointType.PRISMATIC if rng.random() < 0.5 else JointType.REVOLUTE
    moved = joint(
        kind, axis / np.linalg.norm(axis), origin=rng.normal(size=3) * 0.1, observed=bool(seed % 3)
    )
    q = np.append(0.0, rng.uniform(-0.4, 0.4, 4))
    config = replace(PhysicsConfig(), max_turn_rad=1.0)
    first, again = (swept(bodies, moved, q, config=config) for _ in range(2))
    assert first == again
    assert first.lower <= q.min() <= q.max() <= first.upper


def test_depths_are_those_of_boxes():
    a, b = box((0, 1), (0, 1), (0, 1)), box((1.01, 2), (0, 1), (0, 1))
    contacts = Contacts([[a], [b]])
    motions = np.broadcast_to(np.eye(4), (2, 4, 4)).copy()
    assert contacts.depths(motions, [1])[0, 0] == pytest.approx(-0.01, abs=1e-6)
    motions[1, 0, 3] = -0.06
    assert contacts.depths(motions, [1])[0, 0] == pytest.approx(0.05, abs=1e-4)
    motions[1, 0, 3] = 5.0
    assert contacts.depths(motions, [1])[0, 0] == pytest.approx(-contacts.reach)


def test_a_wheel_is_round_about_its_axle_only():
    wheel = trimesh.creation.cylinder(radius=0.3, height=0.1, sections=48)
    assert is_round(wheel, np.array([0, 0, 1.0]), np.zeros(3))
    assert not is_round(wheel, np.array([1.0, 0, 0]), np.zeros(3))
    assert not is_round(wheel, np.array([0, 0, 1.0]), np.array([0.1, 0, 0]))
    assert not is_round(DOOR, np.array([0, 0, 1.0]), np.zeros(3))


@given(st.integers(1, 22), st.floats(0.2, 5.0))
def test_a_slip_of_one_position_sets_no_speed(at, slip):
    times = np.linspace(0, 2, 24)
    q = 0.5 * times
    q[at] += slip
    assert fastest(q, times) == pytest.approx(0.5, rel=0.6)


@given(st.integers(0, 2**32 - 1))
def test_twice_the_fastest_covers_a_motion_without_slips(seed):
    rng = np.random.default_rng(seed)
    times = np.linspace(0, 1, 12)
    q = np.append(0.0, np.cumsum(rng.uniform(0, 1, 11)))
    assert 2 * fastest(q, times) >= np.abs(np.diff(q) / np.diff(times)).max() - 1e-9


def test_load_is_that_of_the_farthest_reach_seen():
    """A weight on a second arm that folds out: the arm counts where it is out."""
    inertial = Inertial(2.0, np.array([0.1, 0, 0]), 0.01 * np.eye(3))
    slid = pose(translation=np.linspace(0, 0.4, 5)[:, None] * [1.0, 0, 0])
    load = Load.about(np.array([0, 0, 1.0]), np.zeros(3), [(inertial, slid)])
    assert load.mass == pytest.approx(2.0)
    assert load.arm == pytest.approx(0.5)
    assert load.moment == pytest.approx(0.01 + 2.0 * 0.5**2)
