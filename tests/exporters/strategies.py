"""Random assets of up to 30 links with all that the formats can say, and when two are the same."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Material,
    Mimic,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.arrays import Array
from reel2sim.scene.contacts import held_links, meeting_links
from reel2sim.scene.transforms import axis_rotation, invert, pose

KINDS = (JointType.FIXED, JointType.REVOLUTE, JointType.CONTINUOUS, JointType.PRISMATIC)
_BOX = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))
_AWKWARD = ("con", "Door", "door", "Looks", "Joints", "root", "scene", "skin", "door_00", "world_")
"""Names that a format, a file system or a writer of ours has plans for."""


def _hull(points: Array) -> TriangleMesh:
    hull = ConvexHull(points)
    faces = hull.simplices.astype(np.int64)
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = np.einsum("fi,fi->f", normals, hull.equations[:, :3]) < 0
    faces[inward] = faces[inward][:, ::-1]
    used, faces = np.unique(faces, return_inverse=True)
    return TriangleMesh(points[used], faces.reshape(-1, 3))


def _solid(rng: np.random.Generator, *, colored: bool) -> TriangleMesh:
    """A box, or the hull of some points, somewhere near the link's origin."""
    size, center = 10 ** rng.uniform(-2, -0.3, 3), rng.uniform(-0.2, 0.2, 3)
    shape = _BOX if rng.random() < 0.5 else rng.normal(size=(12, 3)) / 2
    mesh = _hull(shape * size + center)
    colors = rng.uniform(0, 1, mesh.vertices.shape) if colored else None
    return replace(mesh, colors=colors)


def _inertial(rng: np.random.Generator) -> Inertial:
    """Of some body: each moment is the sum of two spreads, in axes of any orientation."""
    mass = float(10 ** rng.uniform(-2, 2))
    spread = 10 ** rng.uniform(-3, -0.5, 3)
    R = Rotation.random(random_state=rng).as_matrix()
    moments = np.diag(mass * (np.sum(spread**2) - spread**2))
    tensor = R @ moments @ R.T
    return Inertial(mass, rng.uniform(-0.3, 0.3, 3), (tensor + tensor.T) / 2)


def _link(name: str, rng: np.random.Generator) -> Link:
    """A solid, or a hub: a link that has no shape."""
    hub = rng.random() < 0.2
    nothing = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    visual = nothing if hub else _solid(rng, colored=rng.random() < 0.8)
    pieces = () if hub else tuple(_solid(rng, colored=False) for _ in range(rng.integers(1, 4)))
    material = Material(
        str(rng.choice(["oak wood", "steel", "plastic"])),
        float(rng.uniform(200, 8000)),
        float(rng.uniform(0.1, 1.2)),
        float(rng.uniform(0, 0.6)),
    )
    return Link(name, visual, pieces, _inertial(rng), material)


def _joint(name: str, kind: JointType, parent: str, child: str, rng: np.random.Generator) -> Joint:
    exact = rng.random() < 0.3  # axes along ±x, ±y, ±z and pivots on the parent's are common
    axis = rng.choice([-1.0, 1.0]) * np.eye(3)[rng.integers(3)] if exact else rng.normal(size=3)
    origin = np.zeros(3) if rng.random() < 0.1 else rng.uniform(-0.5, 0.5, 3)
    bounded = kind in (JointType.REVOLUTE, JointType.PRISMATIC)
    low, high = rng.uniform(-2, 0), rng.uniform(0.01, 2)
    if kind is JointType.FIXED:
        low, high = 0.0, 0.0
    elif not bounded:
        low, high = -np.inf, np.inf
    return Joint(
        name=name,
        type=kind,
        parent=parent,
        child=child,
        origin=origin,
        axis=axis / np.linalg.norm(axis),
        limits=JointLimits(low, high, *(float(v) for v in 10 ** rng.uniform(-1, 3, 2))),
        damping=float(rng.uniform(0, 2)),
        friction=float(rng.uniform(0, 0.5)),
        confidence=float(rng.uniform(0, 1)),
    )


def _led(joints: list[Joint], rng: np.random.Generator) -> list[Joint]:
    """Some joints follow another one, of either kind that turns or of slides."""
    leaders: dict[bool, list[Joint]] = {True: [], False: []}
    found: list[Joint] = []
    for joint in joints:
        others = leaders[joint.type.angular]
        if joint.type is JointType.FIXED:
            found.append(joint)
        elif others and rng.random() < 0.4:
            leader = others[rng.integers(len(others))]
            way = float(rng.choice([-1, 1]) * rng.uniform(0.3, 2.0))
            mimic = Mimic(leader.name, way, float(rng.choice([0.0, rng.uniform(-0.2, 0.2)])))
            bounds = np.array([leader.limits.lower, leader.limits.upper])
            limits = joint.limits
            if joint.type is not JointType.CONTINUOUS:
                reach = np.sort(mimic.follow(np.clip(bounds, -3, 3)))
                limits = replace(limits, lower=min(reach[0], 0.0), upper=max(reach[1], 0.0))
            found.append(replace(joint, mimic=mimic, limits=limits))
        else:
            others.append(joint)
            found.append(joint)
    return found


def _motion(joints: list[Joint], fixed_base: bool, rng: np.random.Generator) -> Motion:
    """A few instants from zero on; the base stands anywhere, and moves where it may."""
    count = int(rng.integers(1, 5))
    times = np.cumsum(rng.uniform(0.05, 0.4, count)) - 0.05
    ramp = np.linspace(0, 1, count)
    positions: dict[str, Array] = {}
    for joint in joints:
        if joint.mimic is not None:
            positions[joint.name] = joint.mimic.follow(positions[joint.mimic.joint])
        else:
            ends = np.clip([joint.limits.lower, joint.limits.upper], -3, 3)
            positions[joint.name] = ramp * rng.choice(ends)
    start = np.eye(4)
    if rng.random() < 0.7:
        start = pose(Rotation.random(random_state=rng).as_matrix(), rng.uniform(-1, 1, 3))
    moved = pose(axis_rotation(np.array([0.0, 0.6, 0.8]), ramp), np.outer(ramp, [0.3, -0.2, 0.1]))
    base = start @ (np.tile(np.eye(4), (count, 1, 1)) if fixed_base else moved)
    return Motion(times, base, positions)


def _surfels(count: int, rng: np.random.Generator) -> Surfels:
    return Surfels(
        means=rng.normal(size=(count, 3)),
        rotations=rng.normal(size=(count, 4)),
        scales=rng.uniform(0.005, 0.02, (count, 2)),
        opacities=rng.uniform(0.0, 1.0, count),
        sh=rng.normal(size=(count, rng.choice([1, 4]), 3)),
        confidence=np.ones(count),
    )


@st.composite
def random_asset(draw: st.DrawFn, *, max_links: int = 30) -> RiggedAsset:
    """A tree of boxes and hulls; its structure is drawn, its numbers follow from a seed.

    Links and joints come in an order that is a tree's, but neither depth nor breadth first.
    """
    count = draw(st.integers(1, max_links))
    parents = [draw(st.integers(max(0, i - draw(st.integers(0, i))), i)) for i in range(count - 1)]
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=count - 1, max_size=count - 1))
    fixed_base = draw(st.booleans())
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    awkward = list(_AWKWARD) if draw(st.booleans()) else []
    names = [*awkward, *(f"part_{i}" for i in range(count))][:count]
    links = [_link(name, rng) for name in names]
    joints = [
        _joint(
            [*awkward, *(f"j{k}_{kind}" for k in range(count))][i],
            kind,
            names[parents[i]],
            names[i + 1],
            rng,
        )
        for i, kind in enumerate(kinds)
    ]
    joints = _led(joints, rng)
    surfels = _surfels(3 * count, rng)
    asset = RiggedAsset(
        name=draw(st.sampled_from(["thing", "Joints", "door"])),
        links=tuple(links),
        joints=tuple(joints),
        motion=_motion(joints, fixed_base, rng),
        surfels=surfels,
        surfel_links=rng.integers(0, count, len(surfels)),
        fixed_base=fixed_base,
        metrics={"replay_error": 0.004},
    )
    return replace(asset, interpenetrating=_entangled(asset, rng))


def _entangled(asset: RiggedAsset, rng: np.random.Generator) -> tuple[tuple[str, str], ...]:
    """Some pairs of links with shapes that no joint holds together."""
    solid = [link.name for link in asset.links if link.collision]
    apart = set(held_links(asset))
    free = [pair for pair in itertools.combinations(solid, 2) if pair not in apart]
    return tuple(pair for pair in free if rng.random() < 2 / len(solid))


@dataclass(frozen=True, kw_only=True)
class Says:
    """What a format has a place for, besides the tree, its kinematics, masses and shapes.

    Attributes:
        base: where the root stands at the first instant, and whether it is held.
        velocity: the largest speed of joints.
        effort: their largest force, and how they resist.
        apart: pairs of links that never collide.
        colors: of each vertex; else one for each link.
        contacts: friction of materials.
        restitution: of materials.
        motion: times, and where everything is at them.
        digits: relative accuracy of points of meshes.
    """

    base: bool
    velocity: bool
    effort: bool = True
    apart: bool = False
    colors: bool = False
    contacts: bool = True
    restitution: bool = True
    motion: bool = False
    digits: float = 1e-6


def random_state(asset: RiggedAsset, rng: np.random.Generator) -> dict[str, float]:
    """Positions within limits, followers where their leaders put them."""
    moving = [j for j in asset.joints if j.type is not JointType.FIXED and j.mimic is None]
    bounds = {j.name: np.clip([j.limits.lower, j.limits.upper], -3, 3) for j in moving}
    return asset.followed({name: float(rng.uniform(*b)) for name, b in bounds.items()})


def assert_same(found: RiggedAsset, asset: RiggedAsset, *, says: Says, seed: int = 0) -> None:
    """Check that ``found`` is ``asset``, in all that a format says.

    Frames of links may differ, as they do where a format says how the root stands: what is
    compared is where things are in the world.

    Raises:
        AssertionError: on the first difference.
    """
    assert found.name == asset.name
    assert [x.name for x in found.links] == [x.name for x in asset.links]
    assert [x.name for x in found.joints] == [x.name for x in asset.joints]
    start = asset.motion.base_poses[0] if says.base else np.eye(4)
    theirs, ours = _placed(found, found.motion.base_poses[0]), _placed(asset, start)
    _assert_moves_alike(found, asset, theirs, ours, seed)
    for i, (other, link) in enumerate(zip(found.links, asset.links, strict=True)):
        _assert_same_body(other, link, theirs[i], ours[i], says)
    for i, (other, joint) in enumerate(zip(found.joints, asset.joints, strict=True), start=1):
        _assert_same_joint(other, joint, theirs[i], ours[i], says)
    if says.motion:
        _assert_same_motion(found, asset)
    if says.base:
        assert found.fixed_base == asset.fixed_base
    if says.apart:
        assert set(meeting_links(found)) == set(meeting_links(asset))
        assert set(found.interpenetrating) == set(asset.interpenetrating)


def _placed(asset: RiggedAsset, T_world_root: Array) -> Array:
    return asset.link_poses({}, T_world_root)


def _assert_moves_alike(
    found: RiggedAsset, asset: RiggedAsset, theirs: Array, ours: Array, seed: int
) -> None:
    """At random states every body has moved alike, of the world's points, since zero."""
    rng = np.random.default_rng(seed)
    for _ in range(3):
        state = random_state(asset, rng)
        moved = found.link_poses(state, theirs[0]) @ invert(theirs)
        wanted = asset.link_poses(state, ours[0]) @ invert(ours)
        np.testing.assert_allclose(moved, wanted, atol=1e-6)


def _assert_same_motion(found: RiggedAsset, asset: RiggedAsset) -> None:
    """The same instants, and everywhere the same way from the first: to single precision."""
    times = found.motion.times_s, asset.motion.times_s
    np.testing.assert_allclose(times[0] - times[0][0], times[1] - times[1][0], atol=1e-6)
    for i in range(len(times[1])):
        ways: list[Array] = []
        for one in (found, asset):
            start, now = (one.link_poses_at(float(one.motion.times_s[k])) for k in (0, i))
            ways.append(now @ invert(start))
        np.testing.assert_allclose(*ways, atol=2e-5)


def _assert_same_body(other: Link, link: Link, T: Array, T_wanted: Array, says: Says) -> None:
    a, b = other.inertial, link.inertial
    assert abs(a.mass - b.mass) <= 1e-6 * b.mass
    np.testing.assert_allclose(_at(T, a.center), _at(T_wanted, b.center), rtol=1e-6, atol=1e-6)
    tensors = [M[:3, :3] @ x.inertia @ M[:3, :3].T for M, x in ((T, a), (T_wanted, b))]
    assert np.abs(tensors[0] - tensors[1]).max() <= 1e-6 * np.abs(tensors[1]).max()
    assert len(other.collision) == len(link.collision)
    pairs = [(other.visual, link.visual), *zip(other.collision, link.collision, strict=True)]
    for mesh, wanted in pairs:
        _assert_same_surface(mesh, wanted, T, T_wanted, says.digits)
    _assert_same_colors(other.visual, link.visual, says)
    if link.collision and says.contacts:
        assert abs(other.material.friction - link.material.friction) <= 1e-6
    if link.collision and says.restitution:
        assert abs(other.material.restitution - link.material.restitution) <= 1e-6


def _at(T: Array, point: Array) -> Array:
    return T[:3, :3] @ point + T[:3, 3]


def _assert_same_surface(
    mesh: TriangleMesh, wanted: TriangleMesh, T: Array, T_wanted: Array, digits: float
) -> None:
    """Vertex by vertex and face by face."""
    points = mesh.vertices @ T[:3, :3].T + T[:3, 3]
    goal = wanted.vertices @ T_wanted[:3, :3].T + T_wanted[:3, 3]
    assert points.shape == goal.shape
    np.testing.assert_allclose(points, goal, rtol=digits, atol=digits)
    np.testing.assert_array_equal(_turned(mesh.faces), _turned(wanted.faces))


def _turned(faces: Array) -> Array:
    """Each face from its smallest vertex on, ``(f, 3)``; the way round stays."""
    first = faces.argmin(axis=1)[:, None] if len(faces) else np.zeros((0, 1), np.int64)
    return np.take_along_axis(faces, (first + np.arange(3)) % 3, axis=1)


def _assert_same_colors(mesh: TriangleMesh, wanted: TriangleMesh, says: Says) -> None:
    """To the eight bits that files keep; what has none is drawn in grey."""
    if not len(wanted.faces):
        return
    grey = np.full(wanted.vertices.shape, 0.7)
    goal = grey if wanted.colors is None else wanted.colors
    colors = grey if mesh.colors is None else mesh.colors
    if not says.colors:
        goal, colors = goal.mean(axis=0), colors.mean(axis=0)
    np.testing.assert_allclose(colors, goal, atol=1 / 254)


def _assert_same_joint(other: Joint, joint: Joint, T: Array, T_wanted: Array, says: Says) -> None:
    assert (other.type, other.parent, other.child) == (joint.type, joint.parent, joint.child)
    if joint.type is JointType.FIXED:
        return
    axes = T[:3, :3] @ other.axis, T_wanted[:3, :3] @ joint.axis
    np.testing.assert_allclose(axes[0], axes[1], atol=1e-6)
    bounds = (other.limits.lower, other.limits.upper), (joint.limits.lower, joint.limits.upper)
    np.testing.assert_allclose(*bounds, rtol=1e-6, atol=1e-6)
    assert (other.mimic is None) == (joint.mimic is None)
    if other.mimic is not None and joint.mimic is not None:
        assert other.mimic.joint == joint.mimic.joint
        lines = [(m.multiplier, m.offset) for m in (other.mimic, joint.mimic)]
        np.testing.assert_allclose(*lines, rtol=1e-6, atol=1e-6)
    said = {"effort": says.effort, "velocity": says.velocity}
    for name in (key for key in said if said[key]):
        values = getattr(other.limits, name), getattr(joint.limits, name)
        np.testing.assert_allclose(*values, rtol=1e-6, err_msg=name)
    for name in ("damping", "friction") if says.effort else ():
        values = getattr(other, name), getattr(joint, name)
        np.testing.assert_allclose(*values, rtol=1e-6, atol=1e-9, err_msg=name)
