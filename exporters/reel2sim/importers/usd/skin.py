"""A skin whose skeleton's joints are the bodies."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdSkel

from reel2sim.importers.description import DescribedSkin
from reel2sim.importers.usd.colors import colored
from reel2sim.importers.usd.frames import Frames
from reel2sim.importers.usd.geometry import surface_of
from reel2sim.importers.usd.shapes import check_points
from reel2sim.scene import Influences, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply, invert


@dataclass(frozen=True, eq=False)
class Binding:
    """A mesh that a skeleton bends.

    Attributes:
        path: of the mesh.
        skeleton: the ``Skeleton``.
        joints: its joints' paths in its own tree.
        bind: where its joints were when the mesh was bound, in the world, metres ``(k, 4, 4)``.
        mesh: the mesh then, in the world, metres.
        weights: of each joint ``(v, k)``; rows sum to 1.
    """

    path: str
    skeleton: Any
    joints: tuple[str, ...]
    bind: Array
    mesh: TriangleMesh
    weights: Array


def bindings_of(frames: Frames) -> list[Binding]:
    """All skinned meshes of the stage.

    Raises:
        InputError: if influences do not fit their mesh or skeleton.
    """
    found: list[Binding] = []
    for prim in Usd.PrimRange.Stage(frames.stage, Usd.TraverseInstanceProxies()):
        if not prim.IsA(UsdGeom.Mesh) or not prim.HasAPI(UsdSkel.BindingAPI):
            continue
        api = UsdSkel.BindingAPI(prim)
        skeleton = api.GetInheritedSkeleton()
        indices = api.GetJointIndicesPrimvar()
        if not skeleton or not indices or not indices.GetAttr().HasAuthoredValue():
            continue
        made = _binding(frames, prim, api, skeleton)
        if made is not None:
            found.append(made)
    return found


def _binding(frames: Frames, prim: Any, api: Any, skeleton: Any) -> Binding | None:
    path = str(prim.GetPath())
    joints = tuple(str(token) for token in skeleton.GetJointsAttr().Get() or ())
    bind = np.array(skeleton.GetBindTransformsAttr().Get() or [], np.float64).reshape(-1, 4, 4)
    if not joints or len(bind) != len(joints):
        raise InputError(
            f"has {len(joints)} joints and {len(bind)} bind transforms",
            source=str(skeleton.GetPrim().GetPath()),
        )
    surface = surface_of(prim, frames.rest)
    if surface is None or not len(surface.faces):
        return None
    own = [str(token) for token in api.GetJointsAttr().Get() or joints]
    if not set(own) <= set(joints):
        raise InputError("names joints that its skeleton has not", source=path, field="skel:joints")
    weights = _weights(api, path, len(surface.points), len(own))
    table = np.zeros((len(weights), len(joints)))
    for column, name in enumerate(own):
        table[:, joints.index(name)] += weights[:, column]
    mesh = colored(prim, surface, frames.rest)
    if len(mesh.vertices) != len(surface.points):  # colours meet within vertices: weights stay
        mesh = TriangleMesh(surface.points, surface.faces)
    geometry = np.array(api.GetGeomBindTransformAttr().Get() or np.eye(4), np.float64).T
    above = frames.affine(skeleton.GetPrim())
    placed = replace(mesh, vertices=apply(above @ geometry, mesh.vertices))
    world = above @ np.swapaxes(bind, 1, 2)
    check_points(placed.vertices, path)
    if not np.isfinite(world).all() or np.abs(np.linalg.det(world)).min() < 1e-18:
        raise InputError("has bind transforms that are not finite or flat", source=path)
    return Binding(path, skeleton, joints, world, placed, table)


def _weights(api: Any, path: str, points: int, joints: int) -> Array:
    """``(v, k)`` of a mesh's own list of joints."""
    which, much = api.GetJointIndicesPrimvar(), api.GetJointWeightsPrimvar()
    width = which.GetElementSize()
    indices = np.array(which.ComputeFlattened() or [], np.int64)
    amounts = np.array(much.ComputeFlattened() or [], np.float64)
    rows = 1 if str(which.GetInterpolation()) == "constant" else points
    if width < 1 or len(indices) != rows * width or len(amounts) != len(indices):
        raise InputError(
            f"has {len(indices)} influences for {points} points", source=path, field="jointIndices"
        )
    if len(indices) and not 0 <= indices.min() <= indices.max() < joints:
        raise InputError("names a joint that is not there", source=path, field="jointIndices")
    if not np.isfinite(amounts).all() or (amounts < 0).any():
        raise InputError("has weights that make no sense", source=path, field="jointWeights")
    table = np.zeros((rows, joints))
    np.add.at(table, (np.repeat(np.arange(rows), width), indices), amounts)
    total = table.sum(axis=1, keepdims=True)
    table = np.where(total > 0, table / np.where(total > 0, total, 1), np.eye(1, joints))
    return np.repeat(table, points // rows, axis=0)


@dataclass(frozen=True, eq=False)
class Skinned:
    """A skin whose joints are bodies, all joints of the articulation at zero.

    Attributes:
        mesh: in the world.
        bodies: paths of the bodies that carry it ``k``.
        weights: by how much ``(v, k)``; rows sum to 1.
    """

    mesh: TriangleMesh
    bodies: tuple[str, ...]
    weights: Array

    def described(
        self, links: Sequence[str], names: Mapping[str, str], T_world_root: Array
    ) -> DescribedSkin:
        """The skin in the root's frame, over ``links`` of which ``names`` has those of bodies."""
        place = {name: i for i, name in enumerate(links)}
        weights = np.zeros((len(self.weights), len(links)))
        for column, body in enumerate(self.bodies):
            weights[:, place[names[body]]] += self.weights[:, column]
        points = apply(invert(T_world_root), self.mesh.vertices)
        return DescribedSkin(replace(self.mesh, vertices=points), Influences.strongest(weights))


def skin_over(
    bindings: Sequence[Binding], poses: Mapping[str, Array]
) -> tuple[Skinned | None, list[str]]:
    """The skin all of whose joints are named as bodies are, and notes.

    Args:
        bindings: of the stage.
        poses: where each body is with all joints at zero ``(4, 4)``, by its path.
    """
    by_end = {path.rsplit("/", 1)[-1]: path for path in poses if path}
    fitting = [b for b in bindings if all(joint.rsplit("/", 1)[-1] in by_end for joint in b.joints)]
    if not fitting:
        return None, []
    first = fitting[0]
    paths = [by_end[joint.rsplit("/", 1)[-1]] for joint in first.joints]
    moved = np.stack([poses[p] for p in paths]) @ np.linalg.inv(first.bind)
    mesh = first.mesh
    if np.abs(moved - np.eye(4)).max() > 1e-9:  # bound where not all joints are at zero
        blend = np.einsum("vk,kij->vij", first.weights, moved)
        points = np.einsum("vij,vj->vi", blend[:, :3, :3], mesh.vertices) + blend[:, :3, 3]
        mesh = replace(mesh, vertices=points)
    notes = [f"{len(fitting) - 1} more skins are left out"] if len(fitting) > 1 else []
    return Skinned(mesh, tuple(paths), first.weights), notes
