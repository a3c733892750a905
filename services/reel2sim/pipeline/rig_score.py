"""What a rig scores against the truth; :mod:`reel2sim.pipeline.evaluation` finds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from reel2sim.scene.rig import JointType


@dataclass(frozen=True)
class JointScore:
    """One true joint against the joint matched to it.

    Attributes:
        name: of the true joint.
        type: kind of the true joint; continuous counts as revolute.
        matched: name of the joint found for it, or "" if it was missed.
        type_ok: whether the kind is right; continuous counts as revolute.
        axis_deg: angle between the axes, 0..90.
        pivot_frac: distance from the true axis, where it is closest to the moving part, to the
            axis found, in diagonals; 0 for a prismatic joint.
        state_error: mean error of the state without its offset, radians or metres.
        state_frac: the same as a share of the true range.
        part_iou: intersection over union of the moving part's surface, by nearest surfel.
        replay_error: share of the joint's own motion that is not explained; 0 is perfect,
            1 is what doing nothing gets.
    """

    name: str
    type: JointType
    matched: str
    type_ok: bool
    axis_deg: float
    pivot_frac: float
    state_error: float
    state_frac: float
    part_iou: float
    replay_error: float


@dataclass(frozen=True)
class FoundJoint:
    """One joint of a rig and what became of it.

    Attributes:
        name: in the rig.
        type: kind of joint.
        confidence: that it states, 0..1.
        observed: whether it is not flagged as unobserved.
        matched: the true joint that it was matched to, or "" if it was invented.
        right: whether it is matched, of the right kind and with its axis in place.
    """

    name: str
    type: JointType
    confidence: float
    observed: bool
    matched: str
    right: bool


@dataclass(frozen=True)
class RigScore:
    """A rig against the truth.

    Attributes:
        joints: every true joint that moved.
        found: joints of the rig that can move and are not flagged as unobserved.
        spurious: those of ``found`` that match no true joint.
        replay_error: mean distance between true and replayed surface points over that of doing
            nothing, all parts weighing the same.
        replay_diagonals: the same distance in diagonals, not divided.
        diagonal_m: of the object, metres.
        verdicts: all joints of the rig that can move, flagged ones too.
    """

    joints: tuple[JointScore, ...]
    found: int
    spurious: int
    replay_error: float
    replay_diagonals: float
    diagonal_m: float
    verdicts: tuple[FoundJoint, ...] = ()

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> RigScore:
        """What :meth:`to_dict` gave, also after JSON."""

        def typed(row: Mapping[str, Any]) -> dict[str, Any]:
            return {**row, "type": JointType(row["type"])}

        kept = {name: record[name] for name in cls.__dataclass_fields__}
        kept["joints"] = tuple(JointScore(**typed(row)) for row in record["joints"])
        kept["verdicts"] = tuple(FoundJoint(**typed(row)) for row in record["verdicts"])
        return cls(**kept)

    @property
    def count_ok(self) -> bool:
        """Whether as many joints were found as moved."""
        return self.found == len(self.joints)

    @property
    def recovered(self) -> int:
        """True joints that were found with the right type."""
        return sum(bool(joint.matched) and joint.type_ok for joint in self.joints)

    @property
    def correct(self) -> bool:
        """Whether every joint was found with the right type and none was invented."""
        return self.recovered == len(self.joints) and self.spurious == 0

    def mean(self, field: str) -> float:
        """Mean of a numeric field over the true joints, failures included; 0 without joints."""
        return float(np.mean([getattr(joint, field) for joint in self.joints] or [0.0]))

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        summary = {
            "true_joints": len(self.joints),
            "recovered": self.recovered,
            "count_ok": self.count_ok,
            "correct": self.correct,
        }
        return {**summary, **asdict(self)}
