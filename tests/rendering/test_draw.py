"""What the renderer draws is what rays and plain arrays say."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.rendering import Lamp, Lights, Mesh, Model, Surface, draw
from reel2sim.rendering.reference import reference_bytes, reference_picture
from reel2sim.scene.camera import Camera, look_at
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import matrix_from_quaternion, pose

EVEN = Lights(lamps=(), sky=(1.0, 1.0, 1.0), ground=(1.0, 1.0, 1.0))
LIT = Lights(
    lamps=(Lamp((1.0, -0.5, 2.0), (0.7, 0.6, 0.5)), Lamp((-1.0, 1.0, 0.3), (0.2, 0.2, 0.3))),
    sky=(0.3, 0.35, 0.4),
    ground=(0.15, 0.1, 0.1),
)


def camera(size: int = 24, eye: tuple[float, float, float] = (2.2, 1.4, 1.3)) -> Camera:
    return look_at(np.array(eye), np.zeros(3), width=size + 8, height=size, fov_y=0.8)


def placed(rng: np.random.Generator) -> np.ndarray:
    q = rng.normal(size=4)
    R = matrix_from_quaternion(q / np.linalg.norm(q))
    return pose(R, 0.5 * rng.uniform(-1, 1, 3))


def some(rng: np.random.Generator) -> tuple[list[Mesh], list[np.ndarray], list[trimesh.Trimesh]]:
    """A box, a ball and a loose triangle that overlap at random."""
    solids = [
        trimesh.creation.box((0.9, 0.5, 0.3)),
        trimesh.creation.icosphere(subdivisions=2, radius=0.4),
        trimesh.Trimesh(rng.uniform(-1, 1, (3, 3)), [[0, 1, 2]], process=False),
    ]
    meshes = [
        Mesh(
            s.vertices,
            s.faces,
            uv=rng.uniform(-1, 3, (len(s.faces), 3, 2)),
            colors=rng.uniform(0.3, 1, s.vertices.shape),
            surface=k,
            part=k + 1,
        )
        for k, s in enumerate(solids)
    ]
    return meshes, [placed(rng) for _ in solids], solids


def surfaces(rng: np.random.Generator) -> list[Surface]:
    def image(height: int, width: int) -> np.ndarray:
        return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)

    return [
        Surface(image(16, 8)),
        Surface(image(32, 32), roughness=0.3, specular=0.04, repeats=False),
        Surface(image(5, 7), roughness=0.4, metallic=0.8, emission=0.1),
    ]


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_kernels_agree_with_plain_arrays(seed):
    rng = np.random.default_rng(seed)
    meshes, poses, _ = some(rng)
    looks, view = surfaces(rng), camera()
    picture, _ = draw(meshes, looks, poses, view, LIT, samples=2)
    linear, share = reference_picture(meshes, looks, poses, view, LIT, samples=2)
    # A ray along an edge may take either side of it.
    alike = np.abs(picture.alpha / 255.0 - share) < 0.01
    assert alike.mean() > 0.995
    away = np.abs(picture.rgb.astype(int) - reference_bytes(linear)).max(axis=-1)
    assert (away[alike] <= 2).mean() > 0.995


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_depth_parts_and_normals_agree_with_ray_casting(seed):
    rng = np.random.default_rng(seed)
    meshes, poses, solids = some(rng)
    view = camera()
    _, seen = draw(meshes, surfaces(rng), poses, view, EVEN)
    whole = trimesh.util.concatenate(
        [s.copy().apply_transform(T) for s, T in zip(solids, poses, strict=True)]
    )
    part = np.repeat([m.part for m in meshes], [len(m.faces) for m in meshes])
    rows, columns = np.mgrid[0 : view.height, 0 : view.width]
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1) + 0.5
    rays = view.unproject(pixels, np.ones(len(pixels))) - view.position
    caster = trimesh.ray.ray_triangle.RayMeshIntersector(whole)
    origins = np.broadcast_to(view.position, rays.shape)
    points, ray, face = caster.intersects_location(origins, rays, multiple_hits=False)
    depth, number = np.zeros(len(rays)), np.zeros(len(rays), int)
    depth[ray] = (points - view.position) @ view.T_world_camera[:3, 2]
    number[ray] = part[face]
    same = seen.part.ravel() == number
    assert same.mean() > 0.995
    np.testing.assert_allclose(seen.depth.ravel()[same], depth[same], rtol=1e-7, atol=1e-7)
    normals = np.zeros(rays.shape)
    normals[ray] = whole.face_normals[face]
    turned = np.einsum("nk,nk->n", normals, rays) > 0
    normals[turned] *= -1
    close = np.abs(seen.normals.reshape(-1, 3) - normals).max(axis=1) < 1e-6
    assert close[same].mean() > 0.99


def test_what_reaches_behind_the_camera_is_drawn_to_the_edge():
    floor = Mesh(
        np.array([[-50, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0.0]]),
        np.array([[0, 1, 2], [0, 2, 3]]),
    )
    view = look_at(np.array([0, 0, 1.0]), np.array([3, 0, 0.0]), width=32, height=32, fov_y=1.0)
    _, seen = draw([floor], [Surface()], [np.eye(4)], view, EVEN)
    rows, columns = np.nonzero(seen.depth)
    points = view.unproject(np.stack([columns, rows], 1) + 0.5, seen.depth[rows, columns])
    np.testing.assert_allclose(points[:, 2], 0, atol=1e-9)
    assert seen.depth[-1].all()
    assert (seen.depth > 0).mean() > 0.6


def test_no_sample_is_lost_between_triangles():
    """A closed ball covers every sample within its outline once and for all."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=1.0)
    view = look_at(np.array([0, -0.2, 0.1]), np.array([1, 0, 0.0]), width=64, height=64, fov_y=1.5)
    picture, seen = draw([Mesh(ball.vertices, ball.faces)], [Surface()], [np.eye(4)], view, EVEN)
    assert (picture.alpha == 255).all()
    assert (seen.depth > 0).all()


def test_a_texture_stands_upright_and_keeps_its_colours():
    """First row of the image at v = 1; under even light its colours come out as they are."""
    image = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [200, 120, 40]]], np.uint8)
    image = np.kron(image, np.ones((32, 32, 1), np.uint8))
    square = np.array([[0, -1, -1], [0, 1, -1], [0, 1, 1], [0, -1, 1.0]])
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    uv = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], float)
    view = look_at(np.array([3.0, 0, 0]), np.zeros(3), width=16, height=16, fov_y=0.5)
    mesh = Mesh(square, faces, uv)
    picture, _ = draw([mesh], [Surface(image, repeats=False)], [np.eye(4)], view, EVEN)
    for row, column in ((2, 2), (2, 13), (13, 2), (13, 13)):
        want = image[row * 4, column * 4]
        assert np.abs(picture.rgb[row, column].astype(int) - want).max() <= 1


def test_shadows_fall_where_rays_to_the_lamp_are_blocked():
    lamp = Lamp((0.8, 0.3, 1.0), (0.8, 0.8, 0.8), shadow=True, blur=0.0)
    lights = Lights((lamp,), sky=(0.2, 0.2, 0.2), ground=(0.2, 0.2, 0.2))
    box = trimesh.creation.box((0.6, 0.6, 0.6))
    ground = trimesh.creation.box((6, 6, 0.02))
    meshes = [Mesh(box.vertices, box.faces, part=1), Mesh(ground.vertices, ground.faces, part=0)]
    poses = [pose(translation=np.array([0, 0, 0.6])), np.eye(4)]
    view = camera(64, (-2.5, 2.0, 3.0))
    bright, seen = draw(meshes, [Surface()], poses, view, lights)
    floor = (seen.part == 0) & (seen.depth > 0)
    rows, columns = np.nonzero(floor)
    points = view.unproject(np.stack([columns, rows], 1) + 0.5, seen.depth[rows, columns])
    toward = np.array(lamp.toward) / np.linalg.norm(lamp.toward)
    moved = box.copy().apply_transform(poses[0])
    caster = trimesh.ray.ray_triangle.RayMeshIntersector(moved)
    blocked = caster.intersects_any(points + 1e-4, np.broadcast_to(toward, points.shape))
    dark = bright.rgb[rows, columns, 0] < 160
    assert 50 < blocked.sum() < len(points) / 2
    assert (dark == blocked).mean() > 0.97  # but for the pixels of the rim


def test_scenery_is_seen_but_not_in_the_mask():
    ball = trimesh.creation.icosphere(radius=0.5)
    room = trimesh.creation.box((9, 9, 9))
    meshes = [Mesh(ball.vertices, ball.faces, part=3), Mesh(room.vertices, room.faces, part=0)]
    picture, seen = draw(meshes, [Surface()], [np.eye(4)] * 2, camera(), EVEN)
    assert (picture.alpha == 255).all()
    assert set(np.unique(seen.part)) == {0, 3}
    assert ((picture.mask > 127) == (seen.part == 3)).mean() > 0.97
    assert (seen.depth > 0).all()


def test_the_same_scene_gives_the_same_bytes_in_parts_and_at_once():
    rng = np.random.default_rng(3)
    meshes, poses, _ = some(rng)
    model = Model(meshes, surfaces(rng))
    tableau = model.posed(poses, LIT)
    first, again = tableau.picture(camera()), model.posed(poses, LIT).picture(camera())
    assert first.rgb.tobytes() == again.rgb.tobytes()
    assert np.array_equal(first.mask, tableau.picture(camera()).mask)


def test_nothing_to_draw_is_an_empty_picture():
    picture, seen = draw([], [], [], camera(), LIT)
    assert not picture.alpha.any()
    assert not seen.depth.any()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Mesh(np.zeros((2, 3)), np.array([[0, 1, 2]])),
        lambda: Model([Mesh(np.zeros((3, 3)), np.array([[0, 1, 2]]), surface=1)], [Surface()]),
        lambda: Surface(roughness=2.0),
        lambda: Lamp((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        lambda: Lights((Lamp((0, 0, 1), (1, 1, 1), True),) * 2, (0, 0, 0), (0, 0, 0)),
    ],
)
def test_what_cannot_be_drawn_is_refused(wrong):
    with pytest.raises(InputError):
        wrong()
