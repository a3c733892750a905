"""What every format says of an articulated object, before it is one of ours."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from reel2sim.scene import (
    Certainty,
    Inertial,
    Influences,
    JointType,
    Material,
    Mimic,
    Motion,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.arrays import Array


@dataclass(frozen=True, eq=False)
class DescribedLink:
    """A body, in its own frame, metres.

    Attributes:
        name: as the file has it.
        visuals: what is seen, with vertex colours where there are any.
        collision: what collides; parts that are not convex become their hulls.
        inertial: mass properties; None where the file has none that a body could have.
        mass: kilograms, where that is all the file has; None if not even that.
        material: what it is made of; None if unknown.
        friction: Coulomb coefficient, where that is said though the material is not.
        restitution: 0..1, likewise.
        surfels: its appearance, if the file has surfels.
    """

    name: str
    visuals: tuple[TriangleMesh, ...] = ()
    collision: tuple[TriangleMesh, ...] = ()
    inertial: Inertial | None = None
    mass: float | None = None
    material: Material | None = None
    friction: float | None = None
    restitution: float | None = None
    surfels: Surfels | None = None


@dataclass(frozen=True, eq=False)
class DescribedJoint:
    """A joint with frames of any orientation.

    Attributes:
        name: as the file has it.
        type: fixed, revolute, continuous or prismatic.
        parent: link.
        child: link.
        T_parent_child: child's frame in the parent's where the joint is at zero ``(4, 4)``.
        axis: in the child's frame ``(3,)``, any length but zero.
        bounds: smallest and largest position; None where there are none.
        effort: largest force or torque; None if not said.
        velocity: largest speed; None if not said.
        damping: N·m·s/rad or N·s/m.
        friction: N·m or N.
        mimic: the joint it follows.
        pitch: metres per radian along the axis, for a screw.
        confidence: that type and axis are right, 0..1.
        observed: whether its motion was seen.
        reason: why not, or what limits the confidence.
        observed_range: smallest and largest position that was seen; None if not known.
        certainty: what ``confidence`` is made of; None if not known.
    """

    name: str
    type: JointType
    parent: str
    child: str
    T_parent_child: Array = field(default_factory=lambda: np.eye(4))
    axis: Array = field(default_factory=lambda: np.array([1.0, 0.0, 0.0]))
    bounds: tuple[float, float] | None = None
    effort: float | None = None
    velocity: float | None = None
    damping: float = 0.0
    friction: float = 0.0
    mimic: Mimic | None = None
    pitch: float = 0.0
    confidence: float = 1.0
    observed: bool = True
    reason: str = ""
    observed_range: tuple[float, float] | None = None
    certainty: Certainty | None = None


@dataclass(frozen=True, eq=False)
class DescribedSkin:
    """One mesh that bends over several links and is shown in place of theirs.

    Attributes:
        mesh: where all joints are at zero, in the root's frame.
        vertices: the links that carry each vertex, as indices into ``Description.links``.
    """

    mesh: TriangleMesh
    vertices: Influences


@dataclass(frozen=True, eq=False)
class Description:
    """An articulated object as a file describes it.

    Attributes:
        name: of the object.
        links: in any order.
        joints: in any order.
        fixed_base: whether the root is held by the world.
        T_world_root: where the root stands ``(4, 4)``.
        notes: what was left out or assumed while reading.
        apart: pairs of links that the file says never collide.
        motion: how it moves, by the names of its joints, ``base_poses`` being ``T_world_root`` of
            the frame that ``T_world_root`` places; None if it stands still.
        skin: its mesh, if that is not made of rigid parts.
    """

    name: str
    links: tuple[DescribedLink, ...]
    joints: tuple[DescribedJoint, ...]
    fixed_base: bool = True
    T_world_root: Array = field(default_factory=lambda: np.eye(4))
    notes: tuple[str, ...] = ()
    apart: tuple[tuple[str, str], ...] = ()
    motion: Motion | None = None
    skin: DescribedSkin | None = None
