"""GLB and glTF files as descriptions.

glTF has no bodies and joints. Where a file says them in ``extras``, as ours do, they are taken from
there; elsewhere a node that its animation moves is a body, and its joint is found from its samples.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from reel2sim.exporters.names import Distinct
from reel2sim.importers.description import (
    DescribedJoint,
    DescribedLink,
    DescribedSkin,
    Description,
)
from reel2sim.importers.gltf.animation import channels_of
from reel2sim.importers.gltf.bodies import GROUND, Body, Skeleton, skeleton_of
from reel2sim.importers.gltf.container import Container
from reel2sim.importers.gltf.declared import (
    asset_facts,
    inertial_of,
    joint_facts,
    link_facts,
    material_of,
)
from reel2sim.importers.gltf.fields import Fields
from reel2sim.importers.gltf.meshes import Meshes
from reel2sim.importers.gltf.nodes import Node, shown_nodes
from reel2sim.importers.gltf.skins import (
    Bound,
    Carried,
    bound_skin,
    carried,
    influences,
    rigid_parts,
)
from reel2sim.importers.roots import Roots
from reel2sim.importers.shapes import solid_hull
from reel2sim.scene import Inertial, JointType, Motion, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import invert, pose

_HUB = Inertial(1e-3, np.zeros(3), 1e-7 * np.eye(3))
"""What is between two joints of one body: engines refuse less."""


def read_gltf(path: Path, roots: Roots) -> Description:
    """Read the GLB or glTF file at ``path``; joints are at zero in its first picture.

    Args:
        path: the file.
        roots: where everything it names may be.

    Raises:
        InputError: if it is no glTF 2, or damaged; it names file, element and remedy.
    """
    container = Container(path, roots)
    return _Reader(container).description()


class _Reader:
    """Turns one file into links and joints, and keeps notes."""

    def __init__(self, container: Container) -> None:
        self.container, self.path = container, container.path
        self.notes: list[str] = []
        self.nodes = shown_nodes(container)
        self.meshes = Meshes(container, self.notes)
        self.skins = [bound_skin(container, facts) for facts in container.root.each("skins")]
        channels = channels_of(container, self.nodes, self.notes)
        self.skeleton = skeleton_of(self.nodes, channels, self._content(), self.notes)
        self.names = _names(self.skeleton)
        self.taken_links = Distinct(self.names.values())
        self.taken_joints = Distinct()
        self.visuals: dict[int, list[TriangleMesh]] = {b: [] for b in self.skeleton.bodies}
        self.carried: list[Carried] = []

    def description(self) -> Description:
        """Everything."""
        asset = asset_facts(self.container.root)
        for node in self.nodes.values():
            self._show(node)
        links: list[DescribedLink] = []
        joints: list[DescribedJoint] = []
        positions: dict[str, Array] = {}
        for body in sorted(self.skeleton.bodies.values(), key=lambda body: body.node):
            if body.parent is not None:
                chain = self._chain(body)
                joints += [joint for joint, _ in chain]
                positions |= {joint.name: q for joint, q in chain}
                links += [DescribedLink(x.child, inertial=_HUB) for x, _ in chain[:-1]]
            links.append(self._link(body))
        if not any(link.visuals for link in links) and asset is None:
            raise InputError("shows no triangles", source=self.path)
        root = next(iter(self.skeleton.bodies.values()))
        return Description(
            self._name(asset),
            tuple(links),
            tuple(joints),
            fixed_base=asset.flag("fixed_base", True) if asset else not self.skeleton.base_moves,
            T_world_root=np.eye(4) if root.linked else root.T_world,
            notes=(*self._said(asset, "notes"), *self.notes),
            apart=self._apart(asset),
            motion=Motion(self.skeleton.times_s, self.skeleton.base, positions),
            skin=self._skin([link.name for link in links]),
        )

    def _content(self) -> dict[int, Array]:
        """Nodes that hold a mesh, with the corners of its box, and joints of skins."""
        found: dict[int, Array] = {}
        for index, node in self.nodes.items():
            if "mesh" not in node.facts:
                continue
            if "skin" in node.facts:
                joints = self._skin_of(node).joints
                found |= {j: np.zeros((1, 3)) for j in joints if j in self.nodes}
                continue
            points = [x.mesh.vertices for x in self._pieces(node, count=False)]
            if points:
                every = np.concatenate(points)
                low, high = every.min(axis=0), every.max(axis=0)
                pick = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
                found[index] = np.where(pick, high, low)
        return found

    def _pieces(self, node: Node, *, count: bool = True):
        index = node.facts.index("mesh", len(self.meshes))
        return self.meshes.pieces(index, count=count)

    def _skin_of(self, node: Node) -> Bound:
        return self.skins[node.facts.index("skin", len(self.skins))]

    def _show(self, node: Node) -> None:
        """Hang a node's mesh on its body, or on all that carry it."""
        if "mesh" not in node.facts:
            return
        pieces = self._pieces(node)
        if "skin" in node.facts:
            for piece in pieces:
                self._carry(carried(piece, self._skin_of(node), self.skeleton, node.facts), node)
        elif pieces:
            body = self.skeleton.bodies[self.skeleton.owner[node.index]]
            G = invert(self._frame(body)) @ self.skeleton.G_world[node.index]
            self.visuals[body.node].append(_joined([_moved(x.mesh, G) for x in pieces]))

    def _carry(self, part: Carried, node: Node) -> None:
        """Keep what several bodies carry; give what one does to it."""
        root = next(iter(self.skeleton.bodies.values()))
        if len(part.bodies) > 1:
            self.carried.append(part)
            if part.bent:
                self._note(f"the skin of {node.name} bends from its first picture on")
        else:
            self._note(f"no part of the skin of {node.name} moves by itself; it is rigid")
        for body, mesh in rigid_parts(part).items():
            T = invert(self._frame(self.skeleton.bodies[body])) @ root.T_world
            self.visuals[body].append(_moved(mesh, T))

    def _frame(self, body: Body) -> Array:
        """A body's frame where all joints are at zero, its origin on its joint's axis."""
        return body.T_world @ pose(translation=body.movement.pivot)

    def _chain(self, body: Body) -> list[tuple[DescribedJoint, Array]]:
        """Joints between a body and the one above, with positions at the samples."""
        above = self.skeleton.bodies[GROUND if body.parent is None else body.parent]
        T = invert(self._frame(above)) @ self._frame(body)
        name, parent = self.names[body.node], self.names[above.node]
        joint_name = self._joint_name(body)
        count = len(self.skeleton.times_s)
        if body.declared is not None:
            (step,) = body.movement.steps
            joint = DescribedJoint(joint_name, parent=parent, child=name, T_parent_child=T,
                                   **body.declared)  # fmt: skip
            return [(joint, np.broadcast_to(step.positions, count))]
        steps = body.movement.steps
        if not steps:
            joint = DescribedJoint(joint_name, JointType.FIXED, parent, name, T)
            return [(joint, np.zeros(count))]
        if len(steps) > 1:
            words = ", ".join(step.type.value for step in steps)
            self._note(f"{name} moves on no one axis; {len(steps)} joints move it: {words}")
        made: list[tuple[DescribedJoint, Array]] = []
        for k, step in enumerate(steps):
            last = k == len(steps) - 1
            child = name if last else self.taken_links.name(f"{name}_hub_{k + 1}")
            joint = DescribedJoint(
                name=joint_name if last else self.taken_joints.name(f"{joint_name}_{k + 1}"),
                type=step.type,
                parent=parent,
                child=child,
                T_parent_child=T,
                axis=step.axis,
                bounds=None if step.type is JointType.CONTINUOUS else step.range,
                observed_range=step.range,
            )
            made.append((joint, step.positions))
            parent, T = child, np.eye(4)
        if any(step.type is not JointType.CONTINUOUS for step in steps):
            self._note(f"{name} has as limits what its animation shows")
        return made

    def _joint_name(self, body: Body) -> str:
        facts = joint_facts(self.nodes[body.node].facts)
        told = "" if facts is None else facts.text("name")
        return self.taken_joints.name(told or f"{self.names[body.node]}_joint")

    def _link(self, body: Body) -> DescribedLink:
        visuals = tuple(self.visuals[body.node])
        facts = None if body.node == GROUND else link_facts(self.nodes[body.node].facts)
        name = self.names[body.node]
        if facts is None:
            return DescribedLink(name, visuals, self._hulls(visuals))
        solid = self._collision(facts)
        return DescribedLink(
            name,
            visuals,
            self._hulls(visuals) if solid is None else solid,
            inertial_of(facts),
            material=material_of(facts),
        )

    def _collision(self, facts: Fields) -> tuple[TriangleMesh, ...] | None:
        """The meshes that a link names; None if it names none, or they are not there."""
        if "collision" not in facts:
            return None
        found: list[TriangleMesh] = []
        for name in facts.items("collision"):
            index = self.meshes.named(name) if isinstance(name, str) else None
            if index is None:
                self._note(f"collision mesh {str(name)[:60]} is not there; hulls stand in for all")
                return None
            found += [piece.mesh for piece in self.meshes.pieces(index)]
        return tuple(found)

    def _hulls(self, visuals: tuple[TriangleMesh, ...]) -> tuple[TriangleMesh, ...]:
        """The convex hull of each mesh, in place of what a file does not say."""
        found: list[TriangleMesh] = []
        for mesh in visuals:
            hull = solid_hull(mesh)
            if hull is None:
                self._note("flat meshes do not collide")
            else:
                found.append(hull)
        if found:
            self._note("convex hulls of the meshes collide")
        return tuple(found)

    def _skin(self, names: list[str]) -> DescribedSkin | None:
        """One mesh of all that is carried and all that is rigid; None if all is rigid."""
        if not self.carried:
            return None
        root = next(iter(self.skeleton.bodies.values()))
        parts = list(self.carried)
        for node in self.nodes.values():
            if "mesh" not in node.facts or "skin" in node.facts:
                continue
            G = invert(root.T_world) @ self.skeleton.G_world[node.index]
            for piece in self._pieces(node):
                weights = np.ones((len(piece.mesh.vertices), 1))
                owner = (self.skeleton.owner[node.index],)
                parts.append(Carried(_moved(piece.mesh, G), owner, weights, False))
        place = {body: names.index(self.names[body]) for body in self.skeleton.bodies}
        return DescribedSkin(_joined([part.mesh for part in parts]), influences(parts, place))

    def _name(self, asset: Fields | None) -> str:
        if asset is None:
            return self.path.stem
        scenes = self.container.root.each("scenes")
        return scenes[self.container.root.whole("scene", 0)].text("name") or self.path.stem

    def _said(self, asset: Fields | None, key: str) -> tuple[str, ...]:
        listed = [] if asset is None else asset.items(key)
        return tuple(text for text in listed if isinstance(text, str))

    def _apart(self, asset: Fields | None) -> tuple[tuple[str, str], ...]:
        known = set(self.names.values())
        pairs = [] if asset is None else asset.items("never_collide")
        each = [tuple(pair) for pair in pairs if isinstance(pair, list) and len(pair) == 2]
        return tuple((a, b) for a, b in each if _texts(a, b) and {a, b} <= known)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def _names(skeleton: Skeleton) -> dict[int, str]:
    """A name of its own for each body."""
    names = Distinct()
    return {node: names.name(body.name) for node, body in skeleton.bodies.items()}


def _moved(mesh: TriangleMesh, G: Array) -> TriangleMesh:
    """A mesh moved by a matrix that may scale; mirrors turn triangles inside out."""
    faces = mesh.faces[:, ::-1] if np.linalg.det(G[:3, :3]) < 0 else mesh.faces
    vertices = mesh.vertices @ G[:3, :3].T + G[:3, 3]
    if len(vertices) and not np.abs(vertices).max() < 1e7:
        raise InputError("reaches over 1e7 m", source="mesh", remedy="scale the file down")
    return replace(mesh, vertices=vertices, faces=faces)


def _joined(meshes: list[TriangleMesh]) -> TriangleMesh:
    """One mesh of several; white where only some have colours, as glTF has it."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    each = [mesh.colors for mesh in meshes]
    colors = None
    if any(color is not None for color in each):
        colors = np.concatenate(
            [
                np.ones_like(m.vertices) if c is None else c
                for m, c in zip(meshes, each, strict=True)
            ]
        )
    return TriangleMesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([m.faces + s for m, s in zip(meshes, starts, strict=True)]),
        colors,
    )
