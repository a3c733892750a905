"""How close a recovered rig is to the truth: joints, parts and the motion they replay.

Failures count: a joint that was missed is 90° and one diagonal off, of the wrong type, its state
off by its whole range and its part not found. Which link is the root does not matter, nor does
the sign of an axis. Every joint of the rig, invented ones too, is also told with its confidence
and whether it is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from reel2sim.generation.truth import TrueJoint, Truth
from reel2sim.pipeline.joint_matching import (
    Match,
    angle_deg,
    axis_point,
    carried_points,
    descendants,
    kind_of,
    matched_score,
    mean_distance,
    missed,
    moved_joints,
    overlap,
    part_distance,
    range_of,
    replayed_motions,
    samples,
    true_motion,
)
from reel2sim.pipeline.rig_score import JointScore, RigScore
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import Joint, JointType
from reel2sim.scene.transforms import apply, invert


@dataclass(frozen=True, eq=False)
class _Comparison:
    """The rig beside the truth, in world coordinates of the first time.

    Attributes:
        asset: the rig.
        truth: the truth.
        replayed: motion of each link ``(l, t, 4, 4)``.
        links: link of each true surface point ``(n,)``, that of the nearest surfel.
    """

    asset: RiggedAsset
    truth: Truth
    replayed: Array
    links: Array

    @classmethod
    def of(cls, asset: RiggedAsset, truth: Truth) -> _Comparison:
        if len(asset.surfels) == 0:
            raise InputError("has no surfels to compare", source=asset.name)
        if len(truth.points) == 0:
            raise InputError("has no surface points to compare", source="Truth.points")
        nearest = KDTree(asset.surfels.means).query(truth.points)[1]
        return cls(
            asset=asset,
            truth=truth,
            replayed=replayed_motions(asset, truth),
            links=asset.surfel_links[nearest],
        )

    def match(self, true: TrueJoint, joint: Joint) -> Match:
        """Compare the relative motions that two joints make."""
        carried = carried_points(self.truth, true)
        pairs = [(j.parent, j.child) for j in self.asset.joints]
        below = descendants(joint.child, pairs)
        index = self.asset.link_index
        on_child = np.isin(self.links, [index[name] for name in below])
        inside, outside = _mean(on_child[carried]), _mean(on_child[~carried])
        swapped = inside < outside
        motion = invert(self.replayed[index[joint.parent]]) @ self.replayed[index[joint.child]]
        points = samples(self.truth, true)
        wanted = apply(true_motion(self.truth, true), points)
        got = apply(invert(motion) if swapped else motion, points)
        error = mean_distance(got, wanted) / max(mean_distance(points, wanted), 1e-12)
        # Joints that make the same motion (two doors in step) are told apart by what they carry.
        return Match(error, swapped, min(error, 5.0) + 1e-3 * (1.0 - abs(inside - outside)))

    def compare(self, true: TrueJoint, joint: Joint, match: Match) -> JointScore:
        """Score a joint that is matched to a true one."""
        type_ok = kind_of(true.type) is kind_of(joint.type)
        part = self.truth.parts.index(true.child)
        link = self.asset.link_index[joint.parent if match.swapped else joint.child]
        state = _state_error(self, true, joint, match) if type_ok else range_of(true)
        return JointScore(
            name=true.name,
            type=kind_of(true.type),
            matched=joint.name,
            type_ok=type_ok,
            axis_deg=angle_deg(true.axis, joint.axis),
            pivot_frac=_pivot_distance(self, true, joint) / self.truth.diagonal_m,
            state_error=state,
            state_frac=state / range_of(true),
            part_iou=overlap(self.truth.point_parts == part, self.links == link),
            replay_error=match.replay_error,
        )


def score(asset: RiggedAsset, truth: Truth) -> RigScore:
    """Score a rig.

    Args:
        asset: what was recovered, in the world frame of the truth.
        truth: what happened.

    Returns:
        Scores of every true joint that moved, and of the replayed motion.

    Raises:
        InputError: if either has no surface to compare.
    """
    sides = _Comparison.of(asset, truth)
    error, idle = _distances(truth, _moved(sides.replayed, sides.links, truth.points))
    return matched_score(
        asset,
        truth,
        sides.match,
        sides.compare,
        replay_error=error / max(idle, 1e-9 * truth.diagonal_m),
        replay_diagonals=error / truth.diagonal_m,
    )


def nothing_found(truth: Truth) -> RigScore:
    """The score of a run that gave no rig: every joint missed, the object standing still."""
    _, idle = _distances(truth, truth.points[None])
    return RigScore(
        joints=tuple(missed(joint) for joint in moved_joints(truth)),
        found=0,
        spurious=0,
        replay_error=1.0,
        replay_diagonals=idle / truth.diagonal_m,
        diagonal_m=truth.diagonal_m,
    )


def _state_error(sides: _Comparison, true: TrueJoint, joint: Joint, match: Match) -> float:
    """Mean state error without sign and offset."""
    states = [sides.asset.motion.sample(float(t))[1][joint.name] for t in sides.truth.times_s]
    # A swapped joint states the parent's motion in the child: the inverse, about the same axis.
    sign = (1.0 if true.axis @ joint.axis >= 0 else -1.0) * (-1.0 if match.swapped else 1.0)
    q = sign * np.array(states)
    off = (q - q.mean()) - (true.positions - true.positions.mean())
    return float(np.abs(off).mean())


def _pivot_distance(sides: _Comparison, true: TrueJoint, joint: Joint) -> float:
    """Metres from the true axis to the one found, measured where the part is.

    The shortest distance of two lines would be 0 for axes that happen to cross far from the
    object, and is not defined for parallel ones; the distance from a point of the first is.
    """
    if kind_of(true.type) is JointType.PRISMATIC:
        return 0.0
    if kind_of(joint.type) is JointType.PRISMATIC:
        return sides.truth.diagonal_m
    pivot = sides.asset.rest_poses[sides.asset.link_index[joint.child]][:3, 3]
    offset = axis_point(sides.truth, true) - pivot
    return float(np.linalg.norm(offset - joint.axis * float(joint.axis @ offset)))


def _distances(truth: Truth, replayed: Array) -> tuple[float, float]:
    """Mean distance of ``replayed`` points ``(t or 1, n, 3)`` and of unmoved ones to the true.

    Metres; all parts weigh the same.
    """
    wanted = np.stack([truth.points_at(i) for i in range(len(truth.times_s))])
    parts, resting = truth.point_parts, truth.points[None]
    return part_distance(parts, replayed, wanted), part_distance(parts, resting, wanted)


def _moved(motions: Array, owners: Array, points: Array) -> Array:
    """Points moved by their owner's motion: ``(t, n, 3)``."""
    out = np.empty((motions.shape[1], len(points), 3))
    for i in np.unique(owners):
        out[:, owners == i] = apply(motions[i], points[owners == i])
    return out


def _mean(mask: Array) -> float:
    return float(mask.mean()) if len(mask) else 0.0
