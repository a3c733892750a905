"""Trees of bodies as descriptions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from reel2sim.exporters.names import Distinct, free_name
from reel2sim.importers.chains import Axis, chained
from reel2sim.importers.description import DescribedJoint, DescribedLink, Description
from reel2sim.importers.usd.frames import Frames
from reel2sim.importers.usd.joints import Constraint, Freedom, between, positions
from reel2sim.importers.usd.motion import sampled_codes, sampled_poses, seconds
from reel2sim.importers.usd.shapes import Shape
from reel2sim.importers.usd.trees import Edge, Tree
from reel2sim.importers.usd.weights import Weigher
from reel2sim.scene import JointType, Mimic, Motion, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert

WORLD = "world"
_SAME = 1e-5
"""Metres (per metre of size) and radians that single precision may part what should be one."""
_STANDS_OFF = 1e-3
"""Of them, from where it is worth saying that a body is not where its joint holds it."""
_STILL = 1e-7


@dataclass(frozen=True, eq=False)
class Held:
    """A joint of a tree with frames as they are used.

    Attributes:
        edge: the joint and its direction.
        frames: of the joint in both bodies; exact where bodies are placed as it allows.
        start: positions of its freedoms where the file places its bodies ``(k,)``.
    """

    edge: Edge
    frames: tuple[Array, Array]
    start: Array

    @property
    def T_parent_joint(self) -> Array:
        """The joint's frame on the side of the root."""
        return self.frames[0 if self.edge.forward else 1]

    @property
    def T_child_joint(self) -> Array:
        """The joint's frame on the other side; it becomes the frame of the child's link."""
        return self.frames[1 if self.edge.forward else 0]


class Describer:
    """Turns one tree into a description, and keeps notes."""

    def __init__(
        self,
        frames: Frames,
        bodies: Mapping[str, Any],
        tree: Tree,
        shapes: Mapping[str, Sequence[Shape]],
        weigher: Weigher,
    ) -> None:
        self.frames, self.tree, self.shapes, self.weigher = frames, tree, shapes, weigher
        self.prims = {path: bodies[path] for path in tree.bodies}
        self.notes: list[str] = []
        self.T = {path: frames.rigid(prim) for path, prim in self.prims.items()} | {"": np.eye(4)}
        self.names = link_names(tree.bodies)
        if not tree.root:
            self.names[""] = free_name(WORLD, self.names.values())
        self.held = [self._placed(edge) for edge in tree.edges]
        self.link_frames = {path: np.eye(4) for path in self.T}
        self.link_frames |= {held.edge.child: held.T_child_joint for held in self.held}
        self.joint_names = self._joint_names()
        if tree.anchor is not None:
            self._anchored(tree.anchor)

    def description(self, name: str, *, reach: float, shown: bool) -> Description:
        """Everything of the tree.

        Args:
            name: of the object.
            reach: bounds of slides that have none, metres.
            shown: whether what collides is drawn, because nothing else is.
        """
        links = [self._link(path, shown=shown) for path in self.tree.bodies]
        if not self.tree.root:
            links.insert(0, DescribedLink(self.names[""]))
        masses = {link.name: link for link in links}
        joints: list[DescribedJoint] = []
        for held in self.held:
            made, hubs = self._joined(held, masses[self.names[held.edge.child]], reach)
            joints += made
            links += hubs
        return Description(
            name,
            tuple(links),
            tuple(joints),
            fixed_base=self.tree.anchor is not None or not self.tree.root,
            T_world_root=self.T[self.tree.root],
            motion=self._motion({joint.name: joint for joint in joints}),
            notes=tuple(self.notes),
        )

    def zero_poses(self) -> dict[str, Array]:
        """``T_world_body`` ``(4, 4)`` by path, all joints at zero."""
        found = {self.tree.root: self.T[self.tree.root]}
        for held in self.held:
            below = held.T_parent_joint @ invert(held.T_child_joint)
            found[held.edge.child] = found[held.edge.parent] @ below
        return found

    def _placed(self, edge: Edge) -> Held:
        """A joint with the state its bodies are in, and frames that make the state exact."""
        joint = edge.joint
        first, second = joint.frames
        M = invert(self.T[joint.ends[0]] @ first) @ self.T[joint.ends[1]] @ second
        start = positions(M[None], joint.freedoms)
        away, turned = _distance(between(start, joint.freedoms)[0], M)
        size = 1.0 + max(float(np.abs(F[:3, 3]).max()) for F in (first, second, M))
        start[np.abs(start) < _STILL] = 0.0
        if away <= _SAME * size and turned <= _SAME:
            # The bodies' own transforms have more digits than the joint's frames.
            wanted = invert(self.T[joint.ends[0]]) @ self.T[joint.ends[1]] @ second
            first = wanted @ invert(between(start, joint.freedoms)[0])
        elif max(away, turned) > _STANDS_OFF:
            self.notes.append(
                f"{joint.ends[1] or joint.ends[0]} stands {1000 * away:.3g} mm and "
                f"{math.degrees(turned):.3g} degrees from where {joint.name} holds it; "
                "it is placed by the joint"
            )
        return Held(edge, (first, second), start[0])

    def _anchored(self, joint: Constraint) -> None:
        """Put the root where its fixed joint to the world holds it, if that is elsewhere."""
        first, second = joint.frames
        body = joint.ends[0] or joint.ends[1]
        T = second @ invert(first) if joint.ends[0] else first @ invert(second)
        away, turned = _distance(self.T[body], T)
        if away > _SAME * (1.0 + np.abs(T[:3, 3]).max()) or turned > _SAME:
            self.T[body] = T
            self.notes.append(
                f"{body} stands {1000 * away:.3g} mm and {math.degrees(turned):.3g} degrees from "
                f"where {joint.name} holds it; it is placed by the joint"
            )

    def _joint_names(self) -> dict[str, list[str]]:
        """Names of each joint's axes, by the joint's path."""
        given = Distinct()
        found: dict[str, list[str]] = {}
        for held in self.held:
            joint = held.edge.joint
            axes = joint.freedoms
            suffixes = [""]
            if len(axes) > 1:
                suffixes = [f"_{'' if a.turns else 'along_'}{'xyz'[a.place % 3]}" for a in axes]
            found[joint.path] = []
            for suffix in suffixes:
                found[joint.path].append(given.name(joint.name + suffix))
        return found

    def _link(self, path: str, *, shown: bool) -> DescribedLink:
        shapes, prim = self.shapes.get(path, ()), self.prims[path]
        T_world_body = self.frames.rigid(prim)
        inertial, mass = self.weigher.inertial(prim, T_world_body, shapes)
        G = self.link_frames[path]
        into = invert(T_world_body @ G)
        seen = [_moved(s.mesh, into) for s in shapes if s.seen]
        solid = [_moved(s.solid, into) for s in shapes if s.solid is not None]
        if inertial is not None:
            R = G[:3, :3].T
            center = apply(invert(G), inertial.center[None])[0]
            inertial = replace(inertial, center=center, inertia=R @ inertial.inertia @ R.T)
        return DescribedLink(
            self.names[path],
            tuple(solid if shown else seen),
            tuple(solid),
            inertial,
            mass,
            self.weigher.material_of(shapes),
        )

    def _joined(
        self, held: Held, child: DescribedLink, reach: float
    ) -> tuple[list[DescribedJoint], list[DescribedLink]]:
        edge, joint = held.edge, held.edge.joint
        T = invert(self.link_frames[edge.parent]) @ held.T_parent_joint
        parent, names = self.names[edge.parent], self.joint_names[joint.path]
        if not joint.freedoms:
            made = DescribedJoint(names[0], JointType.FIXED, parent, child.name, T_parent_child=T)
            return [made], []
        axes = [
            Axis(self._axis(name, freedom, edge, reach), np.zeros(3))
            for name, freedom in zip(names, joint.freedoms, strict=True)
        ]
        if not edge.forward:  # the inverse of several motions undoes the last one first
            axes.reverse()
        if len(axes) > 1:
            self.notes.append(f"{joint.path} has {len(axes)} axes; as many joints stand in for it")
        mass = child.inertial.mass if child.inertial else child.mass or 0.0
        moment = float(np.linalg.eigvalsh(child.inertial.inertia)[-1]) if child.inertial else 0.0
        return chained(parent, child.name, T, axes, mass=mass, moment=moment)

    def _axis(self, name: str, freedom: Freedom, edge: Edge, reach: float) -> DescribedJoint:
        way = np.eye(3)[freedom.place % 3] * (1.0 if edge.forward else -1.0)
        low, high = freedom.low, freedom.high
        kind = JointType.REVOLUTE if freedom.turns else JointType.PRISMATIC
        if freedom.turns and math.isinf(low) and math.isinf(high):
            kind = JointType.CONTINUOUS
        elif math.isinf(low) or math.isinf(high):
            span = 2 * math.pi if freedom.turns else reach
            low = high - span if math.isinf(low) and math.isfinite(high) else low
            high = low + span if math.isinf(high) and math.isfinite(low) else high
            low, high = (-span, span) if math.isinf(low) else (low, high)
            unit = "rad" if freedom.turns else "m"
            self.notes.append(
                f"{name} has not both limits; {low:.3g} to {high:.3g} {unit} is assumed"
            )
        return DescribedJoint(
            name,
            kind,
            "",
            "",
            axis=way,
            bounds=None if kind is JointType.CONTINUOUS else (low, high),
            effort=freedom.effort,
            velocity=freedom.velocity,
            damping=freedom.damping,
            friction=freedom.friction,
            mimic=self._mimic(name, freedom, edge),
        )

    def _mimic(self, name: str, freedom: Freedom, edge: Edge) -> Mimic | None:
        """What the joint follows, if a joint can say it; what its leader follows, if it does."""
        follows, seen = freedom.follows, {edge.joint.path}
        if follows is None:
            return None
        joints = {held.edge.joint.path: held.edge.joint for held in self.held}
        multiplier, offset, leader = follows.multiplier, follows.offset, follows.leader
        while True:
            other = joints.get(leader)
            axes: tuple[Freedom, ...] = other.freedoms if other is not None else ()
            alone = len(axes) == 1 == len(edge.joint.freedoms)
            one = next(iter(axes)) if alone else None
            fits = one is not None and one.turns == freedom.turns
            if one is None or not fits or leader in seen or multiplier == 0:
                self.notes.append(f"{name} follows {leader}, which it cannot; this is left out")
                return None
            seen.add(leader)
            above = one.follows
            if above is None:
                return Mimic(self.joint_names[leader][0], multiplier, offset)
            offset += multiplier * above.offset
            multiplier, leader = multiplier * above.multiplier, above.leader

    def _motion(self, joints: Mapping[str, DescribedJoint]) -> Motion | None:
        """Time samples of the bodies; a state that is not zero; None for one that is."""
        codes = sampled_codes(list(self.prims.values()))
        if len(codes) < 2:
            return self._start(joints)
        times, said = seconds(self.frames.stage, codes)
        if said:
            self.notes.append(said)
        T = sampled_poses(self.frames, self.prims, codes)
        T[""] = np.tile(np.eye(4), (len(codes), 1, 1))
        found: dict[str, Array] = {}
        worst = 0.0
        for held in self.held:
            joint, (first, second) = held.edge.joint, held.frames
            M = invert(T[joint.ends[0]] @ first) @ T[joint.ends[1]] @ second
            q = positions(M, joint.freedoms)
            q = _wound(q, joint.freedoms)
            worst = max([worst, *_distance(between(q, joint.freedoms), M)])
            found |= zip(self.joint_names[joint.path], q.T, strict=False)
        if worst > _STANDS_OFF:
            self.notes.append(
                f"its bodies leave their joints by up to {worst:.3g} m or rad as they move; "
                "the joints' positions come nearest to it"
            )
        still = {name: np.zeros(len(codes)) for name in joints if name not in found}
        return Motion(times, T[self.tree.root], found | still)

    def _start(self, joints: Mapping[str, DescribedJoint]) -> Motion | None:
        found = dict.fromkeys(joints, 0.0)
        for held in self.held:
            for name, q in zip(self.joint_names[held.edge.joint.path], held.start, strict=False):
                low, high = joints[name].bounds or (-math.inf, math.inf)
                found[name] = float(np.clip(q, low, high))
                if abs(found[name] - q) > _STANDS_OFF:
                    self.notes.append(f"{name} starts beyond its limits; it is at the nearer here")
        if not any(found.values()):
            return None
        positions_ = {name: np.array([q]) for name, q in found.items()}
        return Motion(np.zeros(1), self.T[self.tree.root][None], positions_)


def link_names(paths: Sequence[str]) -> dict[str, str]:
    """A name for each prim: its own, or with its parent's where several have it."""
    ends = [path.rsplit("/", 1)[-1] for path in paths]
    often = Counter(ends)
    given = Distinct()
    found: dict[str, str] = {}
    for path, end in zip(paths, ends, strict=True):
        longer = "_".join(path.strip("/").split("/")[-2:])
        found[path] = given.name(end if often[end] == 1 else longer)
    return found


def _moved(mesh: TriangleMesh, T: Array) -> TriangleMesh:
    return replace(mesh, vertices=apply(T, mesh.vertices))


def _wound(q: Array, freedoms: Sequence[Freedom]) -> Array:
    """Angles moved by whole turns to where their limits have them ``(t, k)``."""
    q = q.copy()
    for k, freedom in enumerate(freedoms):
        if freedom.turns and len(q) and not freedom.low <= q[0, k] <= freedom.high:
            turns = [q[:, k] + 2 * math.pi * n for n in (-1, 1)]
            inside = [x for x in turns if freedom.low <= x[0] <= freedom.high]
            q[:, k] = inside[0] if inside else q[:, k]
    return q


def _distance(first: Array, second: Array) -> tuple[float, float]:
    """Largest distance in metres and angle in radians between poses ``(…, 4, 4)``."""
    away = np.linalg.norm(first[..., :3, 3] - second[..., :3, 3], axis=-1)
    R = np.swapaxes(first[..., :3, :3], -1, -2) @ second[..., :3, :3]
    # Half the norm of the skew part is the sine; the trace has the cosine.
    skew = np.stack(
        [R[..., 2, 1] - R[..., 1, 2], R[..., 0, 2] - R[..., 2, 0], R[..., 1, 0] - R[..., 0, 1]], -1
    )
    cosine = np.trace(R, axis1=-2, axis2=-1) - 1
    angle = np.arctan2(np.linalg.norm(skew, axis=-1), cosine)
    return float(away.max()), float(angle.max())
