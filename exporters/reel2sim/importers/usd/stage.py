"""Everything on a stage: objects, ground, gravity."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pxr import UsdPhysics

from reel2sim.exporters.names import free_name, identifier
from reel2sim.importers.description import DescribedLink, Description
from reel2sim.importers.roots import Roots
from reel2sim.importers.usd.colors import has_texture
from reel2sim.importers.usd.describe import Describer
from reel2sim.importers.usd.figures import Figure
from reel2sim.importers.usd.frames import Frames
from reel2sim.importers.usd.joints import constraints_of
from reel2sim.importers.usd.layers import Opened, opened
from reel2sim.importers.usd.pairs import filtered_pairs
from reel2sim.importers.usd.shapes import Shape, Shapes, bodies_of, shapes_of
from reel2sim.importers.usd.skin import Binding, bindings_of, skin_over
from reel2sim.importers.usd.splats import surfels_of
from reel2sim.importers.usd.surroundings import cameras_of, gravity_of, lights_of
from reel2sim.importers.usd.trees import Tree, trees
from reel2sim.importers.usd.weights import Weigher
from reel2sim.scene import Camera, Light, Material, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import invert, pose

_MOST_BODIES = 5000
STATIC = "surroundings"


@dataclass(frozen=True, eq=False)
class Placed:
    """An object and where it stands.

    Attributes:
        description: the object, in its own frame.
        T_world_asset: that frame in the scene's ``(4, 4)``.
    """

    description: Description
    T_world_asset: Array


@dataclass(frozen=True, eq=False)
class DescribedScene:
    """What a stage holds. Z up, metres.

    Attributes:
        objects: in the stage's order; what stands still and belongs to no body comes last.
        gravity: ``(3,)``, m/s².
        ground_z: height of an endless level plane; None without one.
        name: of the scene.
        lights: suns and points.
        cameras: by name.
        background: surfels that no body carries; None without any.
    """

    objects: tuple[Placed, ...]
    gravity: Array
    ground_z: float | None
    name: str
    lights: tuple[Light, ...]
    cameras: Mapping[str, Camera]
    background: Surfels | None


def read_usd(path: Path, roots: Roots, *, material: Material | None = None) -> DescribedScene:
    """Read the stage at ``path``: .usd, .usda, .usdc or .usdz.

    Args:
        path: the file.
        roots: where the layers that it names may be.
        material: of what has no density of its own.

    Raises:
        InputError: if it is no stage, names files outside of the roots, or says what no body or
            joint can be; it names the prim.
    """
    with opened(path, roots) as found:
        try:
            return _Reader(path, found, material or Material()).scene()
        except InputError as fault:
            if fault.source and fault.source.startswith("/") and not Path(fault.source).exists():
                where = ": ".join(part for part in (fault.source, fault.field) if part)
                raise InputError(
                    fault.message, source=path, field=where, remedy=fault.remedy
                ) from fault
            raise


class _Reader:
    """Collects what all objects share, then describes them one by one."""

    def __init__(self, path: Path, found: Opened, material: Material) -> None:
        self.path, self.stage = path, found.stage
        self.frames = Frames(found.stage)
        self.bodies = bodies_of(found.stage)
        if len(self.bodies) > _MOST_BODIES:
            raise InputError(f"has over {_MOST_BODIES} bodies", source=path)
        self.shapes: Shapes = shapes_of(self.frames, self.bodies)
        self.joints, said = constraints_of(self.frames, self.bodies)
        self.notes = [*self._units(), *self.shapes.notes, *said]
        self.bindings: list[Binding] = bindings_of(self.frames)
        for binding in self.bindings:
            if has_texture(found.stage.GetPrimAtPath(binding.path)):
                self.notes.append(f"{binding.path} has a texture, whose colours are left out")
        self.surfels: dict[str, Surfels] = surfels_of(found, self.frames, self.bodies)
        self.material = material
        self.carried: dict[str, list[Shape]] = {path: [] for path in ["", *self.bodies]}
        for shape in self.shapes.shapes:
            self.carried[shape.body].append(shape)

    def scene(self) -> DescribedScene:
        """Everything."""
        if not self.bodies:
            return self._scene_of([Placed(self._without_bodies(), np.eye(4))])
        forest, said = trees(list(self.bodies), self.joints, self._said_roots())
        self.notes += said
        solid = [s for s in self.carried[""] if s.solid is not None]
        count = len(forest) + bool(solid)
        names = self._names(forest, alone=count == 1)
        placed = [
            self._described(tree, name, alone=count == 1)
            for tree, name in zip(forest, names, strict=True)
        ]
        if solid:
            still = self._still(alone=False)
            placed.append(Placed(replace(still, name=free_name(STATIC, names)), np.eye(4)))
        elif any(s.seen for s in self.carried[""]):
            self.notes.append("what is seen and belongs to no body is left out")
        return self._scene_of(placed)

    def _scene_of(self, placed: list[Placed]) -> DescribedScene:
        first = placed[0].description
        lights, said = lights_of(self.frames)
        noted = replace(first, notes=(*self.notes, *said, *first.notes))
        levels = [g.height for g in self.shapes.grounds if g.height is not None]
        return DescribedScene(
            (replace(placed[0], description=noted), *placed[1:]),
            gravity_of(self.frames),
            levels[0] if levels else None,
            self._scene_name(),
            lights,
            cameras_of(self.frames),
            self.surfels.get(""),
        )

    def _scene_name(self) -> str:
        root = self.stage.GetDefaultPrim()
        return identifier(str(root.GetName()) if root else self.path.stem)

    def _described(self, tree: Tree, name: str, *, alone: bool) -> Placed:
        weigher = Weigher(self.frames, self.material)
        maker = Describer(self.frames, self.bodies, tree, self.carried, weigher)
        own = [s for body in tree.bodies for s in self.carried[body]]
        skin, said = skin_over(self._own_bindings(tree), maker.zero_poses())
        if skin is not None:  # its links' own meshes are guides, so that they are not drawn twice
            self._reveal(tree)
            own = [s for body in tree.bodies for s in self.carried[body]]
        made = maker.description(name, reach=_reach(own), shown=not any(s.seen for s in own))
        links = [self._with_surfels(link, maker) for link in made.links]
        pairs = filtered_pairs(self.frames, self.bodies, self.carried)
        pairs |= {frozenset(pair) for pair in tree.parted}
        inside = sorted(
            tuple(sorted(maker.names[p] for p in pair))
            for pair in pairs
            if len(pair) == 2 and all(p in maker.names for p in pair)
        )
        made = replace(
            made,
            links=tuple(links),
            skin=skin and skin.described([x.name for x in links], maker.names, made.T_world_root),
            apart=tuple((a, b) for a, b in inside),
            notes=(*made.notes, *weigher.notes, *said),
        )
        return Placed(made, np.eye(4)) if alone else self._placed(made, tree)

    def _own_bindings(self, tree: Tree) -> list[Binding]:
        """Skins below the prim that holds the tree's bodies and no other object's."""
        top = self._top(tree.bodies)
        return [b for b in self.bindings if top == "/" or b.path.startswith(f"{top}/")]

    def _reveal(self, tree: Tree) -> None:
        for body in tree.bodies:
            self.carried[body] = [
                replace(s, seen=True) if s.guide and s.solid is None else s
                for s in self.carried[body]
            ]

    def _with_surfels(self, link: DescribedLink, maker: Describer) -> DescribedLink:
        """The link with the surfels of its body, in its own frame."""
        body = next((p for p, name in maker.names.items() if name == link.name and p), "")
        own = self.surfels.get(body)
        if own is None:
            return link
        T_world_link = self.frames.rigid(self.bodies[body]) @ maker.link_frames[body]
        return replace(link, surfels=own.moved(invert(T_world_link)))

    def _placed(self, made: Description, tree: Tree) -> Placed:
        """The object in the frame of the prim that holds it and no other."""
        prim = self.stage.GetPrimAtPath(self._top(tree.bodies))
        if prim.IsPseudoRoot():
            return Placed(made, np.eye(4))
        turn = self.frames.turn
        T = self.frames.rigid(prim) @ pose(turn.T)
        back = invert(T)
        motion = made.motion
        if not tree.root:
            return Placed(made, np.eye(4))
        return Placed(
            replace(
                made,
                T_world_root=back @ made.T_world_root,
                motion=None
                if motion is None
                else replace(motion, base_poses=back @ motion.base_poses),
            ),
            T,
        )

    def _names(self, forest: Sequence[Tree], *, alone: bool) -> list[str]:
        """A name for each object: of the prim that holds it and no other."""
        root = self.stage.GetDefaultPrim()
        if alone and root:
            return [str(root.GetName())]
        taken: list[str] = []
        for tree in forest:
            end = self._top(tree.bodies).rsplit("/", 1)[-1] or self.path.stem
            taken.append(free_name(identifier(end), taken))
        return taken

    def _top(self, bodies: Sequence[str]) -> str:
        """The highest prim below which all bodies are of one object."""
        parts = [body.split("/") for body in bodies]
        depth = 0
        while depth < min(map(len, parts)) and len({p[depth] for p in parts}) == 1:
            depth += 1
        shared = parts[0][:depth]
        others = set(self.bodies) - set(bodies)
        while len(shared) > 2:
            above = "/".join(shared[:-1])
            if any(other == above or other.startswith(f"{above}/") for other in others):
                break
            shared = shared[:-1]
        return "/".join(shared) or "/"

    def _said_roots(self) -> frozenset[str]:
        """Bodies that are the root of an articulation by themselves or by their joint."""
        found: set[str] = set()
        for path, prim in self.bodies.items():
            if prim.HasAPI(UsdPhysics.ArticulationRootAPI):
                found.add(path)
        for joint in self.joints:
            prim = self.stage.GetPrimAtPath(joint.path)
            if prim and prim.HasAPI(UsdPhysics.ArticulationRootAPI):
                found.add(joint.ends[1] or joint.ends[0])
        return frozenset(found)

    def _without_bodies(self) -> Description:
        """A stage without physics: what moves on it, or all of it as one body that is fixed."""
        figure = Figure(self.frames, self.carried[""], self.bindings)
        if not figure.moves:
            return self._still(alone=True)
        root = self.stage.GetDefaultPrim()
        return figure.description(str(root.GetName()) if root else self.path.stem)

    def _still(self, *, alone: bool) -> Description:
        """What no body carries as one body that is fixed."""
        seen = [s.mesh for s in self.carried[""] if s.seen]
        solid = [s.solid for s in self.carried[""] if s.solid is not None]
        name, notes = STATIC, [f"{len(solid)} colliders that no body carries are one fixed body"]
        if alone:
            skins = [binding.mesh for binding in self.bindings]
            seen += skins
            root = self.stage.GetDefaultPrim()
            name = str(root.GetName()) if root else self.path.stem
            notes = ["has no rigid body; all of it is one that is fixed"]
            if skins:
                notes.append("its skin stands still as it was bound")
            if not solid:
                solid = [mesh for mesh in seen if len(mesh.faces)]
                notes.append("nothing collides; hulls of what is seen do here")
        if not seen and not solid:
            raise InputError(
                "has no rigid body and no mesh",
                source=self.path,
                remedy="give prims the PhysicsRigidBodyAPI, or name a stage that has geometry",
            )
        weigher = Weigher(self.frames, self.material)
        made_of = weigher.material_of(self.carried[""])
        link = DescribedLink("base", tuple(seen or solid), tuple(solid), material=made_of)
        return Description(name, (link,), (), notes=(*notes, *weigher.notes))

    def _units(self) -> list[str]:
        frames = self.frames
        said = []
        if frames.metre != 1.0:
            said.append(f"lengths are in units of {frames.metre:g} m, converted")
        if frames.kilogram != 1.0:
            said.append(f"masses are in units of {frames.kilogram:g} kg, converted")
        if frames.up != "Z":
            said.append(f"its {frames.up} axis points up; turned to Z")
        return said


def _reach(shapes: Sequence[Shape]) -> float:
    """Size of what is described: how far a slide without bounds may go, at least a metre."""
    points = [s.mesh.vertices for s in shapes if len(s.mesh.vertices)]
    if not points:
        return 1.0
    every = np.concatenate(points)
    return max(1.0, float(np.linalg.norm(np.ptp(every, axis=0))))
