"""Closed bodies from surface samples of known solids."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.inertia import LEAST_MASS, inertial_of, regularised
from reel2sim.rigging.physics.meshing import closed_mesh, pinched, simplified, sound
from reel2sim.rigging.physics.samples import take_samples
from reel2sim.rigging.physics.solids import solidify
from reel2sim.rigging.physics.winding import WindingTree
from reel2sim.scene.surfels import Surfels
from reel2sim.scene.transforms import quaternion_from_matrix

CONFIG = PhysicsConfig.preset("draft")


def surfels_on(points, normals, *, spacing: float, color=(0.8, 0.3, 0.2)) -> Surfels:
    aside = np.where(np.abs(normals[:, :1]) > 0.8, [[0, 1.0, 0]], [[1.0, 0, 0]])
    t = np.cross(normals, aside)
    t /= np.linalg.norm(t, axis=1, keepdims=True)
    frames = np.stack([t, np.cross(normals, t), normals], axis=-1)
    n = len(points)
    return Surfels.from_colors(
        means=points,
        rotations=quaternion_from_matrix(frames),
        scales=np.full((n, 2), 0.6 * spacing),
        opacities=np.full(n, 0.9),
        colors=np.broadcast_to(color, (n, 3)),
    )


def sampled(mesh: trimesh.Trimesh, count: int, *, seed: int = 0, keep=None) -> Surfels:
    points, face = trimesh.sample.sample_surface(mesh, count, seed=seed)
    points, normals = np.asarray(points), np.asarray(mesh.face_normals[face])
    if keep is not None:
        chosen = keep(points, normals)
        points, normals = points[chosen], normals[chosen]
    return surfels_on(points, normals, spacing=float(np.sqrt(mesh.area / count)))


def body_of(surfels: Surfels) -> trimesh.Trimesh:
    parts = np.zeros(len(surfels), int)
    samples = take_samples(surfels, parts, min_opacity=0.1, volume=None)
    mesh = closed_mesh(solidify(samples, (0,), config=CONFIG)[0], max_faces=CONFIG.max_faces)
    assert mesh is not None
    assert sound(mesh)
    assert len(mesh.faces) <= CONFIG.max_faces
    return mesh


def l_shape() -> trimesh.Trimesh:
    return trimesh.boolean.union(
        [
            trimesh.creation.box(bounds=[[0, 0, 0], [0.3, 0.1, 0.1]]),
            trimesh.creation.box(bounds=[[0, 0, 0], [0.1, 0.3, 0.1]]),
        ]
    )


SOLIDS = {
    "box": trimesh.creation.box(extents=[0.3, 0.2, 0.15]),
    "sphere": trimesh.creation.icosphere(subdivisions=4, radius=0.12),
    "ell": l_shape(),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_a_solid_seen_all_round_comes_back(name):
    truth = SOLIDS[name]
    mesh = body_of(sampled(truth, 4000))
    assert mesh.volume == pytest.approx(truth.volume, rel=0.08)
    found, exact = inertial_of(mesh, 600.0), inertial_of(truth, 600.0)
    np.testing.assert_allclose(found.center, exact.center, atol=0.004)
    np.testing.assert_allclose(
        np.linalg.eigvalsh(found.inertia), np.linalg.eigvalsh(exact.inertia), rtol=0.12
    )


def test_an_unseen_bottom_closes_flat():
    truth = SOLIDS["box"]
    mesh = body_of(sampled(truth, 4000, keep=lambda p, n: n[:, 2] > -0.5))
    assert mesh.volume == pytest.approx(truth.volume, rel=0.1)
    assert mesh.bounds[0, 2] == pytest.approx(truth.bounds[0, 2], abs=0.012)


def test_one_face_becomes_a_panel_behind_what_was_seen():
    truth = SOLIDS["box"]
    mesh = body_of(sampled(truth, 6000, keep=lambda p, n: n[:, 1] < -0.5))
    thickness = CONFIG.panel_thickness * np.sqrt(0.3 * 0.15)
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0)[[0, 2]], [0.3, 0.15], rtol=0.08)
    assert mesh.bounds[0, 1] == pytest.approx(-0.1, abs=0.004)
    assert thickness * 0.7 < mesh.volume / (0.3 * 0.15) < thickness * 2.0


def test_a_thin_tilted_plate_keeps_its_thickness():
    plate = trimesh.creation.box(extents=[0.3, 0.2, 0.008])
    plate.apply_transform(trimesh.transformations.rotation_matrix(0.7, [1, 2, 3]))
    mesh = body_of(sampled(plate, 5000))
    assert mesh.volume == pytest.approx(plate.volume, rel=0.35)
    assert mesh.body_count == 1


def test_a_panel_takes_its_slab_and_the_cabinet_keeps_the_rest():
    truth = SOLIDS["box"]
    surfels = sampled(truth, 5000)
    door = (surfels.normals[:, 1] < -0.5).astype(int)
    samples = take_samples(surfels, door, min_opacity=0.1, volume=None)
    solids = solidify(samples, (0, 1), config=CONFIG)
    cabinet, panel = (closed_mesh(solids[i], max_faces=2000) for i in (0, 1))
    assert cabinet is not None
    assert panel is not None
    assert panel.volume < 0.2 * truth.volume
    assert cabinet.volume + panel.volume == pytest.approx(truth.volume, rel=0.12)
    overlap = trimesh.boolean.intersection([cabinet, panel])
    assert overlap.volume < 0.01 * panel.volume


def test_specks_with_a_wrong_label_make_no_geometry():
    truth = SOLIDS["box"]
    surfels = sampled(truth, 4000)
    parts = np.zeros(len(surfels), int)
    parts[surfels.means[:, 0] > 0.14] = 1
    speck = np.linalg.norm(surfels.means - surfels.means[surfels.means[:, 0].argmin()], axis=1)
    parts[speck < 0.012] = 1
    samples = take_samples(surfels, parts, min_opacity=0.1, volume=None)
    assert samples.points[samples.parts == 1][:, 0].min() > 0.1


def test_winding_number_is_one_inside_and_zero_outside():
    points, face = trimesh.sample.sample_surface(SOLIDS["sphere"], 3000, seed=1)
    normals = np.asarray(SOLIDS["sphere"].face_normals[face])
    areas = np.full(3000, SOLIDS["sphere"].area / 3000)
    tree = WindingTree.build(np.asarray(points), normals, areas, np.full(3000, 1e-3))
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert np.abs(tree(0.08 * directions) - 1).max() < 0.05
    assert np.abs(tree(0.2 * directions)).max() < 0.05


def test_winding_tree_agrees_with_the_plain_sum():
    rng = np.random.default_rng(5)
    points, face = trimesh.sample.sample_surface(SOLIDS["ell"], 2000, seed=5)
    points, normals = np.asarray(points), np.asarray(SOLIDS["ell"].face_normals[face])
    areas = SOLIDS["ell"].area / 2000 * rng.uniform(0.5, 1.5, size=2000)
    soft = rng.uniform(0.005, 0.01, size=2000)
    queries = rng.uniform(-0.1, 0.4, size=(200, 3))
    r = points[None] - queries[:, None]
    square = (r**2).sum(-1) + soft**2
    plain = ((r * (normals * areas[:, None])).sum(-1) / square**1.5).sum(1) / (4 * np.pi)
    found = WindingTree.build(points, normals, areas, soft)(queries)
    assert np.abs(plain).max() > 0.8
    assert np.abs(found - plain).max() < 0.03


def test_hull_turns_normals_outwards():
    surfels = sampled(SOLIDS["box"], 1500)
    inward = surfels_on(surfels.means, -surfels.normals, spacing=0.01)

    class Hull:
        voxel_m = 0.01
        origin = np.array([-0.245, -0.195, -0.175])
        occupancy = np.zeros((50, 40, 36), bool)

    Hull.occupancy[10:40, 10:30, 10:25] = True
    samples = take_samples(inward, np.zeros(1500, int), min_opacity=0.1, volume=Hull())
    outward = (samples.normals * samples.points).sum(1) > 0
    assert outward.mean() > 0.97


def test_tiny_and_flat_bodies_get_inertias_that_engines_accept():
    speck = inertial_of(trimesh.creation.box(extents=[1e-3, 1e-3, 1e-3]), 600.0)
    assert speck.mass == LEAST_MASS
    needle = regularised(np.diag([1e-12, 1e-4, 1e-4]), 0.1)
    low, middle, high = np.linalg.eigvalsh(needle)
    assert low > 0
    assert low + middle >= high


def test_a_small_part_in_a_fine_grid_leaves_the_rest_of_a_large_one():
    """Its field is clipped within little of the large part's voxels."""
    large = trimesh.creation.box(bounds=[[0, 0, 0], [1.0, 0.8, 0.6]])
    small = trimesh.creation.box(bounds=[[0.48, 0.38, 0.6], [0.52, 0.42, 0.62]])
    first, second = sampled(large, 3000), sampled(small, 400)
    both = Surfels.from_colors(
        **{
            name: np.concatenate([getattr(first, name), getattr(second, name)])
            for name in ("means", "rotations", "scales", "opacities", "colors")
        }
    )
    parts = np.repeat([0, 1], [len(first), len(second)])
    samples = take_samples(both, parts, min_opacity=0.1, volume=None)
    solids = solidify(samples, (0, 1), config=CONFIG)
    assert solids[1].grid.voxel < 0.1 * solids[0].grid.voxel
    mesh = closed_mesh(solids[0], max_faces=CONFIG.max_faces)
    assert mesh is not None
    assert mesh.volume == pytest.approx(large.volume, rel=0.08)


def test_sheets_that_touch_in_a_vertex_are_seen_and_simplifying_makes_none() -> None:
    box, ball = trimesh.creation.box(), trimesh.creation.icosphere(subdivisions=4)
    assert not pinched(box)
    assert not pinched(ball)
    corners = np.concatenate([box.vertices, box.vertices + 1.0])
    both = trimesh.Trimesh(corners, np.concatenate([box.faces, box.faces + 8]), process=True)
    assert len(both.vertices) == 15
    assert sound(both)
    assert pinched(both)
    # A thin neck, which quadric collapse likes to close to a point.
    z = ball.vertices[:, 2:]
    ball.vertices[:, :2] *= 0.02 + np.abs(z) ** 1.5
    for count in (60, 120, 300, 800):
        simple = simplified(ball, count, step=0.01)
        assert simple is None or not pinched(simple)
