"""An articulated object with everything a physics engine needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import axis_rotation, pose


class JointType(StrEnum):
    """Kinds of joint, in URDF's terms where it has one."""

    FIXED = "fixed"
    REVOLUTE = "revolute"
    CONTINUOUS = "continuous"
    PRISMATIC = "prismatic"
    SCREW = "screw"
    SPHERICAL = "spherical"
    FREE = "free"

    @property
    def dof(self) -> int:
        """Degrees of freedom."""
        return {"fixed": 0, "spherical": 3, "free": 6}.get(self.value, 1)

    @property
    def angular(self) -> bool:
        """Whether the position of a 1-DoF joint is an angle in radians (else metres)."""
        return self in (JointType.REVOLUTE, JointType.CONTINUOUS, JointType.SCREW)


@dataclass(frozen=True, eq=False)
class TriangleMesh:
    """Triangles in some link's frame.

    Attributes:
        vertices: ``(v, 3)``, metres.
        faces: ``(f, 3)`` vertex indices, counter-clockwise seen from outside.
        colors: per-vertex sRGB ``(v, 3)``, 0..1, or None.
    """

    vertices: Array
    faces: Array
    colors: Array | None = None

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        v = checked("TriangleMesh.vertices", self.vertices, ("v", 3), sizes=sizes)
        f = checked("TriangleMesh.faces", self.faces, ("f", 3), dtype=np.int64, sizes=sizes)
        if len(f) and (f.min() < 0 or f.max() >= len(v)):
            raise InputError("refers to a vertex that is not there", source="TriangleMesh.faces")
        c = self.colors
        if c is not None:
            c = checked("TriangleMesh.colors", c, ("v", 3), sizes=sizes)
        assign(self, vertices=v, faces=f, colors=c)


@dataclass(frozen=True, eq=False)
class Inertial:
    """Mass properties of a link.

    Attributes:
        mass: kilograms, positive.
        center: centre of mass in the link frame ``(3,)``, metres.
        inertia: inertia tensor about ``center`` in the link frame's axes ``(3, 3)``, kg·m².
            Positive definite; principal moments obey the triangle inequality.
    """

    mass: float
    center: Array
    inertia: Array

    def __post_init__(self) -> None:
        center = checked("Inertial.center", self.center, (3,))
        inertia = checked("Inertial.inertia", self.inertia, (3, 3))
        if not (np.isfinite(self.mass) and self.mass > 0):
            raise InputError(f"must be positive, got {self.mass}", source="Inertial.mass")
        if np.abs(inertia - inertia.T).max() > 1e-9 * max(1.0, np.abs(inertia).max()):
            raise InputError("is not symmetric", source="Inertial.inertia")
        principal = np.linalg.eigvalsh(inertia)
        if principal[0] <= 0 or principal[0] + principal[1] < principal[2] * (1 - 1e-6):
            raise InputError(
                f"principal moments {principal} are not those of a body", source="Inertial.inertia"
            )
        assign(self, center=center, inertia=(inertia + inertia.T) / 2)


@dataclass(frozen=True)
class Material:
    """What a link is made of.

    Attributes:
        name: such as ``"wood"``.
        density: kg/m³.
        friction: Coulomb coefficient, dimensionless.
        restitution: 0..1.
    """

    name: str = "plastic"
    density: float = 600.0
    friction: float = 0.6
    restitution: float = 0.1


@dataclass(frozen=True, eq=False)
class Link:
    """A rigid body.

    Its frame has the world's axes at time zero; its origin is the pivot of the joint above it,
    or the world's origin for the root. So at zero state every link frame is a pure translation.

    Attributes:
        name: unique; letters, digits and underscores, starting with a letter.
        visual: closed mesh with vertex colours, link frame.
        collision: convex pieces, link frame.
        inertial: mass properties.
        material: what it is made of.
    """

    name: str
    visual: TriangleMesh
    collision: tuple[TriangleMesh, ...]
    inertial: Inertial
    material: Material = Material()


@dataclass(frozen=True)
class JointLimits:
    """Bounds of a 1-DoF joint: radians or metres, N·m or N, per second.

    Attributes:
        lower: smallest position; ``-inf`` for a continuous joint.
        upper: largest position; ``inf`` for a continuous joint.
        effort: largest force or torque, positive.
        velocity: largest speed, positive.
    """

    lower: float
    upper: float
    effort: float
    velocity: float

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise InputError(f"lower {self.lower} is above upper {self.upper}", source="limits")
        if not (self.effort > 0 and self.velocity > 0):
            raise InputError("effort and velocity must be positive", source="limits")


@dataclass(frozen=True)
class Mimic:
    """A joint that follows another, as the second finger of a parallel gripper does.

    Its position is ``multiplier * q + offset``, ``q`` being the leader's. Both joints turn or both
    slide, so that the multiplier has no unit.

    Attributes:
        joint: name of the leader, which follows nobody itself.
        multiplier: of the leader's position, not zero.
        offset: radians or metres.
    """

    joint: str
    multiplier: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.multiplier) and self.multiplier != 0.0):
            raise InputError(
                f"must be finite and not zero, got {self.multiplier}", source="Mimic.multiplier"
            )
        if not np.isfinite(self.offset):
            raise InputError(f"must be finite, got {self.offset}", source="Mimic.offset")

    def follow(self, q: Array | float) -> Array:
        """Positions of the follower where the leader is at ``q``, of any shape."""
        return self.multiplier * np.asarray(q, dtype=np.float64) + self.offset


@dataclass(frozen=True)
class Certainty:
    """How sure each thing about a joint is, given those before it: probabilities, 0..1.

    Attributes:
        moves: the part moves against its parent, as was found.
        type: the kind of joint is right.
        axis: the axis is right to 5 degrees; 1 for a joint without one.
    """

    moves: float
    type: float
    axis: float

    def __post_init__(self) -> None:
        for name in ("moves", "type", "axis"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise InputError(f"{value} is not in 0..1", source="Certainty", field=name)

    @property
    def confidence(self) -> float:
        """That all of it is right."""
        return self.moves * self.type * self.axis


@dataclass(frozen=True, eq=False)
class Joint:
    """A joint between two links, zero at time zero.

    The joint frame is the child link's frame: at position ``q`` the child's pose in the parent
    is ``translate(origin) @ motion(q)``. Sign of ``axis``: the largest motion seen is positive.

    Attributes:
        name: unique; same alphabet as link names.
        type: kind of joint.
        parent: name of the parent link.
        child: name of the child link.
        origin: child frame's origin in the parent's frame at zero ``(3,)``, metres.
        axis: unit direction in the joint frame ``(3,)``.
        limits: bounds.
        pitch: metres per radian along the axis, for a screw.
        damping: N·m·s/rad or N·s/m.
        friction: N·m or N.
        confidence: probability that type and axis are right, 0..1.
        observed: False where the motion was too small or too poorly seen to say.
        reason: why ``observed`` is False, or what limits the confidence; "" if nothing.
        mimic: the joint it follows; None if it moves by itself.
        observed_range: smallest and largest position that was seen, within the limits; None if
            not known.
        certainty: what ``confidence`` is made of; None if not known.
    """

    name: str
    type: JointType
    parent: str
    child: str
    origin: Array
    axis: Array
    limits: JointLimits
    pitch: float = 0.0
    damping: float = 0.1
    friction: float = 0.0
    confidence: float = 1.0
    observed: bool = True
    reason: str = ""
    mimic: Mimic | None = None
    observed_range: tuple[float, float] | None = None
    certainty: Certainty | None = None

    def __post_init__(self) -> None:
        origin = checked("Joint.origin", self.origin, (3,))
        axis = checked("Joint.axis", self.axis, (3,))
        norm = float(np.linalg.norm(axis))
        if abs(norm - 1.0) > 1e-6:
            raise InputError(f"axis has length {norm}, expected 1", source=self.name)
        if not 0.0 <= self.confidence <= 1.0:
            raise InputError(f"confidence {self.confidence} is not in 0..1", source=self.name)
        if self.observed_range is not None:
            low, high = self.observed_range
            if not low <= high:
                raise InputError(f"observed range {low}..{high} is empty", source=self.name)
        assign(self, origin=origin, axis=axis if abs(norm - 1) < 1e-12 else axis / norm)

    def motion(self, q: Array | float) -> Array:
        """Motion of the child in the joint frame at positions ``q``: ``(..., 4, 4)``.

        Raises:
            InputError: for a joint that one number does not describe.
        """
        q = np.asarray(q, dtype=np.float64)
        if self.type is JointType.FIXED:
            return pose(translation=np.zeros((*q.shape, 3)))
        if self.type is JointType.PRISMATIC:
            return pose(translation=q[..., None] * self.axis)
        if self.type.angular:
            along = (self.pitch * q)[..., None] * self.axis
            return pose(axis_rotation(self.axis, q), along)
        raise InputError(f"a {self.type} joint has more than one coordinate", source=self.name)
