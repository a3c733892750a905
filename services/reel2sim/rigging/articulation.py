"""Parts and joints as estimated from motion, before they have bodies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from reel2sim.rigging.joints.model import JointModel
from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import Certainty, JointType
from reel2sim.scene.transforms import is_rigid, pose

_ZERO_TOLERANCE = 1e-6
"""How far the first state may be from zero: metres, radians or matrix entries."""


@dataclass(frozen=True, eq=False)
class JointEstimate:
    """One joint between two parts, and where it was at every time.

    Attributes:
        parent: index of the part that carries the joint.
        child: index of the part that it moves, at least 1.
        type: kind of joint.
        axis: unit direction ``(3,)``, world at time zero; of no meaning for a spherical or free
            joint.
        pivot: a point on the axis ``(3,)``, metres, world at time zero; what a spherical joint
            turns about. For a prismatic or free joint, where no point is special, the child
            part's centroid.
        positions: ``q`` at the articulation's times ``(t,)``, radians or metres, zero at first.
            Of a spherical joint rotation vectors ``(t, 3)``, of a free one these and the way of
            the pivot ``(t, 6)``, both in the world's axes at time zero, the parent held still.
        pitch: metres per radian along the axis, for a screw.
        confidence: probability that type and axis are right, 0..1.
        observed: False where the motion was too small or too poorly seen to say.
        reason: why ``observed`` is False, or what limits the confidence.
        certainty: what the confidence is made of, if known.

    Raises:
        InputError: if a field is malformed.
    """

    parent: int
    child: int
    type: JointType
    axis: Array
    pivot: Array
    positions: Array
    pitch: float = 0.0
    confidence: float = 1.0
    observed: bool = True
    reason: str = ""
    certainty: Certainty | None = None

    def __post_init__(self) -> None:
        source = f"JointEstimate of part {self.child}"
        axis = checked(f"{source}: axis", self.axis, (3,))
        pivot = checked(f"{source}: pivot", self.pivot, (3,))
        shape = ("t",) if self.type.dof <= 1 else ("t", self.type.dof)
        positions = checked(f"{source}: positions", self.positions, shape)
        norm = float(np.linalg.norm(axis))
        if abs(norm - 1.0) > 1e-6:
            raise InputError(f"has length {norm}, expected 1", source=source, field="axis")
        if self.child < 1 or self.parent < 0 or self.parent == self.child:
            raise InputError(f"cannot hang on part {self.parent}", source=source, field="parent")
        if len(positions) == 0 or np.abs(positions[0]).max() > _ZERO_TOLERANCE:
            raise InputError("must be zero at the first time", source=source, field="positions")
        if not 0.0 <= self.confidence <= 1.0:
            raise InputError("is not in 0..1", source=source, field="confidence")
        if not np.isfinite(self.pitch):
            raise InputError("is not finite", source=source, field="pitch")
        unit = axis if abs(norm - 1) < 1e-12 else axis / norm
        assign(self, axis=unit, pivot=pivot, positions=positions)

    def motions(self) -> Array:
        """Motion of the child with the parent held still, world to world ``(t, 4, 4)``."""
        if self.type is JointType.FIXED:
            return pose(translation=np.zeros((len(self.positions), 3)))
        return JointModel(self.type, self.axis, self.pivot, self.positions, self.pitch).motion()


@dataclass(frozen=True, eq=False)
class Articulation:
    """Which surfel belongs to which part, how parts hang together and how all moved.

    Attributes:
        times_s: ``(t,)``, ascending, seconds.
        part_of_surfel: part of each surfel ``(n,)`` int32; 0 is the root part.
        joints: exactly one per part ``1..p-1``, in the order of their children.
        base_poses: motion of the root part since time zero, world to world ``(t, 4, 4)``,
            identity at first.

    Raises:
        InputError: if shapes disagree, a part has no joint, or the joints close a loop.
    """

    times_s: Array
    part_of_surfel: Array
    joints: tuple[JointEstimate, ...]
    base_poses: Array

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        times = checked("Articulation.times_s", self.times_s, ("t",), sizes=sizes)
        if len(times) == 0 or (np.diff(times) <= 0).any():
            raise InputError("must ascend and not be empty", source="Articulation.times_s")
        parts = checked("Articulation.part_of_surfel", self.part_of_surfel, ("n",), dtype=np.int32)
        base = checked("Articulation.base_poses", self.base_poses, ("t", 4, 4), sizes=sizes)
        if not all(is_rigid(T) for T in base):
            raise InputError("holds a matrix that is not rigid", source="Articulation.base_poses")
        if np.abs(base[0] - np.eye(4)).max() > _ZERO_TOLERANCE:
            raise InputError("must start at the identity", source="Articulation.base_poses")
        for joint in self.joints:
            if len(joint.positions) != len(times):
                raise InputError(
                    f"has {len(joint.positions)} positions for {len(times)} times",
                    source=f"Articulation.joints[{joint.child}].positions",
                )
        children = [joint.child for joint in self.joints]
        if children != list(range(1, len(children) + 1)):
            raise InputError(
                f"must list one joint for each part from 1 on, found {children}",
                source="Articulation.joints",
            )
        if len(parts) and not 0 <= parts.min() <= parts.max() <= len(children):
            raise InputError("names a part without a joint", source="Articulation.part_of_surfel")
        assign(self, times_s=times, part_of_surfel=parts, base_poses=base)
        _ = self.order  # raises if the joints close a loop

    @property
    def part_count(self) -> int:
        """Number of parts, the root included."""
        return len(self.joints) + 1

    @cached_property
    def order(self) -> tuple[int, ...]:
        """All parts, root first and every parent before its children, else by index."""
        placed = [0]
        waiting = list(range(1, self.part_count))
        while waiting:
            ready = [i for i in waiting if self.joints[i - 1].parent in placed]
            if not ready:
                raise InputError(
                    f"parts {waiting} do not hang on the root", source="Articulation.joints"
                )
            placed.append(ready[0])
            waiting.remove(ready[0])
        return tuple(placed)

    @cached_property
    def beyond(self) -> dict[int, list[int]]:
        """For each part itself and all that hangs on it, itself first."""
        found = {part: [part] for part in self.order}
        for part in reversed(self.order[1:]):
            found[self.joints[part - 1].parent] += found[part]
        return found

    def part_motions(self) -> Array:
        """Motion of every part since time zero, world to world ``(t, p, 4, 4)``."""
        T = np.empty((len(self.times_s), self.part_count, 4, 4))
        T[:, 0] = self.base_poses
        for part in self.order[1:]:
            joint = self.joints[part - 1]
            T[:, part] = T[:, joint.parent] @ joint.motions()
        return T
