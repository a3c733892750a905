"""True joints and found ones: which can be seen to move, which belong together, which is right.

What scores in space and in the picture of one clip have in common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from reel2sim.generation.truth import TrueJoint, Truth
from reel2sim.pipeline.rig_score import FoundJoint, JointScore, RigScore
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.rig import Joint, JointType
from reel2sim.scene.transforms import apply, invert

MATCH_LIMIT = 0.5
"""A joint counts as found if it leaves at most this share of the true motion unexplained."""

RIGHT_AXIS_DEG = 5.0
"""A joint of a rig is right if it is matched to a true one, of its kind, within this angle."""

_STILL = 0.005
"""Joints that move nothing by more than this share of the diagonal are not scored."""

_SAMPLES = 400


@dataclass(frozen=True, eq=False)
class Match:
    """How well a joint of the rig explains a true one; ``swapped``: it carries the other side."""

    replay_error: float
    swapped: bool
    cost: float


def matched_score(
    asset: RiggedAsset,
    truth: Truth,
    match: Callable[[TrueJoint, Joint], Match],
    compare: Callable[[TrueJoint, Joint, Match], JointScore],
    *,
    replay_error: float,
    replay_diagonals: float,
) -> RigScore:
    """The score of a rig whose joints are matched to the true ones.

    Args:
        asset: the rig.
        truth: what happened.
        match: how well a joint explains a true one.
        compare: the score of a joint that is matched.
        replay_error: as in the score.
        replay_diagonals: likewise.
    """
    true_joints = moved_joints(truth)
    candidates = [j for j in asset.joints if j.type is not JointType.FIXED]
    table = [[match(true, joint) for joint in candidates] for true in true_joints]
    pairs = _assigned(table)
    rows = tuple(
        compare(true, candidates[pairs[i]], table[i][pairs[i]]) if i in pairs else missed(true)
        for i, true in enumerate(true_joints)
    )
    observed = [k for k, joint in enumerate(candidates) if joint.observed or k in pairs.values()]
    return RigScore(
        joints=rows,
        found=len(observed),
        spurious=len(set(observed) - set(pairs.values())),
        replay_error=replay_error,
        replay_diagonals=replay_diagonals,
        diagonal_m=truth.diagonal_m,
        verdicts=_verdicts(candidates, rows),
    )


def _assigned(table: list[list[Match]]) -> dict[int, int]:
    """Best one-to-one matching of true to found joints, without the pairs that explain little."""
    if not table or not table[0]:
        return {}
    # Above the limit all pairs are equally useless: they must not decide about the good ones.
    cost = [[m.cost if m.replay_error <= MATCH_LIMIT else 10.0 for m in row] for row in table]
    rows, columns = linear_sum_assignment(np.array(cost))
    return {
        int(i): int(k)
        for i, k in zip(rows, columns, strict=True)
        if table[i][k].replay_error <= MATCH_LIMIT
    }


def missed(true: TrueJoint) -> JointScore:
    """The score of a joint that nothing was found for."""
    return JointScore(
        name=true.name,
        type=kind_of(true.type),
        matched="",
        type_ok=False,
        axis_deg=90.0,
        pivot_frac=1.0,
        state_error=range_of(true),
        state_frac=1.0,
        part_iou=0.0,
        replay_error=1.0,
    )


def _verdicts(joints: list[Joint], rows: tuple[JointScore, ...]) -> tuple[FoundJoint, ...]:
    """What became of each joint of the rig."""
    matches = {row.matched: row for row in rows if row.matched}

    def verdict(joint: Joint) -> FoundJoint:
        row = matches.get(joint.name)
        return FoundJoint(
            name=joint.name,
            type=joint.type,
            confidence=joint.confidence,
            observed=joint.observed,
            matched="" if row is None else row.name,
            right=row is not None and row.type_ok and row.axis_deg <= RIGHT_AXIS_DEG,
        )

    return tuple(map(verdict, joints))


def moved_joints(truth: Truth) -> list[TrueJoint]:
    """The joints whose motion can be seen."""
    moved: list[TrueJoint] = []
    for joint in truth.joints:
        points = samples(truth, joint)
        shift = apply(true_motion(truth, joint), points) - points
        if np.linalg.norm(shift, axis=-1).max() > _STILL * truth.diagonal_m:
            moved.append(joint)
    return moved


def carried_points(truth: Truth, joint: TrueJoint) -> Array:
    """Which true points hang below a true joint ``(n,)``."""
    below = descendants(joint.child, [(j.parent, j.child) for j in truth.joints])
    ids = [i for i, name in enumerate(truth.parts) if name in below]
    return np.isin(truth.point_parts, ids)


def samples(truth: Truth, joint: TrueJoint) -> Array:
    """Some points that hang below a joint; any if none was ever seen, as the motion is rigid."""
    carried = carried_points(truth, joint)
    points = truth.points[carried] if carried.any() else truth.points
    return points[:: max(1, len(points) // _SAMPLES)]


def true_motion(truth: Truth, joint: TrueJoint) -> Array:
    """Motion of the child relative to the parent ``(t, 4, 4)``, world of the first time."""
    parent, child = (truth.link_poses[name] for name in (joint.parent, joint.child))
    return invert(parent @ invert(parent[0])) @ (child @ invert(child[0]))


def kind_of(kind: JointType) -> JointType:
    """What a joint counts as: continuous as revolute."""
    return JointType.REVOLUTE if kind is JointType.CONTINUOUS else kind


def range_of(joint: TrueJoint) -> float:
    """From its least to its largest position, radians or metres."""
    return float(np.ptp(joint.positions))


def descendants(root: str, pairs: list[tuple[str, str]]) -> set[str]:
    """``root`` and all that hangs below it, for ``(parent, child)`` pairs."""
    found, open_ = {root}, [root]
    while open_:
        parent = open_.pop()
        new = {child for above, child in pairs if above == parent} - found
        found |= new
        open_.extend(new)
    return found


def replayed_motions(asset: RiggedAsset, truth: Truth) -> Array:
    """Motion of each link since rest at the times of the truth ``(l, t, 4, 4)``."""
    rest = invert(asset.rest_poses)
    return np.stack([asset.link_poses_at(float(t)) @ rest for t in truth.times_s], axis=1)


def axis_point(truth: Truth, joint: TrueJoint) -> Array:
    """The point ``(3,)`` of a true axis that is nearest to the middle of what it carries."""
    carried = carried_points(truth, joint)
    center = truth.points[carried].mean(axis=0) if carried.any() else joint.pivot
    return joint.pivot + joint.axis * float(joint.axis @ (center - joint.pivot))


def angle_deg(a: Array, b: Array) -> float:
    """Angle between two unit axes ``(3,)``, 0..90; their signs do not matter."""
    return float(np.degrees(np.arccos(min(1.0, abs(float(a @ b))))))


def overlap(a: Array, b: Array) -> float:
    """Intersection over union of two sets of points ``(n,)`` bool; 0 if both are empty."""
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 0.0


def mean_distance(a: Array, b: Array) -> float:
    """Of points ``(..., d)`` that belong together."""
    return float(np.linalg.norm(a - b, axis=-1).mean())


def part_distance(parts: Array, got: Array, wanted: Array) -> float:
    """Mean distance of points ``(t or 1, n, d)`` from where they should be; parts weigh the same.

    Args:
        parts: part of each point ``(n,)``.
        got: the points.
        wanted: where they should be ``(t, n, d)``.
    """
    owned = [parts == part for part in np.unique(parts)]
    return float(np.mean([mean_distance(got[:, own], wanted[:, own]) for own in owned]))
