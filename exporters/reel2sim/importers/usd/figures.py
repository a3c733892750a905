"""Stages without physics whose prims or skeletons move: joints found from how they do.

A prim that is placed anew over time, or a skeleton's joint, is a body if something that is seen
hangs on it; its joint is the least that explains its motion against the body above, as for glTF.
"""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdSkel

from reel2sim.exporters.names import free_name, identifier
from reel2sim.importers.chains import Axis, chained
from reel2sim.importers.description import (
    DescribedJoint,
    DescribedLink,
    DescribedSkin,
    Description,
)
from reel2sim.importers.gltf.skins import Carried, influences, rigid_parts
from reel2sim.importers.movement import Movement, movement_of
from reel2sim.importers.shapes import joined, solid_hull
from reel2sim.importers.usd.frames import Frames, rigid_part
from reel2sim.importers.usd.motion import seconds
from reel2sim.importers.usd.shapes import Shape
from reel2sim.importers.usd.skin import Binding
from reel2sim.scene import JointType, Motion, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply, invert, pose

GROUND = -1
_MOST_POSES = 200_000
_STILL = 1e-5
"""Change of poses, metres or of matrices, that is rounding."""
_HUB = 1e-3, 1e-7
"""Kilograms and kg·m² of a body whose weight is not known yet."""


@dataclass
class Part:
    """What moves by itself.

    Attributes:
        name: of the prim or joint.
        above: index of the part it hangs on, or ``GROUND``.
        T_world: its pose at rest, where a skin was bound, then over time ``(1 + t, 4, 4)``.
        movement: its joints against the part above, at zero at rest.
    """

    name: str
    above: int
    T_world: Array
    movement: Movement


class Figure:
    """Finds the parts of a stage and describes them.

    Args:
        frames: of the stage.
        shapes: what is seen, none of it carried by a body.
        bindings: skinned meshes.
    """

    def __init__(
        self, frames: Frames, shapes: Sequence[Shape], bindings: Sequence[Binding]
    ) -> None:
        self.frames, self.bindings = frames, bindings
        self.shapes = [shape for shape in shapes if shape.seen]
        self.notes: list[str] = []
        self.parts: list[Part] = []
        self.codes = self._codes()
        if len(self.codes) < 2:
            return
        self.size = self._size()
        self.of_prim: dict[str, int] = {}
        for shape in self.shapes:
            self._moving_prim(shape.prim)
        self.joints = {b.path: self._skeleton(b) for b in bindings}

    @property
    def moves(self) -> bool:
        """Whether there is anything to describe."""
        return bool(self.parts)

    def description(self, name: str) -> Description:
        """Everything that is seen, with hulls that collide; joints are at zero at rest."""
        times, said = seconds(self.frames.stage, self.codes)
        self.notes += [said] if said else []
        meshes: dict[int, list[TriangleMesh]] = {GROUND: []}
        for shape in self.shapes:
            owner = self._moving_prim(shape.prim)
            meshes.setdefault(owner, []).append(shape.mesh)
        carried = [self._carried(binding) for binding in self.bindings]
        for one in carried:
            for owner, mesh in rigid_parts(one).items():
                meshes.setdefault(owner, []).append(mesh)
        root = self._root(meshes)
        base = self.parts[root].T_world if root != GROUND else None
        origins = {GROUND: np.eye(4)} | {
            i: part.T_world[0] @ pose(translation=part.movement.pivot)
            for i, part in enumerate(self.parts)
        }
        if root != GROUND:
            origins[root] = self.parts[root].T_world[0]
        names = self._names(root)
        links: list[DescribedLink] = [_link(names[root], meshes.get(root, []), origins[root])]
        joints: list[DescribedJoint] = []
        positions: dict[str, Array] = {}
        for i, part in enumerate(self.parts):
            if i == root:
                continue
            T = invert(origins[part.above]) @ origins[i]
            made, hubs, q = self._joined(part, names[i], names[part.above], T)
            joints += made
            positions |= q
            links += [*hubs, _link(names[i], meshes.get(i, []), origins[i])]
        count = len(times)
        poses = np.tile(np.eye(4), (count, 1, 1)) if base is None else base[1:]
        still = np.abs(poses - poses[0]).max() < _STILL
        skin = self._skin(carried, meshes, names, [x.name for x in links], origins[root])
        return Description(
            name,
            tuple(links),
            tuple(joints),
            fixed_base=bool(still),
            T_world_root=origins[root],
            notes=(
                "has no rigid body; what moves is one, and its joints are found from its motion",
                *dict.fromkeys(self.notes),
            ),
            motion=Motion(times, poses, positions),
            skin=skin,
        )

    def _codes(self) -> Array:
        """Time codes at which anything seen is placed anew, or a skeleton bends."""
        codes: set[float] = set()
        for shape in self.shapes:
            for prim in _upwards(shape.prim):
                if prim.IsA(UsdGeom.Xformable):
                    codes.update(UsdGeom.Xformable(prim).GetTimeSamples())
        for binding in self.bindings:
            query = self._query(binding).GetAnimQuery()
            if query:
                codes.update(query.GetJointTransformTimeSamples())
        found = np.array(sorted(codes), np.float64)
        return found[np.isfinite(found)]

    def _size(self) -> float:
        """Diagonal of what is seen, metres."""
        meshes = [shape.mesh for shape in self.shapes] + [b.mesh for b in self.bindings]
        points = [mesh.vertices for mesh in meshes if len(mesh.vertices)]
        return float(np.linalg.norm(np.ptp(np.concatenate(points), axis=0))) if points else 1.0

    def _moving_prim(self, prim: Any) -> int:
        """The part that ``prim`` is or hangs on."""
        if not prim or prim.IsPseudoRoot():
            return GROUND
        path = str(prim.GetPath())
        if path not in self.of_prim:
            above = self._moving_prim(prim.GetParent())
            own = prim.IsA(UsdGeom.Xformable) and len(UsdGeom.Xformable(prim).GetTimeSamples()) > 1
            moved = self._add(str(prim.GetName()), above, self._poses(prim)) if own else above
            self.of_prim[path] = moved
        return self.of_prim[path]

    def _poses(self, prim: Any) -> Array:
        self._check_count(len(self.parts) + 1)
        times = [self.frames.rest, *(Usd.TimeCode(c) for c in self.codes.tolist())]
        poses = np.stack([self.frames.rigid(prim, time) for time in times])
        self.frames.forget()
        return poses

    def _check_count(self, count: int) -> None:
        if count * len(self.codes) > _MOST_POSES:
            raise InputError(
                f"has over {_MOST_POSES} poses of parts that move",
                source="stage",
                remedy="thin out its time samples",
            )

    def _add(self, name: str, above: int, T_world: Array) -> int:
        """A part, or the one above where it does not move against that."""
        relative = T_world if above == GROUND else invert(self.parts[above].T_world) @ T_world
        movement = movement_of(invert(relative[0]) @ relative, size=self.size)
        if not movement.steps:
            return above
        self.parts.append(Part(name, above, T_world, movement))
        return len(self.parts) - 1

    def _query(self, binding: Binding) -> Any:
        cache = UsdSkel.Cache()
        root = next((p for p in _upwards(binding.skeleton.GetPrim()) if p.IsA(UsdSkel.Root)), None)
        if root is not None:
            cache.Populate(UsdSkel.Root(root), Usd.TraverseInstanceProxies())
        query = cache.GetSkelQuery(binding.skeleton)
        if not query:
            raise InputError(
                "is no skeleton that USD can pose", source=str(binding.skeleton.GetPrim().GetPath())
            )
        return query

    def _skeleton(self, binding: Binding) -> list[int]:
        """The part of each joint; joints that carry nothing and move nothing are none."""
        query, prim = self._query(binding), binding.skeleton.GetPrim()
        parents = list(query.GetTopology().GetParentIndices())
        self._check_count(len(self.parts) + len(parents))
        poses = np.empty((len(binding.joints), 1 + len(self.codes), 4, 4))
        poses[:, 0] = binding.bind
        for k, code in enumerate(self.codes.tolist(), start=1):
            poses[:, k] = self._joint_frames(query, prim, Usd.TimeCode(code), len(binding.joints))
        self.frames.forget()
        used = _used(binding.weights, parents)
        found: list[int] = []
        ground = self._moving_prim(prim.GetParent())
        for joint, parent in enumerate(parents):
            if not -1 <= parent < joint:
                raise InputError("its joints are in no order", source=str(prim.GetPath()))
            above = ground if parent < 0 else found[parent]
            rigid = [rigid_part(M) for M in poses[joint]]
            if not used[joint] or any(T is None for T in rigid):
                found.append(above)
                continue
            name = binding.joints[joint].rsplit("/", 1)[-1]
            found.append(self._add(name, above, np.stack(rigid)))  # type: ignore[arg-type]
        return found

    def _joint_frames(self, query: Any, prim: Any, time: Usd.TimeCode, count: int) -> Array:
        local = query.ComputeJointSkelTransforms(time)
        if local is None or len(local) != count:
            raise InputError("cannot be posed", source=str(prim.GetPath()))
        M = self.frames.affine(prim, time) @ np.swapaxes(np.array(local, np.float64), 1, 2)
        if not np.isfinite(M).all():
            raise InputError("has poses that are not finite", source=str(prim.GetPath()))
        return M

    def _carried(self, binding: Binding) -> Carried:
        """A skinned mesh as it was bound, by parts."""
        owners = self.joints[binding.path]
        bodies = tuple(dict.fromkeys(owners))
        weights = np.zeros((len(binding.weights), len(bodies)))
        for joint, owner in enumerate(owners):
            weights[:, bodies.index(owner)] += binding.weights[:, joint]
        return Carried(binding.mesh, bodies, weights, False)

    def _root(self, meshes: dict[int, list[TriangleMesh]]) -> int:
        """The ground, unless all hangs on one part that is on no one axis."""
        tops = [i for i, part in enumerate(self.parts) if part.above == GROUND]
        alone = len(tops) == 1 and not meshes[GROUND]
        return tops[0] if alone and len(self.parts[tops[0]].movement.steps) != 1 else GROUND

    def _names(self, root: int) -> dict[int, str]:
        names: dict[int, str] = {}
        for i, part in enumerate(self.parts):
            names[i] = free_name(identifier(part.name), [*names.values(), "base"])
        return names if root != GROUND else names | {GROUND: "base"}

    def _joined(
        self, part: Part, name: str, above: str, T: Array
    ) -> tuple[list[DescribedJoint], list[DescribedLink], dict[str, Array]]:
        axes: list[Axis] = []
        positions: dict[str, Array] = {}
        steps = part.movement.steps
        for k, step in enumerate(steps):
            joint = f"{name}_joint" if len(steps) == 1 else f"{name}_joint_{k + 1}"
            positions[joint] = step.positions[1:]
            bounds = None if step.type is JointType.CONTINUOUS else step.range
            made = DescribedJoint(
                joint, step.type, "", "", axis=step.axis, bounds=bounds, observed_range=step.range
            )
            axes.append(Axis(made, np.zeros(3)))
            if bounds is not None:
                self.notes.append(f"{joint} has as limits what its samples show")
        if len(steps) > 1:
            self.notes.append(f"{name} moves on no one axis; {len(steps)} joints move it")
        joints, hubs = chained(above, name, T, axes, mass=_HUB[0], moment=_HUB[1])
        return joints, hubs, positions

    def _skin(
        self,
        carried: list[Carried],
        meshes: dict[int, list[TriangleMesh]],
        names: dict[int, str],
        links: list[str],
        T_world_root: Array,
    ) -> DescribedSkin | None:
        """One mesh of all skins and of all that is rigid; None without a skin that bends."""
        if not any(len(part.bodies) > 1 for part in carried):
            return None
        parts = list(carried)
        for shape in self.shapes:
            owner = (self._moving_prim(shape.prim),)
            ones = np.ones((len(shape.mesh.vertices), 1))
            parts.append(Carried(shape.mesh, owner, ones, False))
        place = {i: links.index(name) for i, name in names.items()}
        if GROUND not in place:
            place[GROUND] = 0
        whole = joined([part.mesh for part in parts])
        points = apply(invert(T_world_root), whole.vertices)
        return DescribedSkin(replace(whole, vertices=points), influences(parts, place))


def _link(name: str, meshes: Sequence[TriangleMesh], T_world_link: Array) -> DescribedLink:
    """A link of meshes in the world; their hulls collide."""
    back = invert(T_world_link)
    own = tuple(_moved(mesh, back) for mesh in meshes)
    hulls = tuple(hull for mesh in own if (hull := solid_hull(mesh)) is not None)
    return DescribedLink(name, own, hulls)


def _moved(mesh: TriangleMesh, T: Array) -> TriangleMesh:
    return replace(mesh, vertices=apply(T, mesh.vertices))


def _upwards(prim: Any) -> list[Any]:
    found: list[Any] = []
    while prim and not prim.IsPseudoRoot():
        found.append(prim)
        prim = prim.GetParent()
    return found


def _used(weights: Array, parents: Sequence[int]) -> list[bool]:
    """Which joints carry a vertex, or have one below that does."""
    used: list[bool] = np.any(weights > 0, axis=0).tolist()
    for joint in range(len(parents) - 1, -1, -1):
        if used[joint] and 0 <= parents[joint] < joint:
            used[parents[joint]] = True
    return used
