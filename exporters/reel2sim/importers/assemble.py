"""Descriptions as assets: frames turned to the world's axes, gaps filled and said."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import trimesh
from scipy.spatial import KDTree  # pyright: ignore[reportMissingTypeStubs]

from reel2sim.exporters.names import Distinct, identifier
from reel2sim.importers import shapes
from reel2sim.importers.appearance import surfels_on, surfels_on_skin
from reel2sim.importers.description import (
    DescribedJoint,
    DescribedLink,
    DescribedSkin,
    Description,
)
from reel2sim.importers.mass import solid_inertial
from reel2sim.importers.tidy import tidied
from reel2sim.scene import (
    Inertial,
    Influences,
    Joint,
    JointLimits,
    JointType,
    Link,
    Material,
    Motion,
    RiggedAsset,
    Skin,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.arrays import Array
from reel2sim.scene.contacts import held_links
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply, invert, pose

EFFORT, VELOCITY = 100.0, 10.0
"""Of joints whose file says nothing: N·m or N, and rad/s or m/s."""
_SINGLE = 1e-5
"""Radians or metres that single precision may part a follower from its leader."""


def assembled(
    description: Description, *, material: Material | None = None, surfels: int = 4000
) -> RiggedAsset:
    """The description as an asset.

    Where it has no motion it stands still, joints at zero or as near as they may be.

    Args:
        description: of any format.
        material: of links that have none; its density gives mass where a file has none.
        surfels: how many are laid over what is seen.

    Raises:
        InputError: if the joints make no tree, or a number is of no body or joint.
    """
    notes = list(description.notes)
    material = material or Material()
    order = _tree(description)
    parent_of = {joint.child: joint for joint in description.joints}
    links = {link.name: link for link in description.links}
    names = _names(order, notes)
    joint_names = _names([parent_of[name].name for name in order[1:]], notes)
    T = {order[0]: description.T_world_root}
    for name in order[1:]:
        T[name] = T[parent_of[name].parent] @ parent_of[name].T_parent_child
    # The root's own frame stays where it is; ours has the world's axes at the world's origin.
    origins = {name: T[name][:3, 3] for name in order}
    origins[order[0]] = np.zeros(3)
    made = [_link(links[n], names[n], T[n], origins[n], material, notes) for n in order]
    # From the root's frame ours differs; of all others only the axes do, and digits are kept.
    above = {name: pose(T[name][:3, :3]) for name in order} | {order[0]: T[order[0]]}
    joints = tuple(
        _joint(parent_of[n], names, joint_names, above[parent_of[n].parent], T[n], notes)
        for n in order[1:]
    )
    skin, seen, owner = None, *surfels_on(made, [origins[n] for n in order], count=surfels)
    if description.skin is not None:
        skin, seen, owner = _skin(description.skin, description, order, count=surfels)
    if any(link.surfels is not None for link in description.links):
        seen, owner = _own_surfels([links[n] for n in order], [T[n] for n in order])
        skin = None if skin is None else _carrying(skin, seen)
    asset = RiggedAsset(
        name=identifier(description.name),
        links=tuple(made),
        joints=joints,
        motion=_motion(description, joint_names, joints),
        surfels=seen,
        surfel_links=owner,
        fixed_base=description.fixed_base,
        notes=tuple(dict.fromkeys(notes)),
        skin=skin,
    )
    place = asset.link_index
    pairs = {
        tuple(sorted((names[a], names[b]), key=place.__getitem__))
        for a, b in description.apart
        if a in names and b in names and a != b
    }
    apart = sorted(pairs - set(held_links(asset)), key=lambda pair: [place[x] for x in pair])
    return replace(asset, interpenetrating=tuple((a, b) for a, b in apart))


def _motion(
    description: Description, joint_names: Mapping[str, str], joints: Sequence[Joint]
) -> Motion:
    """How the description moves; standing still, joints at rest, where it does not say."""
    told = description.motion
    if told is None:
        return Motion(np.zeros(1), np.eye(4)[None], _rest(joints))
    positions = {joint_names[name]: q for name, q in told.positions.items() if name in joint_names}
    count = len(told.times_s)
    rest = {name: np.repeat(q, count) for name, q in _rest(joints).items()}
    found = _unwound(rest | positions, joints)
    for joint in joints:
        if joint.mimic is not None and joint.mimic.joint in found:
            followed = joint.mimic.follow(found[joint.mimic.joint])
            if np.allclose(found[joint.name], followed, rtol=0, atol=_SINGLE):
                found[joint.name] = followed
    base = told.base_poses @ invert(description.T_world_root)
    return Motion(told.times_s, base, found)


def _unwound(positions: dict[str, Array], joints: Sequence[Joint]) -> dict[str, Array]:
    """Followers that turn, as many times round as their leaders ask: poses do not show it."""
    found = dict(positions)
    for joint in joints:
        if joint.mimic is not None and joint.type.angular and joint.mimic.joint in positions:
            off = joint.mimic.follow(positions[joint.mimic.joint]) - positions[joint.name]
            found[joint.name] = positions[joint.name] + 2 * np.pi * np.round(off / (2 * np.pi))
    return found


def _skin(
    skin: DescribedSkin, description: Description, order: Sequence[str], *, count: int
) -> tuple[Skin, Surfels, Array]:
    """The skin in the world, and surfels over it with the link that carries each most ``(n,)``."""
    place = {name: i for i, name in enumerate(order)}
    index = np.array([place[link.name] for link in description.links])
    vertices = Influences(index[skin.vertices.links], skin.vertices.weights)
    mesh = _moved(skin.mesh, description.T_world_root)
    surfels, carried = surfels_on_skin(mesh, vertices, len(order), count=count)
    return Skin(mesh, vertices, carried), surfels, carried.links[:, 0]


def _own_surfels(links: Sequence[DescribedLink], poses: Sequence[Array]) -> tuple[Surfels, Array]:
    """Surfels of all links in the world, and the link of each ``(n,)``."""
    parts = [
        (i, link.surfels.moved(T))
        for i, (link, T) in enumerate(zip(links, poses, strict=True))
        if link.surfels is not None
    ]
    owner = [np.full(len(part), i) for i, part in parts]
    return Surfels.joined([part for _, part in parts]), np.concatenate(owner)


def _carrying(skin: Skin, surfels: Surfels) -> Skin:
    """The skin with ``surfels``, carried as the vertices nearest to them are."""
    _, nearest = KDTree(skin.mesh.vertices).query(surfels.means)
    near = skin.vertices
    return replace(skin, surfels=Influences(near.links[nearest], near.weights[nearest]))


def _rest(joints: Sequence[Joint]) -> dict[str, Array]:
    """Zero, or the position nearest to it that the limits allow; followers follow. ``(1,)`` each.

    A leader that is not there, or not free itself, is for the asset to refuse.
    """
    rest = {j.name: np.clip(np.zeros(1), j.limits.lower, j.limits.upper) for j in joints}
    led = {j.name: j.mimic for j in joints if j.mimic is not None and j.mimic.joint in rest}
    return rest | {name: mimic.follow(rest[mimic.joint]) for name, mimic in led.items()}


def _tree(description: Description) -> list[str]:
    """Names of the links, every parent before its children.

    Raises:
        InputError: if names repeat, or the joints leave a link out or make a loop.
    """
    names = [link.name for link in description.links]
    for kind, found in (("link", names), ("joint", [j.name for j in description.joints])):
        twice = sorted(name for name, count in Counter(found).items() if count > 1)
        if twice:
            raise InputError(f"has two {kind}s named {twice[0]!r}", source=description.name)
    children: dict[str, list[str]] = {name: [] for name in names}
    held: dict[str, str] = {}
    for joint in description.joints:
        for end in (joint.parent, joint.child):
            if end not in children:
                raise InputError(f"names no link: {end!r}", source=joint.name)
        if joint.child in held:
            raise InputError(
                f"holds {joint.child!r}, which {held[joint.child]} holds already",
                source=joint.name,
                remedy="leave one of them out: loops of joints are no tree",
            )
        held[joint.child] = joint.name
        children[joint.parent].append(joint.child)
    place = {name: i for i, name in enumerate(names)}
    order: list[str] = []
    waiting = [i for i, name in enumerate(names) if name not in held][:1]
    while waiting:  # of those that could come next, the first in the file
        order.append(names[heapq.heappop(waiting)])
        for child in children[order[-1]]:
            heapq.heappush(waiting, place[child])
    if len(order) < len(names):
        left = sorted(set(names) - set(order))
        raise InputError(
            f"has links that no joint leads to: {', '.join(left[:5])}", source=description.name
        )
    return order


def _names(found: Sequence[str], notes: list[str]) -> dict[str, str]:
    """Names that every format accepts, by the names in the file; MuJoCo keeps one for itself."""
    given = {name: name for name in found if identifier(name) == name and name != "world"}
    free = Distinct({"world", *given}, cases=False)
    for name in found:
        if name not in given:
            given[name] = free.name(identifier(name))
            notes.append(f"{name} is called {given[name]}")
    return given


def _link(
    link: DescribedLink, name: str, T: Array, origin: Array, material: Material, notes: list[str]
) -> Link:
    into = pose(T[:3, :3], T[:3, 3] - origin)
    visual = tidied(shapes.joined([_moved(mesh, into) for mesh in link.visuals]))
    collision = tuple(_hull(_moved(mesh, into), name, notes) for mesh in link.collision)
    made_of = _made_of(link, material)
    inertial = link.inertial
    if inertial is None:
        solid = [_moved(mesh, into) for mesh in (link.collision or link.visuals)]
        turned = solid_inertial(solid, made_of.density)
        if link.mass is not None:
            turned = Inertial(link.mass, turned.center, turned.inertia * (link.mass / turned.mass))
            notes.append(f"{name} has no inertia; it follows from its mass and shape")
        else:
            notes.append(f"{name} has no mass; {turned.mass:.3g} kg follows from its shape")
    else:
        R = into[:3, :3]
        center = apply(into, inertial.center[None])[0]
        turned = Inertial(inertial.mass, center, R @ inertial.inertia @ R.T)
    return Link(name, visual, tuple(p for p in collision if len(p.faces)), turned, made_of)


def _made_of(link: DescribedLink, usual: Material) -> Material:
    made_of = link.material or usual
    if link.friction is not None:
        made_of = replace(made_of, friction=link.friction)
    if link.restitution is not None:
        made_of = replace(made_of, restitution=link.restitution)
    return made_of


def _moved(mesh: TriangleMesh, T: Array) -> TriangleMesh:
    return replace(mesh, vertices=apply(T, mesh.vertices))


def _hull(mesh: TriangleMesh, link: str, notes: list[str]) -> TriangleMesh:
    """The convex hull of a collision mesh; nothing where it is flat."""
    vertices = mesh.vertices.astype(np.float32).astype(np.float64)
    shape = trimesh.Trimesh(vertices, mesh.faces, process=True)
    with np.errstate(all="ignore"):  # what is flat has no centre
        if shape.is_convex and shape.volume > 0:
            if len(shape.vertices) == len(vertices):
                return mesh
            return TriangleMesh(np.asarray(shape.vertices), np.asarray(shape.faces, np.int64))
    hull = shapes.solid_hull(mesh)
    if hull is None:
        notes.append(f"a collision shape of {link} is flat and left out")
        return shapes.NOTHING
    notes.append(f"a collision shape of {link} is not convex; its hull stands in for it")
    return hull


def _joint(
    joint: DescribedJoint,
    names: Mapping[str, str],
    joint_names: Mapping[str, str],
    T_ours_parent: Array,
    T_world_child: Array,
    notes: list[str],
) -> Joint:
    """A joint between our frames; ``T_ours_parent`` maps the file's frame of its parent there."""
    name = joint_names[joint.name]
    axis = T_world_child[:3, :3] @ joint.axis
    length = float(np.linalg.norm(axis))
    if joint.type is JointType.FIXED:
        axis, length = np.array([1.0, 0.0, 0.0]), 1.0
    if not length > 1e-9:
        raise InputError("its axis has no length", source=joint.name, field="axis")
    mimic = joint.mimic
    if mimic is not None and mimic.joint not in joint_names:
        raise InputError(f"follows {mimic.joint!r}, which is not there", source=joint.name)
    return Joint(
        name=name,
        type=joint.type,
        parent=names[joint.parent],
        child=names[joint.child],
        origin=apply(T_ours_parent, joint.T_parent_child[None, :3, 3])[0],
        axis=axis if abs(length - 1) < 1e-12 else axis / length,  # or digits change each time
        limits=_limits(joint, name, notes),
        damping=joint.damping,
        friction=joint.friction,
        mimic=None if mimic is None else replace(mimic, joint=joint_names[mimic.joint]),
        pitch=joint.pitch,
        confidence=joint.confidence,
        observed=joint.observed,
        reason=joint.reason,
        observed_range=joint.observed_range,
        certainty=joint.certainty,
    )


def _limits(joint: DescribedJoint, name: str, notes: list[str]) -> JointLimits:
    low, high = joint.bounds or (-math.inf, math.inf)
    if joint.type is JointType.FIXED:
        low, high = 0.0, 0.0
    elif joint.type is JointType.CONTINUOUS:
        low, high = -math.inf, math.inf
    elif joint.bounds is None:
        raise InputError(
            "has no limits", source=joint.name, field="limit", remedy="give it a <limit>"
        )
    said: list[str] = []
    effort, velocity = joint.effort, joint.velocity
    if not (effort and math.isfinite(effort) and effort > 0):
        effort, said = EFFORT, ["effort"]
    if not (velocity and math.isfinite(velocity) and velocity > 0):
        velocity, said = VELOCITY, [*said, "velocity"]
    if said and joint.type is not JointType.FIXED:
        notes.append(f"{name} has no limit of {' and '.join(said)}; a usual one is assumed")
    return JointLimits(low, high, effort, velocity)
