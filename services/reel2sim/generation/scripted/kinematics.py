"""Articulated objects as trees of rigid parts, and where the parts are.

Conventions: metres, radians. An object's own frame has z up, stands on ``z = 0`` and has its front
towards +x. Everything of an object is given in that frame at *zero state*, when all joints are at
0. A part's frame has its origin at the pivot of its joint and, at zero state, the object's axes;
so at zero state every part frame is a pure translation, as in :class:`reel2sim.scene.rig.Link`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reel2sim.generation.scripted.solids import Solid
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import axis_rotation, pose

_MOVABLE = (JointType.REVOLUTE, JointType.CONTINUOUS, JointType.PRISMATIC)


@dataclass(frozen=True)
class Surface:
    """What a solid is covered with; a renderer makes the picture.

    Attributes:
        material: key of :data:`reel2sim.generation.materials.RECIPES`.
        colour: sRGB 0..1 that tints the material, or None for its own.
        pattern: a picture stretched once over uv 0..1, key of
            :data:`reel2sim.generation.materials.PATTERNS`, or empty for the material alone, tiled
            in metres.
        metres: size of the material's pattern: side of its square tile.
    """

    material: str = "plastic"
    colour: tuple[float, float, float] | None = None
    pattern: str = ""
    metres: float = 0.8


@dataclass(frozen=True, eq=False)
class Part:
    """A rigid part and the joint that carries it.

    Attributes:
        name: unique in its object; letters, digits and underscores.
        solids: what it is made of, object frame at zero state.
        parent: name of the part it hangs on; empty for the root.
        joint: fixed, revolute, continuous or prismatic; fixed for the root.
        axis: unit direction, object frame at zero state; positive opens.
        pivot: a point on the axis, object frame at zero state, and the origin of the part's frame.
        limits: smallest and largest position, radians or metres.
        noun: what prompts call it, or empty if they cannot.
        index: which of its noun, from the top or the left.
        travel: position when a prompt calls it fully open; 0 is closed.
    """

    name: str
    solids: tuple[Solid, ...]
    parent: str = ""
    joint: JointType = JointType.FIXED
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    pivot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    limits: tuple[float, float] = (0.0, 0.0)
    noun: str = ""
    index: int = 0
    travel: float = 0.0

    @property
    def movable(self) -> bool:
        """Whether it has a joint of one degree of freedom."""
        return self.joint in _MOVABLE

    @property
    def vertices(self) -> Array:
        """All vertices ``(v, 3)``, metres, part frame."""
        return np.concatenate([s.vertices for s in self.solids]) - np.asarray(self.pivot)


@dataclass(frozen=True, eq=False)
class ObjectSpec:
    """A whole object: parts in an order in which parents come before their children.

    Attributes:
        name: of its kind, such as ``cabinet``.
        parts: the root first.
        surfaces: what solids are covered with, by name.
        free: whether nothing holds its root: it can be pushed, dropped, or walk.
    """

    name: str
    parts: tuple[Part, ...]
    surfaces: Mapping[str, Surface]
    free: bool = False
    _by_name: Mapping[str, Part] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        seen: dict[str, Part] = {}
        for k, part in enumerate(self.parts):
            if part.name in seen or bool(part.parent) != bool(k):
                raise InputError("must be unique, and only the first part a root", source=part.name)
            if k and part.parent not in seen:
                raise InputError(f"comes before its parent {part.parent}", source=part.name)
            if part.joint not in (*_MOVABLE, JointType.FIXED):
                raise InputError(f"cannot have a {part.joint} joint", source=part.name)
            if abs(float(np.linalg.norm(part.axis)) - 1) > 1e-9:
                raise InputError("axis is not a unit vector", source=part.name)
            missing = {s.surface for s in part.solids} - set(self.surfaces)
            if missing:
                raise InputError(f"has unknown surfaces {sorted(missing)}", source=part.name)
            seen[part.name] = part
        object.__setattr__(self, "_by_name", seen)

    @property
    def root(self) -> Part:
        """The part that all others hang on."""
        return self.parts[0]

    @property
    def movable(self) -> tuple[Part, ...]:
        """Parts with a joint, parents first."""
        return tuple(part for part in self.parts if part.movable)

    def part(self, name: str) -> Part:
        """The part of that name."""
        return self._by_name[name]


def joint_motion(part: Part, q: Array | float) -> Array:
    """How a joint moves its part, about its own origin, at positions ``q`` ``(...)``.

    Returns:
        Rigid transforms ``(..., 4, 4)``; the identity for a fixed joint.
    """
    q = np.asarray(q, float)
    axis = np.asarray(part.axis)
    if part.joint is JointType.PRISMATIC:
        return pose(translation=q[..., None] * axis)
    if part.joint is JointType.FIXED:
        return np.broadcast_to(np.eye(4), (*q.shape, 4, 4))
    return pose(axis_rotation(axis, q), np.zeros(3))


def forward_kinematics(
    spec: ObjectSpec, positions: Mapping[str, Array | float], base: Array
) -> dict[str, Array]:
    """Where the parts are: the definition all pictures and truths follow.

    Args:
        spec: the object.
        positions: by part name, radians or metres ``(...)``; parts left out are at 0.
        base: ``T_world_root`` ``(..., 4, 4)``, of the root's frame.

    Returns:
        ``T_world_part`` ``(..., 4, 4)`` by part name.
    """
    poses: dict[str, Array] = {spec.root.name: np.asarray(base, float)}
    for part in spec.parts[1:]:
        offset = np.asarray(part.pivot) - np.asarray(spec.part(part.parent).pivot)
        q = np.asarray(positions.get(part.name, 0.0), float)
        poses[part.name] = poses[part.parent] @ (pose(translation=offset) @ joint_motion(part, q))
    return poses
