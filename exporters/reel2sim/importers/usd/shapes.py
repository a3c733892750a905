"""What can be seen and touched on a stage, and which body carries it."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdPhysics, UsdSkel

from reel2sim.importers import shapes
from reel2sim.importers.usd.colors import colored, has_texture
from reel2sim.importers.usd.frames import Frames, is_scaled
from reel2sim.importers.usd.geometry import surface_of
from reel2sim.scene import TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply

_MOST_FACES = 4_000_000
_FARTHEST = 1e8
_MOST_INSTANCES = 20_000
_SHOWN = ("default", "render")
_SHAPELESS = ("BasisCurves", "NurbsCurves", "HermiteCurves", "NurbsPatch", "Points", "TetMesh")


@dataclass(frozen=True, eq=False)
class Shape:
    """A geometric prim, or one instance of it.

    Attributes:
        prim: where it is on the stage.
        body: path of the body that carries it; empty for none.
        mesh: in the world's coordinates, metres.
        solid: what collides, in the same; None if nothing does.
        seen: whether it is drawn.
        guide: whether it is drawn for the user's orientation only.
    """

    prim: Any
    body: str
    mesh: TriangleMesh
    solid: TriangleMesh | None
    seen: bool
    guide: bool


@dataclass(frozen=True)
class Ground:
    """An endless plane that collides.

    Attributes:
        height: of the plane where it faces up; None for another direction.
        path: of the prim.
    """

    height: float | None
    path: str


@dataclass(frozen=True)
class Shapes:
    """Everything found.

    Attributes:
        shapes: all of them, in the stage's order.
        grounds: endless planes.
        notes: what was left out.
    """

    shapes: tuple[Shape, ...]
    grounds: tuple[Ground, ...]
    notes: tuple[str, ...]


def bodies_of(stage: Usd.Stage) -> dict[str, Any]:
    """Prims that move as rigid bodies, by path, in the stage's order."""
    found: dict[str, Any] = {}
    walk = iter(Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()))
    for prim in walk:
        if prim.IsA(UsdGeom.PointInstancer):
            walk.PruneChildren()  # prototypes are no bodies themselves
        elif prim.HasAPI(UsdPhysics.RigidBodyAPI):
            enabled = UsdPhysics.RigidBodyAPI(prim).GetRigidBodyEnabledAttr().Get()
            if enabled is not False:
                found[str(prim.GetPath())] = prim
    return found


def carrier(prim: Any, bodies: Mapping[str, Any]) -> str:
    """Path of the body that ``prim`` is or lies below; empty for none."""
    path = prim.GetPath()
    while not path.isEmpty and not path.IsAbsoluteRootPath():
        if str(path) in bodies:
            return str(path)
        path = path.GetParentPath()
    return ""


def shapes_of(frames: Frames, bodies: Mapping[str, Any]) -> Shapes:
    """All shapes of the stage.

    Raises:
        InputError: if one makes no surface, or there are too many triangles.
    """
    reader = _Reader(frames, bodies)
    walk = iter(Usd.PrimRange.Stage(frames.stage, Usd.TraverseInstanceProxies()))
    for prim in walk:
        if prim.IsA(UsdGeom.PointInstancer):
            reader.instances(UsdGeom.PointInstancer(prim))
            walk.PruneChildren()  # prototypes are drawn where they are instanced alone
        elif prim.IsA(UsdGeom.Gprim):
            reader.shape(prim, frames.affine(prim), prim)
    reader.scaled()
    return Shapes(tuple(reader.shapes), tuple(reader.grounds), tuple(reader.notes))


class _Reader:
    def __init__(self, frames: Frames, bodies: Mapping[str, Any]) -> None:
        self.frames, self.bodies = frames, bodies
        self.shapes: list[Shape] = []
        self.grounds: list[Ground] = []
        self.notes: list[str] = []
        self.faces = 0

    def shape(self, prim: Any, T: Array, place: Any) -> None:
        """``prim`` placed by the affine map ``T``; ``place`` is the prim it stands on."""
        kind = str(prim.GetTypeName())
        if kind in _SHAPELESS:
            self.notes.append(f"{prim.GetPath()} is a {kind} and left out")
            return
        if prim.HasAPI(UsdSkel.BindingAPI) and _skinned(prim):
            return  # the skin is read on its own
        body, solid = carrier(place, self.bodies), _is_solid(prim, self.bodies)
        if kind == "Plane" and solid:
            self._ground(prim, T, body)
            return
        if not solid and not _is_drawn(prim) and not _is_guide(prim):
            return
        surface = surface_of(prim, self.frames.rest)
        if surface is None or not len(surface.faces):
            return
        self.faces += len(surface.faces)
        if self.faces > _MOST_FACES:
            raise InputError(
                f"has over {_MOST_FACES} triangles",
                source=str(prim.GetPath()),
                remedy="decimate it first",
            )
        if _is_drawn(prim) and has_texture(prim):
            self.notes.append(f"{prim.GetPath()} has a texture, whose colours are left out")
        mesh = self._placed(prim, T, colored(prim, surface, self.frames.rest))
        touched = None
        if solid:
            stand_in = _stand_in(prim, surface.points)
            touched = mesh if stand_in is None else self._placed(prim, T, stand_in)
        self.shapes.append(Shape(prim, body, mesh, touched, _is_drawn(prim), _is_guide(prim)))

    def _placed(self, prim: Any, T: Array, mesh: TriangleMesh) -> TriangleMesh:
        faces = mesh.faces[:, ::-1] if np.linalg.det(T[:3, :3]) < 0 else mesh.faces
        mesh = replace(mesh, vertices=apply(T, mesh.vertices), faces=faces)
        check_points(mesh.vertices, str(prim.GetPath()))
        return mesh

    def instances(self, instancer: UsdGeom.PointInstancer) -> None:
        """Every prototype at each of its instances."""
        time, prim = self.frames.rest, instancer.GetPrim()
        where = np.array(instancer.ComputeInstanceTransformsAtTime(time, time), np.float64).reshape(
            -1, 4, 4
        )
        which = np.array(instancer.GetProtoIndicesAttr().Get(time) or [], np.int64)
        roots = instancer.GetPrototypesRel().GetForwardedTargets()
        mask = np.array(instancer.ComputeMaskAtTime(time) or [True] * len(which), bool)
        if len(mask) == len(which) > len(where):
            which, mask = which[mask], mask[mask]  # masked instances have no transform
        if len(where) > _MOST_INSTANCES:
            raise InputError(f"has over {_MOST_INSTANCES} instances", source=str(prim.GetPath()))
        if len(where) != len(which) or (
            len(which) and not 0 <= which.min() <= which.max() < len(roots)
        ):
            raise InputError("its instances make no sense", source=str(prim.GetPath()))
        if any(p.HasAPI(UsdPhysics.RigidBodyAPI) for p in Usd.PrimRange(prim)):
            self.notes.append(f"{prim.GetPath()} makes instances of bodies, which stand still here")
        above = self.frames.affine(prim)
        for matrix, index in zip(where, which, strict=True):
            root = self.frames.stage.GetPrimAtPath(roots[int(index)])
            if not root:
                continue
            T_world_root = above @ matrix.T
            # The instance's matrix holds the prototype's own transform; what is below adds its own.
            T_root = self.frames.affine(root)
            if abs(np.linalg.det(T_root[:3, :3])) < 1e-18:
                continue
            back = np.linalg.inv(T_root)
            for part in Usd.PrimRange(root, Usd.TraverseInstanceProxies()):
                if part.IsA(UsdGeom.Gprim):
                    T = T_world_root @ back @ self.frames.affine(part)
                    self.shape(part, T, prim)

    def scaled(self) -> None:
        """Note bodies with a scale, which their meshes now have."""
        for path, prim in self.bodies.items():
            if is_scaled(self.frames.affine(prim), unit=self.frames.metre):
                self.notes.append(f"{path} is scaled; its meshes and joints have the scale now")

    def _ground(self, prim: Any, T: Array, body: str) -> None:
        path = str(prim.GetPath())
        axis = {"X": 0, "Y": 1}.get(str(prim.GetAttribute("axis").Get()), 2)
        first, second = (T[:3, k] for k in range(3) if k != axis)
        normal = np.cross(first, second)
        length = float(np.linalg.norm(normal))
        level = length > 0 and abs(normal[2]) / length > 1 - 1e-6
        if body:
            self.notes.append(f"{path} is an endless plane on a body and left out")
            return
        if not level:
            self.notes.append(f"{path} is an endless plane that is not level and left out")
        self.grounds.append(Ground(float(T[2, 3]) if level else None, path))


def check_points(points: Array, path: str) -> None:
    """Refuse points ``(n, 3)`` in the world that are nowhere or too far for arithmetic.

    Raises:
        InputError: naming the prim.
    """
    if not np.isfinite(points).all() or np.abs(points).max(initial=0.0) > _FARTHEST:
        raise InputError(
            f"is not finite, or over {_FARTHEST:g} m away", source=path, field="points"
        )


def _is_solid(prim: Any, bodies: Mapping[str, Any]) -> bool:
    """Whether ``prim`` collides: by itself, or with what it is a part of."""
    for part in _upwards(prim):
        if part.HasAPI(UsdPhysics.CollisionAPI):
            return UsdPhysics.CollisionAPI(part).GetCollisionEnabledAttr().Get() is not False
        if str(part.GetPath()) in bodies:
            return False
    return False


def _upwards(prim: Any) -> Iterator[Any]:
    while prim and not prim.IsPseudoRoot():
        yield prim
        prim = prim.GetParent()


def _is_drawn(prim: Any) -> bool:
    shown = UsdGeom.Imageable(prim)
    return (
        str(shown.ComputePurpose()) in _SHOWN
        and str(shown.ComputeVisibility(Usd.TimeCode.Default())) != "invisible"
    )


def _is_guide(prim: Any) -> bool:
    return str(UsdGeom.Imageable(prim).ComputePurpose()) == "guide"


def _skinned(prim: Any) -> bool:
    indices = UsdSkel.BindingAPI(prim).GetJointIndicesAttr()
    return bool(indices and indices.HasAuthoredValue())


def _stand_in(prim: Any, points: Array) -> TriangleMesh | None:
    """The box or ball that collides instead of a mesh; hulls are made where assets are."""
    if not prim.HasAPI(UsdPhysics.MeshCollisionAPI) or not prim.IsA(UsdGeom.Mesh):
        return None
    way = str(UsdPhysics.MeshCollisionAPI(prim).GetApproximationAttr().Get())
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    if way == "boundingCube" and (high - low).min() > 0:
        solid = shapes.box(high - low)
    elif way == "boundingSphere":
        solid = shapes.sphere(float(np.linalg.norm(points - middle, axis=1).max()))
    else:
        return None
    return TriangleMesh(np.asarray(solid.vertices) + middle, np.asarray(solid.faces, np.int64))
