"""How a region of the model moves by itself, found by drawing it along lines its shape suggests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.pictures.drawings import Drawings
from reel2sim.rigging.pictures.posed import Posing
from reel2sim.rigging.pictures.windows import Windows
from reel2sim.rigging.review.requery import smoothest
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import across

_WINDOW_PX = 32
"""Largest side of a window."""
_STEP_PX = 2.0
"""Way of the region's farthest point between positions that are tried."""
_LOOKS = 4
"""Instants at which lines are compared: those where the region looks most wrong."""
_FINALISTS = {JointType.PRISMATIC: 1, JointType.REVOLUTE: 2}
"""Lines of each type that are followed through all instants."""
_GAIN = 0.45
"""Share of the windows' error at these instants that a motion must explain. Borders of moving parts
and hidden surfaces come to 0.38, with jumping positions, where a few surfels can hide an edge; a
button that truly sinks explains more than half."""
_NEWS = 0.8
"""Share of what the best other explanation leaves of the error that a motion may leave: moved out
of sight, surfels that belong elsewhere look better anywhere."""
_AWAY = 1e4
"""Shift that takes surfels out of all pictures, radii."""
_BOX = (0.02, 0.98)
"""Quantiles of a region's points along its axes that are its sides."""
_TURN = 0.6 * np.pi
"""Largest turn about an edge that is tried, either way."""
_MOST_STEPS = 30
"""Positions either way from zero, at most."""
_SWEEPS = 5
"""Rounds of refinement; each takes half the steps of the one before."""
_HINGE_PRICE = 1.1
"""A hinge has a pivot more than a slide: it must explain so much more."""


@dataclass(frozen=True, eq=False)
class RegionMotion:
    """A joint that the pictures ask for.

    Attributes:
        joint: to what carries the region.
        costs: share of the windows' error that the best joint of each type leaves.
    """

    joint: JointModel
    costs: Mapping[JointType, float]


@dataclass(frozen=True, eq=False)
class RegionTrial:
    """A region that may move by itself.

    Attributes:
        points: of its surfels at time zero ``(m, 3)``.
        windows: pictures around it.
        motions: of all parts ``(p, t, 4, 4)``.
        carrier: motion of what carries it ``(t, 4, 4)``.
        before: how far the windows are from the pictures if it moves as it was thought to ``(t,)``.
    """

    points: Array
    windows: Windows
    motions: Array
    carrier: Array
    before: Array

    @classmethod
    def of(cls, drawings: Drawings, posing: Posing, region: Array, carrier: int) -> RegionTrial:
        """Prepare the pictures around the surfels ``region`` ``(m,)`` of a model posed so.

        Args:
            drawings: surfels and pictures.
            posing: of all surfels.
            region: indices of its surfels.
            carrier: the part that carries them.
        """
        motion = posing.motions[carrier]
        windows = Windows.of(drawings, posing, region, motion, most_px=_WINDOW_PX)
        instants = range(len(motion))
        before = [windows.error(f, posing.at(f)[region]) for f in instants]
        return cls(windows.points, windows, posing.motions, motion, np.array(before))

    def belongs(self, wrong: Array) -> int | None:
        """The part whose motion explains the windows clearly better than the carrier's, if any.

        Args:
            wrong: how wrong the region looks at every instant ``(t,)``.
        """
        looks, seen = self._looks(wrong), self.windows.seen
        gains = [self._gain(self._under(T, looks), looks) for T in self.motions]
        best = int(np.argmax(gains))
        everywhere = self._gain(self._under(self.motions[best], seen), seen)
        return best if gains[best] >= _GAIN and everywhere > 0 else None

    def moved(self, wrong: Array) -> RegionMotion | None:
        """How the region moves, if the windows look clearly better so.

        Args:
            wrong: how wrong the region looks at every instant ``(t,)``.
        """
        looks = self._looks(wrong)
        lines = suggested_lines(self.points)
        first = [self._gain(self._errors(line, looks).min(axis=0), looks) for line in lines]
        if max(first) < _GAIN:
            return None
        ranked = np.argsort(-np.array(first), kind="stable")
        left: dict[JointType, tuple[float, JointModel]] = {}
        for kind, count in _FINALISTS.items():
            for i in [i for i in ranked if lines[i].type is kind][:count]:
                joint = self._refined(self._followed(lines[i]))
                error = 1.0 - self._gain(self._all_errors(joint)[looks], looks)
                if kind not in left or error < left[kind][0]:
                    left[kind] = error, joint
        slide, turn = left[JointType.PRISMATIC], left[JointType.REVOLUTE]
        error, joint = turn if _HINGE_PRICE * turn[0] < slide[0] else slide
        if error > min(1.0 - _GAIN, _NEWS * self._otherwise(looks)):
            return None
        return RegionMotion(joint, {kind: share for kind, (share, _) in left.items()})

    def _looks(self, wrong: Array) -> Array:
        """Instants at which the region is seen and looks most wrong ``(k,)``."""
        seen = self.windows.seen
        return seen[np.argsort(-wrong[seen], kind="stable")[:_LOOKS]]

    def _under(self, motion: Array, instants: Array) -> Array:
        """Errors of the windows at some instants under a motion ``(t, 4, 4)``."""
        return np.array([self.windows.error(f, motion[f]) for f in instants])

    def _otherwise(self, instants: Array) -> float:
        """Share of the error that is left if the region moves as another part, or is not there."""
        away = np.tile(np.eye(4), (len(self.carrier), 1, 1))
        away[:, 2, 3] = _AWAY
        return min(
            1 - self._gain(self._under(T, instants), instants) for T in (*self.motions, away)
        )

    def _gain(self, errors: Array, instants: Array) -> float:
        """Share of the error before that is gone at some instants."""
        before = float(self.before[instants].sum())
        return 1.0 - float(errors.sum()) / before if before > 0 else 0.0

    def _grid(self, line: SuggestedLine) -> Array:
        """Positions to try, zero in the middle: no point moves by more than a few pixels."""
        step = _STEP_PX / (self.windows.unit_px * line.reach)
        half = max(1, min(int(np.ceil(line.range / step)), _MOST_STEPS))
        return np.linspace(-line.range, line.range, 2 * half + 1)

    def _errors(self, line: SuggestedLine, instants: Array) -> Array:
        """At every position of the grid ``(g, k)``."""
        motions = line.joint(self._grid(line)).motion()
        return np.array(
            [[self.windows.error(f, self.carrier[f] @ T) for f in instants] for T in motions]
        )

    def _followed(self, line: SuggestedLine) -> JointModel:
        """The line with the smoothest good positions, zero at time zero."""
        seen = self.windows.seen
        grid = self._grid(line)
        errors = np.zeros((len(grid), len(self.carrier)))
        errors[:, seen] = self._errors(line, seen)
        tries = np.tile(grid[:, None], len(self.carrier))
        tries[:, 0] = 0.0
        path = smoothest(tries, errors)
        return line.joint(tries[path, np.arange(len(path))])

    def _all_errors(self, joint: JointModel) -> Array:
        """At every instant under the joint's positions ``(t,)``."""
        motions = self.carrier @ joint.motion()
        return np.array([self.windows.error(f, T) for f, T in enumerate(motions)])

    def _refined(self, joint: JointModel) -> JointModel:
        """Positions and line improved step by step, by ever smaller steps."""
        step = _STEP_PX / self.windows.unit_px
        arm = float(np.linalg.norm(self.points - self.points.mean(axis=0), axis=1).max())
        now = self._all_errors(joint)
        for _ in range(_SWEEPS):
            step /= 2
            turn = step / arm if joint.type.angular else step
            for change in (-turn, turn):
                q = joint.positions + change
                q[0] = 0.0
                errors = self._all_errors(replace(joint, positions=q))
                better = errors < now
                joint = replace(joint, positions=np.where(better, q, joint.positions))
                now = np.where(better, errors, now)
            for other in _neighbours(joint, tilt=step / arm, shift=step):
                errors = self._all_errors(other)
                if errors.sum() < now.sum():
                    joint, now = other, errors
        return joint


@dataclass(frozen=True, eq=False)
class SuggestedLine:
    """A line along or about which a region may move.

    Attributes:
        type: revolute or prismatic.
        axis: unit ``(3,)``.
        pivot: a point on it ``(3,)``.
        range: largest position either way that is tried.
        reach: way of the region's farthest point per unit of position.
    """

    type: JointType
    axis: Array
    pivot: Array
    range: float
    reach: float

    def joint(self, positions: Array) -> JointModel:
        """The line as a joint at ``positions`` ``(t,)``."""
        return JointModel(self.type, self.axis, self.pivot, positions)


def suggested_lines(points: Array) -> list[SuggestedLine]:
    """Slides along, and hinges through the middle and along the edges of, the principal box."""
    center = points.mean(axis=0)
    axes = np.linalg.eigh(np.cov((points - center).T))[1].T
    low, high = np.quantile((points - center) @ axes.T, _BOX, axis=0)
    middle, half = center + (low + high) / 2 @ axes, (high - low) / 2
    lines: list[SuggestedLine] = []
    for i, axis in enumerate(axes):
        way = 2 * max(half[i], half.max() / 2)
        lines.append(SuggestedLine(JointType.PRISMATIC, axis, middle, way, 1.0))
        j, k = (n for n in range(3) if n != i)
        edges = [
            a * half[j] * axes[j] + b * half[k] * axes[k] for a, b in product((-1, 1), (-1, 1))
        ]
        for pivot, turn in [(middle, np.pi), *((middle + edge, _TURN) for edge in edges)]:
            arms = np.linalg.norm(np.cross(points - pivot, axis), axis=1)
            reach = float(np.quantile(arms, _BOX[1]))
            lines.append(SuggestedLine(JointType.REVOLUTE, axis, pivot, turn, reach))
    return lines


def _neighbours(joint: JointModel, *, tilt: float, shift: float) -> list[JointModel]:
    """Joints whose axis or pivot is a little different."""
    sides = across(joint.axis)
    found: list[JointModel] = []
    for side, sign in product(sides, (-1, 1)):
        axis = joint.axis + sign * tilt * side
        found.append(replace(joint, axis=axis / np.linalg.norm(axis)))
        if joint.type.angular:
            found.append(replace(joint, pivot=joint.pivot + sign * shift * side))
    return found
