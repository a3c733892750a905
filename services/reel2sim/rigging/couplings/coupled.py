"""An asset told which of its joints are coupled, and where its tree cuts a loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reel2sim.rigging.articulation import Articulation
from reel2sim.rigging.couplings.loops import Loop, find_loops
from reel2sim.rigging.couplings.pairs import Coupling, find_couplings
from reel2sim.rigging.couplings.proportion import position_noise
from reel2sim.rigging.physics.hubs import chained
from reel2sim.scene import Joint, JointLimits, JointType, Mimic, Motion, RiggedAsset
from reel2sim.scene.arrays import Array


@dataclass(frozen=True, eq=False)
class _Follower:
    """A joint of the asset and its ratio to its leader, in the sense of the asset's axes."""

    joint: Joint
    ratio: float
    confidence: float


def coupled(asset: RiggedAsset, articulation: Articulation) -> RiggedAsset:
    """``asset`` with mimics where a mechanism is likely, and notes on that and on closed loops.

    Joints that follow lose their own positions: all of a group move by the mean of what each of
    them says, by its noise. Whatever stops one of them stops all, and the leader gets the force to
    move them.

    Args:
        asset: made of ``articulation``.
        articulation: parts, joints and motion as estimated.
    """
    points = asset.surfels.means.astype(np.float64)
    sizes = asset.surfels.scales.max(axis=1).astype(np.float64)
    found = find_couplings(articulation, points)
    loops = find_loops(articulation, points, size=2.0 * float(np.median(sizes)))
    rank = {part: i for i, part in enumerate(chained(articulation).articulation.order)}
    joint_of = {part: asset.joints[i - 1] for part, i in rank.items() if i}
    joints = {joint.name: joint for joint in asset.joints}
    positions = dict(asset.motion.positions)
    for leader in sorted({coupling.leader for coupling in found.sure}):
        group = [c for c in found.sure if c.leader == leader]
        followers = [_follower(articulation, joint_of, coupling) for coupling in group]
        _couple(joints, positions, joint_of[leader].name, followers)
    doubts = [
        f"{joint_of[b].name} moved in step with {joint_of[a].name}; one clip cannot tell a "
        "coupling from coincidence"
        for a, b in found.doubtful
    ]
    names = {part: asset.links[i].name for part, i in rank.items()}
    notes = [*asset.notes, *_told(joints, found.sure, joint_of), *doubts, *_cuts(loops, names)]
    motion = Motion(asset.motion.times_s, asset.motion.base_poses, positions)
    return replace(asset, joints=tuple(joints.values()), motion=motion, notes=tuple(notes))


def _follower(
    articulation: Articulation, joint_of: dict[int, Joint], coupling: Coupling
) -> _Follower:
    """The asset may turn axes round, and then ratios change their sign."""
    sign = 1.0
    for part in (coupling.leader, coupling.follower):
        sign *= float(np.sign(joint_of[part].axis @ articulation.joints[part - 1].axis))
    return _Follower(joint_of[coupling.follower], sign * coupling.multiplier, coupling.confidence)


def _couple(
    joints: dict[str, Joint],
    positions: dict[str, Array],
    name: str,
    followers: Sequence[_Follower],
) -> None:
    """Give a leader and its followers one motion, and limits that agree, in place."""
    leader = joints[name]
    said = [positions[name], *(positions[f.joint.name] / f.ratio for f in followers)]
    weights = np.array([position_noise(q) ** -2 for q in said])
    q = np.average(said, axis=0, weights=weights)
    # A follower's limits as its leader's; a negative ratio swaps them.
    ends = [(leader.limits.lower, leader.limits.upper)]
    for f in followers:
        low, high = sorted((f.joint.limits.lower / f.ratio, f.joint.limits.upper / f.ratio))
        ends.append((low, high))
    lower = min(max(low for low, _ in ends), float(q.min()))
    upper = max(min(high for _, high in ends), float(q.max()))
    velocity = min(
        leader.limits.velocity, *(f.joint.limits.velocity / abs(f.ratio) for f in followers)
    )
    effort = leader.limits.effort + sum(abs(f.ratio) * f.joint.limits.effort for f in followers)
    type = _bounded(leader.type, lower, upper)
    limits = JointLimits(lower, upper, effort, velocity)
    joints[name] = replace(leader, type=type, limits=limits, observed_range=_range(q))
    positions[name] = q
    for f in followers:
        mimic = Mimic(name, f.ratio)
        low, high = sorted((f.ratio * lower, f.ratio * upper))
        limits = JointLimits(low, high, f.joint.limits.effort, abs(f.ratio) * velocity)
        type = _bounded(f.joint.type, low, high)
        follows = mimic.follow(q)
        joints[f.joint.name] = replace(
            f.joint, type=type, limits=limits, mimic=mimic, observed_range=_range(follows)
        )
        positions[f.joint.name] = follows


def _range(q: Array) -> tuple[float, float]:
    return float(q.min()), float(q.max())


def _bounded(type: JointType, lower: float, upper: float) -> JointType:
    """A joint without stops has them once its fellow has."""
    if type not in (JointType.REVOLUTE, JointType.CONTINUOUS):
        return type
    free = np.isinf(lower) and np.isinf(upper)
    return JointType.CONTINUOUS if free else JointType.REVOLUTE


def _told(
    joints: dict[str, Joint], sure: Sequence[Coupling], joint_of: dict[int, Joint]
) -> list[str]:
    notes = []
    for coupling in sure:
        mimic = joints[joint_of[coupling.follower].name].mimic
        assert mimic is not None
        notes.append(
            f"{joint_of[coupling.follower].name} follows {mimic.joint} "
            f"(× {mimic.multiplier:.3g}, probability {coupling.confidence:.2f})"
        )
    return notes


def _cuts(loops: Sequence[Loop], names: dict[int, str]) -> list[str]:
    notes = []
    for loop in loops:
        pair = f"{names[loop.first]} and {names[loop.second]}"
        place = ", ".join(f"{x:.3g}" for x in (loop.pivot if loop.type.angular else loop.axis))
        how = "turn against each other about" if loop.type.angular else "slide along each other by"
        notes.append(f"{pair} also {how} ({place}): a closed loop, cut there in the tree")
    return notes
