"""Laws of the embodied asset: kinematics, conventions, collision pieces, determinism."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.physics import MATERIALS, PhysicsConfig, embody, material_in
from reel2sim.rigging.physics.collision import convex_pieces
from reel2sim.rigging.physics.drives import Load, drive_of
from reel2sim.rigging.physics.hubs import chained
from reel2sim.scene.errors import RiggingError, UsageError
from reel2sim.scene.rig import JointType
from reel2sim.scene.surfels import Surfels
from reel2sim.scene.transforms import axis_rotation, invert, pose

# One piece a link: what is tested here does not depend on the decomposition.
CONFIG = PhysicsConfig(resolution=16, max_voxels=20_000, max_faces=300, max_pieces=1)


def unit(vector) -> np.ndarray:
    return np.asarray(vector, float) / np.linalg.norm(vector)


def box_surfels(parts: int, *, each: int = 60) -> tuple[Surfels, np.ndarray]:
    means, normals = [], []
    for part in range(parts):
        box = trimesh.creation.box(extents=[0.1, 0.08, 0.06])
        points, face = trimesh.sample.sample_surface(box, each, seed=part)
        means.append(np.asarray(points) + np.array([0.2 * part, 0.05 * part, 0.5]))
        normals.append(box.face_normals[face])
    n = np.concatenate(normals)
    half = np.array([0, 0, 1.0]) + n
    half[np.linalg.norm(half, axis=1) < 1e-6] = [1.0, 0, 0]
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    count = len(n)
    surfels = Surfels.from_colors(
        means=np.concatenate(means),
        rotations=np.concatenate([np.zeros((count, 1)), half], axis=1),
        scales=np.full((count, 2), 0.01),
        opacities=np.ones(count),
        colors=np.full((count, 3), 0.5),
    )
    np.testing.assert_allclose(surfels.normals, n, atol=1e-5)
    return surfels, np.repeat(np.arange(parts), each)


@st.composite
def articulations(draw) -> Articulation:
    """Random trees in random index order, on a base that may move."""
    parts = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    times = np.cumsum(rng.uniform(0.05, 0.2, size=6))
    placed = [0]
    parents = {}
    for part in rng.permutation(np.arange(1, parts)):
        parents[int(part)] = int(rng.choice(placed))
        placed.append(int(part))
    kinds = [JointType.REVOLUTE, JointType.PRISMATIC, JointType.SCREW, JointType.FIXED]
    joints = []
    for part in range(1, parts):
        q = np.concatenate([[0.0], np.cumsum(rng.normal(size=5) * 0.3)])
        joints.append(
            JointEstimate(
                parent=parents[part],
                child=part,
                type=kinds[int(rng.choice(4, p=[0.5, 0.3, 0.1, 0.1]))],
                axis=unit(rng.normal(size=3)),
                pivot=rng.normal(size=3) * 0.3,
                positions=q,
                pitch=float(rng.normal()) * 0.05,
                confidence=float(rng.uniform()),
            )
        )
    base = np.broadcast_to(np.eye(4), (6, 4, 4)).copy()
    if draw(st.booleans()):
        turn = axis_rotation(unit(rng.normal(size=3)), np.linspace(0, 0.5, 6))
        base = pose(turn, np.linspace(0, 1, 6)[:, None] * rng.normal(size=3))
    labels = np.repeat(np.arange(parts), 60)
    return Articulation(times, labels, tuple(joints), base)


@settings(max_examples=8, deadline=None)
@given(articulations())
def test_kinematics_reproduce_the_estimate(articulation):
    surfels, _ = box_surfels(articulation.part_count)
    asset = embody(articulation, surfels, config=CONFIG, name="thing")
    chain = chained(articulation).articulation
    expected = chain.part_motions()[:, chain.order]
    for i, time_s in enumerate(articulation.times_s):
        found = asset.link_poses_at(float(time_s)) @ invert(asset.rest_poses)
        np.testing.assert_allclose(found, expected[i], atol=1e-9)
    assert list(asset.surfel_links) == [
        chain.order.index(part) for part in articulation.part_of_surfel
    ]
    still = bool(np.allclose(articulation.base_poses, np.eye(4)))
    assert asset.fixed_base is still
    for joint in asset.joints:
        q = asset.motion.positions[joint.name]
        assert q[np.abs(q).argmax()] >= 0
        assert joint.limits.lower <= q.min() <= q.max() <= joint.limits.upper
    for link in asset.links:
        if link.name.startswith("hub"):
            assert len(link.visual.faces) == 0
            continue
        mesh = trimesh.Trimesh(link.visual.vertices, link.visual.faces, process=False)
        if link.name.startswith("hub"):
            assert mesh.is_empty
            continue
        assert mesh.is_watertight
        assert mesh.volume > 0


def one_joint(**changes) -> Articulation:
    fields = {
        "parent": 0,
        "child": 1,
        "type": JointType.REVOLUTE,
        "axis": [0, 0, 1.0],
        "pivot": [0.15, 0.0, 7.0],
        "positions": np.array([0, -0.5, -1.0]),
    }
    labels = np.repeat([0, 1], 60)
    still = np.broadcast_to(np.eye(4), (3, 4, 4))
    times = np.array([0, 0.5, 1.0])
    return Articulation(times, labels, (JointEstimate(**(fields | changes)),), still)


def test_axis_points_so_that_the_largest_motion_is_positive():
    surfels, _ = box_surfels(2)
    asset = embody(one_joint(), surfels, config=CONFIG, name="thing")
    np.testing.assert_allclose(asset.joints[0].axis, [0, 0, -1.0])
    np.testing.assert_allclose(asset.motion.positions["joint_1"], [0, 0.5, 1.0])
    assert [link.name for link in asset.links] == ["base", "link_1"]


def test_pivot_slides_to_the_part():
    surfels, labels = box_surfels(2)
    asset = embody(one_joint(), surfels, config=CONFIG, name="thing")
    height = surfels.means[labels == 1][:, 2].mean()
    np.testing.assert_allclose(asset.joints[0].origin, [0.15, 0.0, height], atol=1e-6)


def test_limits_keep_the_range_seen_beside_them():
    surfels, _ = box_surfels(2)
    asset = embody(one_joint(), surfels, config=CONFIG, name="thing")
    (joint,) = asset.joints
    assert joint.observed_range == pytest.approx((0.0, 1.0))
    assert joint.limits.lower <= 0.0
    assert joint.limits.upper >= 1.0


@pytest.mark.parametrize(
    ("text", "material"),
    [
        *((f"a {name} box", name) for name in MATERIALS),
        ("A Wooden cabinet with a steel handle", "wood"),
        ("a cabinet with a door", ""),
        ("a plywoodless box", ""),
    ],
)
def test_a_text_tells_the_material(text, material):
    assert material_in(text) == material


def test_a_margin_is_added_to_the_range_and_a_full_turn_has_no_stops():
    load = Load(1.0, 0.1, 0.2)
    times = np.array([0, 0.5, 1.0])
    hinge = drive_of(one_joint().joints[0], times, load, config=CONFIG)
    assert hinge.limits.lower == pytest.approx(-CONFIG.revolute_margin)
    assert hinge.limits.upper == pytest.approx(1.0 + CONFIG.revolute_margin)
    assert hinge.limits.velocity == pytest.approx(2.0)
    assert hinge.limits.effort > 1.0 * 9.81 * 0.2
    slide = one_joint(type=JointType.PRISMATIC, positions=np.array([0, 0.1, 0.2])).joints[0]
    assert drive_of(slide, times, load, config=CONFIG).limits.upper == pytest.approx(0.21)
    turning = one_joint(positions=np.array([0, 3.0, 6.2])).joints[0]
    wheel = drive_of(turning, times, load, config=CONFIG)
    assert wheel.type is JointType.CONTINUOUS
    assert wheel.limits.upper == np.inf


def test_same_input_gives_the_same_asset_and_density_scales_mass():
    surfels, _ = box_surfels(2, each=400)
    rig = one_joint()
    rig = Articulation(rig.times_s, np.repeat([0, 1], 400), rig.joints, rig.base_poses)
    config = dataclasses.replace(CONFIG, resolution=32, max_voxels=60_000)
    first = embody(rig, surfels, config=config, name="thing")
    again = embody(rig, surfels, config=config, name="thing")
    heavy = dataclasses.replace(config, material="steel", density=6000.0)
    third = embody(rig, surfels, config=heavy, name="thing")
    for a, b, c in zip(first.links, again.links, third.links, strict=True):
        np.testing.assert_array_equal(a.visual.vertices, b.visual.vertices)
        np.testing.assert_array_equal(a.collision[0].vertices, b.collision[0].vertices)
        np.testing.assert_array_equal(a.inertial.inertia, b.inertial.inertia)
        assert c.inertial.mass == pytest.approx(10 * a.inertial.mass)
        assert a.inertial.mass == pytest.approx(600 * 0.1 * 0.08 * 0.06, rel=0.15)
    assert first.metrics == again.metrics


def test_parts_without_a_surface_get_a_block_and_a_note():
    surfels, labels = box_surfels(2)
    faint = dataclasses.replace(surfels, opacities=np.where(labels == 1, 0.01, 1.0))
    asset = embody(one_joint(), faint, config=CONFIG, name="thing", notes=("before",))
    assert asset.notes[0] == "before"
    assert "link_1 has too few surfels" in asset.notes[1]
    assert asset.links[1].inertial.mass > 0


def test_pieces_are_convex_few_and_follow_the_shape():
    ell = trimesh.boolean.union(
        [
            trimesh.creation.box(bounds=[[0, 0, 0], [0.3, 0.1, 0.1]]),
            trimesh.creation.box(bounds=[[0, 0, 0], [0.1, 0.3, 0.1]]),
        ]
    )
    config = PhysicsConfig()
    pieces, note = convex_pieces(ell, config=config, clearance=0.001)
    again, _ = convex_pieces(ell, config=config, clearance=0.001)
    assert note == ""
    assert 2 <= len(pieces) <= config.max_pieces
    for piece, other in zip(pieces, again, strict=True):
        assert piece.is_watertight
        assert piece.is_convex
        assert len(piece.vertices) <= config.max_piece_vertices
        np.testing.assert_array_equal(piece.vertices, other.vertices)
        assert (piece.bounds[0] >= ell.bounds[0] - 1e-9).all()
        assert (piece.bounds[1] <= ell.bounds[1] + 1e-9).all()
    assert sum(piece.volume for piece in pieces) == pytest.approx(ell.volume, rel=0.1)


def test_a_ball_needs_one_piece_with_few_corners():
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    pieces, _ = convex_pieces(ball, config=PhysicsConfig(), clearance=0.0)
    assert len(pieces) == 1
    assert len(pieces[0].vertices) <= 64
    assert pieces[0].volume == pytest.approx(ball.volume, rel=0.15)


def test_a_decomposition_that_runs_out_of_time_leaves_the_hull_and_says_so():
    torus = trimesh.creation.torus(0.2, 0.05, major_sections=64, minor_sections=32)
    config = dataclasses.replace(PhysicsConfig(), decomposition_limit_s=1, concavity=0.01)
    pieces, note = convex_pieces(torus, config=config, clearance=0.0)
    if note:  # a fast machine may finish in time
        assert "too long" in note
        assert len(pieces) == 1
    assert all(piece.is_convex for piece in pieces)


def test_wrong_input_is_refused():
    surfels, _ = box_surfels(1)
    with pytest.raises(RiggingError, match="surfels of 60"):
        embody(one_joint(), surfels, config=CONFIG, name="thing")
    with pytest.raises(UsageError, match="not a known material"):
        embody(
            one_joint(),
            box_surfels(2)[0],
            config=dataclasses.replace(CONFIG, material="cheese"),
            name="thing",
        )


def test_sibling_doors_swing_without_touching_each_other():
    import pybullet

    width, depth, height = 0.4, 0.25, 0.3
    box = trimesh.creation.box(extents=[width, depth, height])
    points, face = trimesh.sample.sample_surface(box, 5000, seed=0)
    points, normals = np.asarray(points), np.asarray(box.face_normals[face])
    front = normals[:, 1] < -0.5
    labels = np.where(front, np.where(points[:, 0] < 0, 1, 2), 0)
    half = normals + np.array([0, 0, 1.0])
    half[np.linalg.norm(half, axis=1) < 1e-6] = [1.0, 0, 0]
    count = len(points)
    surfels = Surfels.from_colors(
        means=points,
        rotations=np.concatenate([np.zeros((count, 1)), half], axis=1),
        scales=np.full((count, 2), 0.005),
        opacities=np.ones(count),
        colors=np.full((count, 3), 0.5),
    )
    times = np.linspace(0, 1, 3)
    doors = tuple(
        JointEstimate(
            parent=0,
            child=part,
            type=JointType.REVOLUTE,
            axis=[0, 0, 1.0],
            pivot=[side * width / 2, -depth / 2, 0],
            positions=side * np.linspace(0, 1.5, 3),
        )
        for part, side in ((1, -1.0), (2, 1.0))
    )
    rig = Articulation(times, labels, doors, np.broadcast_to(np.eye(4), (3, 4, 4)))
    config = PhysicsConfig.preset("draft")
    asset = embody(rig, surfels, config=config, name="cabinet")
    assert asset.links[0].inertial.mass > 5 * asset.links[1].inertial.mass

    client = pybullet.connect(pybullet.DIRECT)
    try:
        shapes = [
            [
                pybullet.createCollisionShape(
                    pybullet.GEOM_MESH, vertices=piece.vertices.tolist(), physicsClientId=client
                )
                for piece in link.collision
            ]
            for link in asset.links
        ]

        def gap(q: float) -> float:
            """Least distance between the doors with both open by ``q``."""
            T = asset.link_poses({"joint_1": q, "joint_2": q})
            state = []
            for i in (1, 2):
                turn = T[i][:3, :3]
                yaw = float(np.arctan2(turn[1, 0], turn[0, 0]))
                state.append((T[i][:3, 3].tolist(), [0, 0, np.sin(yaw / 2), np.cos(yaw / 2)]))
            least = np.inf
            for a in shapes[1]:
                for b in shapes[2]:
                    near = pybullet.getClosestPoints(
                        -1,
                        -1,
                        1.0,
                        collisionShapeA=a,
                        collisionShapeB=b,
                        collisionShapePositionA=state[0][0],
                        collisionShapeOrientationA=state[0][1],
                        collisionShapePositionB=state[1][0],
                        collisionShapeOrientationB=state[1][1],
                        physicsClientId=client,
                    )
                    least = min([least, *(contact[8] for contact in near)])
            return least

        assert all(len(each) > 0 for each in shapes)
        assert -1e-4 < gap(0.0) < 0.02
        assert gap(0.75) > gap(0.0)
        assert gap(1.5) > 0.2
    finally:
        pybullet.disconnect(client)
