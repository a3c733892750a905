"""Joints that are coupled are told from those that only happened to move alike."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.couplings.coupled import coupled
from reel2sim.rigging.couplings.pairs import BELIEVED, find_couplings, probability
from reel2sim.rigging.couplings.proportion import Proportion, position_noise, proportion, strokes
from reel2sim.rigging.physics import PhysicsConfig, embody
from reel2sim.scene import JointType, RiggedAsset, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import pose

TIMES = np.linspace(0.0, 2.0, 24)
STILL = np.tile(np.eye(4), (24, 1, 1))
J = JointType


def stroke(start: float, peak: float, settle: float) -> Array:
    """Out and part of the way back, smoothly ``(24,)``."""
    u = TIMES / TIMES[-1]
    rise = np.clip((u - start) / (peak - start), 0, 1)
    fall = np.clip((u - peak) / (1 - peak), 0, 1)
    return 0.5 * (1 - np.cos(np.pi * rise)) - (1 - settle) * 0.5 * (1 - np.cos(np.pi * fall))


OUT_AND_BACK = stroke(0.0, 0.45, 0.2)
RAMP = 0.5 * (1 - np.cos(np.pi * TIMES / TIMES[-1]))


def waves(count: int) -> Array:
    """Strokes of different reach ``(24 * count,)``, at times of their own."""
    levels = np.concatenate([[0.0], np.where(np.arange(count) % 2, 0.1, 1.0)])
    levels[1:] += 0.3 * np.random.default_rng(count).uniform(-0.5, 0.5, count)
    u = np.linspace(0.0, count, 24 * count)
    k = np.minimum(u.astype(int), count - 1)
    share = 0.5 * (1 - np.cos(np.pi * (u - k)))
    return levels[k] * (1 - share) + levels[k + 1] * share


def measured(q: Array, rng: np.random.Generator, *, share: float = 0.004) -> Array:
    """Positions with errors that are correlated in time, zero at first."""
    noise = np.convolve(rng.normal(size=len(q) + 4), np.ones(5) / np.sqrt(5), "valid")
    found = q + share * np.ptp(q) * (0.7 * noise + 0.7 * rng.normal(size=len(q)))
    return found - found[0]


def box(center, half, count=200, seed=0) -> Array:
    return np.array(center) + np.array(half) * np.random.default_rng(seed).uniform(
        -1, 1, (count, 3)
    )


def hinge(child, q, *, y=0.0, sign=1.0, **more) -> JointEstimate:
    fields = {"axis": [0, 0, sign], "pivot": [0.1, y, 0], "confidence": 0.9, **more}
    return JointEstimate(parent=0, child=child, type=J.REVOLUTE, positions=q, **fields)


def slide(child, q) -> JointEstimate:
    return JointEstimate(
        parent=0,
        child=child,
        type=J.PRISMATIC,
        axis=np.array([0, 0, 1.0]),
        pivot=DRAWER_AT,
        positions=q,
    )


DRAWER_AT = np.array([0, 0, 0.1])
PALM = box([0, 0, 0], [0.1, 0.1, 0.05])
FINGERS = [box([0.2, s * 0.04, 0], [0.1, 0.01, 0.02], seed=1) for s in (1, -1)]
DRAWER = box(DRAWER_AT, [0.08, 0.08, 0.03])


def made(joints, shapes, *, base=None, times=None) -> tuple[Articulation, Array]:
    points = np.concatenate([PALM, *shapes])
    labels = np.repeat(np.arange(len(shapes) + 1), [200] * (len(shapes) + 1))
    times = TIMES if times is None else times
    base = np.tile(np.eye(4), (len(times), 1, 1)) if base is None else base
    return Articulation(times, labels, tuple(joints), base), points


def gripper(first, second, **more) -> tuple[Articulation, Array]:
    joints = [hinge(1, first, y=0.03), hinge(2, second, y=-0.03, confidence=0.8)]
    return made(joints, FINGERS, **more)


def embodied(rig: Articulation, points: Array) -> RiggedAsset:
    count = len(points)
    surfels = Surfels.from_colors(
        means=points,
        rotations=np.tile([1.0, 0, 0, 0], (count, 1)),
        scales=np.full((count, 2), 0.01),
        opacities=np.ones(count),
        colors=np.full((count, 3), 0.5),
    )
    config = PhysicsConfig(resolution=16, max_voxels=20_000, max_faces=300, max_pieces=1)
    return embody(rig, surfels, config=config, name="gripper")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("share", [0.0, 0.004, 0.01])
def test_fingers_in_step_are_coupled(seed, share):
    rng = np.random.default_rng(seed)
    q = 0.5 * OUT_AND_BACK
    rig = gripper(measured(q, rng, share=share), measured(-q, rng, share=share))
    found = find_couplings(*rig)
    (coupling,) = found.sure
    assert (coupling.leader, coupling.follower, coupling.multiplier) == (1, 2, -1.0)
    assert coupling.confidence > BELIEVED
    assert found.doubtful == ()


@pytest.mark.parametrize("seed", range(10))
def test_fingers_with_motions_of_their_own_are_not(seed):
    rng = np.random.default_rng(seed)
    second = stroke(*(rng.uniform(low, high) for low, high in ((0.05, 0.15), (0.5, 0.8), (0, 0.6))))
    rig = gripper(measured(0.5 * OUT_AND_BACK, rng), measured(-0.5 * second, rng))
    found = find_couplings(*rig)
    assert found.sure == ()
    assert found.doubtful == ()


@pytest.mark.parametrize("profile", [RAMP, OUT_AND_BACK])
@pytest.mark.parametrize("ratio", [1.0, 0.37])
def test_unlike_joints_moved_alike_are_only_noted(profile, ratio):
    rng = np.random.default_rng(3)
    first, second = measured(0.4 * profile, rng), measured(0.4 * ratio * profile, rng)
    rig = made([hinge(1, first, y=0.03), slide(2, second)], [FINGERS[0], DRAWER])
    found = find_couplings(*rig)
    assert found.sure == ()
    assert found.doubtful == ((1, 2),)


def test_one_stroke_is_no_evidence_even_for_fingers():
    rng = np.random.default_rng(4)
    found = find_couplings(*gripper(measured(0.5 * RAMP, rng), measured(-0.5 * RAMP, rng)))
    assert (found.sure, found.doubtful) == ((), ((1, 2),))


def test_fingers_of_another_reach_are_not_believed():
    rng = np.random.default_rng(5)
    q = 0.5 * OUT_AND_BACK
    found = find_couplings(*gripper(measured(q, rng), measured(-0.6 * q, rng)))
    assert (found.sure, found.doubtful) == ((), ((1, 2),))


def test_many_strokes_couple_unlike_joints_by_their_ratio():
    rng = np.random.default_rng(6)
    q = waves(8)
    q = q - q[0]
    times = np.linspace(0, 16.0, len(q))
    first, second = measured(0.5 * q, rng), measured(-0.12 * q, rng)
    other = hinge(2, second, axis=[1.0, 0, 0], pivot=[0, 0, 0.2], confidence=0.8)
    rig = made([hinge(1, first, y=0.03), other], [FINGERS[0], DRAWER], times=times)
    (coupling,) = find_couplings(*rig).sure
    assert (coupling.leader, coupling.follower) == (1, 2)
    assert coupling.multiplier == pytest.approx(-0.24, rel=0.02)
    # A rack and its pinion too, but no format but two would take radians for metres.
    rig = made([hinge(1, first, y=0.03), slide(2, second)], [FINGERS[0], DRAWER], times=times)
    found = find_couplings(*rig)
    assert (found.sure, found.doubtful) == ((), ((1, 2),))


def test_whatever_moves_everything_alike_is_no_mechanism():
    rng = np.random.default_rng(7)
    q = 0.4 * OUT_AND_BACK
    joints = [hinge(1, measured(q, rng), y=0.03), hinge(2, measured(-q, rng), y=-0.03)]
    with_drawer = made([*joints, slide(3, measured(0.3 * q, rng))], [*FINGERS, DRAWER])
    found = find_couplings(*with_drawer)
    assert found.sure == ()
    assert set(found.doubtful) == {(1, 2), (1, 3), (2, 3)}
    other = slide(3, measured(0.1 * stroke(0.1, 0.7, 0.5), rng))
    assert len(find_couplings(*made([*joints, other], [*FINGERS, DRAWER])).sure) == 1


def test_a_base_that_moves_may_turn_its_wheels():
    rng = np.random.default_rng(8)
    q = 0.5 * OUT_AND_BACK
    base = pose(translation=np.outer(q, [0.2, 0, 0]))
    found = find_couplings(*gripper(measured(q, rng), measured(-q, rng), base=base))
    assert (found.sure, found.doubtful) == ((), ((1, 2),))


def test_unobserved_joints_and_short_clips_say_nothing():
    q = 0.5 * OUT_AND_BACK
    joints = [hinge(1, q, y=0.03), hinge(2, -q, y=-0.03, observed=False)]
    assert find_couplings(*made(joints, FINGERS)).sure == ()
    few = [hinge(1, q[:5], y=0.03), hinge(2, -q[:5], y=-0.03)]
    assert find_couplings(*made(few, FINGERS, times=TIMES[:5])).sure == ()


def test_odds_grow_with_strokes_and_fall_with_rivals():
    def odds(count, twins=True, unlike=0, apart=0, log_odds=20.0) -> float:
        found = Proportion(1.0, 0.03, log_odds, count)
        return probability(found, twins=twins, unlike_in_step=unlike, apart=apart, base_moves=False)

    for twins in (True, False):
        each = [odds(count, twins) for count in range(1, 8)]
        assert (np.diff(each) > 0).all()
    assert odds(2, unlike=1) < odds(2) < odds(2, apart=1)
    assert odds(3, twins=False) < BELIEVED < odds(6, twins=False)
    assert odds(3, log_odds=-20.0) < 1e-3


def test_noise_and_strokes_are_those_put_in():
    rng = np.random.default_rng(9)
    q = np.sin(np.linspace(0, 3 * np.pi, 200))
    noisy = q + 0.05 * rng.normal(size=200)
    assert position_noise(noisy) == pytest.approx(0.05, rel=0.3)
    assert position_noise(10 * q) == pytest.approx(10 * position_noise(q))
    assert position_noise(q) < 0.02 * np.ptp(q)
    assert strokes(noisy, 0.05) == strokes(q, 0.01) == 4
    assert strokes(RAMP, 0.0) == 1
    assert strokes(OUT_AND_BACK, 0.0) == 2
    assert strokes(np.zeros(5), 0.0) == 0


def test_the_ratio_does_not_depend_on_who_is_asked_first():
    rng = np.random.default_rng(10)
    x, y = measured(0.5 * OUT_AND_BACK, rng), measured(1.3 * OUT_AND_BACK, rng)
    there, back = proportion(TIMES, x, y), proportion(TIMES, y, x)
    assert there.multiplier * back.multiplier == pytest.approx(1.0)
    assert there.multiplier == pytest.approx(2.6, rel=0.02)


def test_an_asset_s_followers_are_where_their_leader_puts_them():
    rng = np.random.default_rng(11)
    q = 0.5 * OUT_AND_BACK
    rig, points = gripper(measured(q, rng), measured(-q, rng))
    before = embodied(rig, points)
    asset = coupled(before, rig)
    leader, follower = asset.joints
    assert leader.mimic is None
    assert follower.mimic is not None
    assert follower.mimic.joint == "joint_1"
    # The largest motion of a joint is positive, so that fingers that mirror have the ratio 1.
    assert follower.mimic.multiplier == 1.0
    assert leader.axis @ follower.axis == pytest.approx(-1.0)
    own = asset.motion.positions
    np.testing.assert_allclose(follower.mimic.follow(own["joint_1"]), own["joint_2"], atol=1e-12)
    for name in own:
        np.testing.assert_allclose(own[name], before.motion.positions[name], atol=0.02)
    for joint in asset.joints:
        assert joint.limits.lower <= own[joint.name].min()
        assert joint.limits.upper >= own[joint.name].max()
    low, high = sorted(follower.mimic.follow(np.array([leader.limits.lower, leader.limits.upper])))
    assert (follower.limits.lower, follower.limits.upper) == pytest.approx((low, high))
    assert leader.limits.effort > before.joints[0].limits.effort
    assert any("joint_2 follows joint_1" in note for note in asset.notes)
    state = {"joint_1": 0.3}
    np.testing.assert_array_equal(
        asset.link_poses(asset.followed(state)),
        asset.link_poses({"joint_1": 0.3, "joint_2": 0.3}),
    )


def test_doubts_are_told_and_change_nothing():
    rng = np.random.default_rng(12)
    rig, points = gripper(measured(0.5 * RAMP, rng), measured(-0.5 * RAMP, rng))
    before = embodied(rig, points)
    asset = coupled(before, rig)
    assert all(joint.mimic is None for joint in asset.joints)
    assert asset.notes == (
        *before.notes,
        "joint_2 moved in step with joint_1; one clip cannot tell a coupling from coincidence",
    )
    for name, q in before.motion.positions.items():
        np.testing.assert_array_equal(asset.motion.positions[name], q)


def test_names_are_right_beside_a_chain_of_axes():
    rng = np.random.default_rng(13)
    q = 0.5 * OUT_AND_BACK
    ball = JointEstimate(
        parent=0,
        child=1,
        type=J.SPHERICAL,
        axis=np.array([0, 0, 1.0]),
        pivot=DRAWER_AT,
        positions=np.outer(stroke(0.1, 0.7, 0.5), [0.3, 0.2, 0.1]),
    )
    fingers = [
        hinge(2, measured(q, rng), y=0.03),
        hinge(3, measured(-q, rng), y=-0.03, confidence=0.8),
    ]
    rig, points = made([ball, *fingers], [DRAWER, *FINGERS])
    asset = coupled(embodied(rig, points), rig)
    (follower,) = (joint for joint in asset.joints if joint.mimic is not None)
    (leader,) = (joint for joint in asset.joints if joint.name == follower.mimic.joint)
    # Links are in another order than parts.
    for part, joint in ((2, leader), (3, follower)):
        links = asset.surfel_links[rig.part_of_surfel == part]
        assert {asset.links[i].name for i in links} == {joint.child}
