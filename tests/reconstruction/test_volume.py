from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.reconstruction.bounds import object_sphere
from reel2sim.reconstruction.surface import (
    hull_mesh,
    normals_to_quaternions,
    sample_surface,
    spacing,
)
from reel2sim.reconstruction.volume import carve
from reel2sim.scene import Reel
from reel2sim.scene.errors import NoSubjectError, ReconstructionError
from reel2sim.scene.transforms import matrix_from_quaternion

from .conftest import BODY, DRAWER, make_reel


def test_sphere_holds_the_object(chest: Reel) -> None:
    sphere = object_sphere(chest)
    corners = np.array(np.meshgrid(*zip(*BODY, strict=True))).reshape(3, -1).T
    assert (np.linalg.norm(corners - sphere.center, axis=1) < 1.1 * sphere.radius_m).all()
    assert sphere.radius_m < 0.75


@settings(max_examples=6, deadline=None)
@given(
    scale=st.floats(0.01, 100.0),
    shift=st.tuples(*[st.floats(-50.0, 50.0)] * 3),
)
def test_hull_follows_scale_and_translation(
    scale: float, shift: tuple[float, float, float]
) -> None:
    reel = make_reel(px=32, instants=2)
    moved = make_reel(px=32, instants=2, scale=scale, shift=shift)
    a, b = object_sphere(reel), object_sphere(moved)
    np.testing.assert_allclose(b.center, a.center * scale + shift, atol=1e-6 * scale + 1e-6)
    assert b.radius_m == pytest.approx(a.radius_m * scale, rel=1e-4)
    first, second = carve(reel, resolution=24), carve(moved, resolution=24)
    assert second.voxel_m == pytest.approx(first.voxel_m * scale, rel=1e-4)
    assert (first.occupancy != second.occupancy).mean() < 0.002


def test_hull_contains_the_boxes_and_little_more(chest: Reel) -> None:
    volume = carve(chest, resolution=64)
    rng = np.random.default_rng(0)
    inside = [rng.uniform(low + 0.03, high - 0.03, (500, 3)) for low, high in (BODY, DRAWER)]
    assert volume.contains(np.concatenate(inside)).mean() > 0.97
    true = sum(np.prod(high - low) for low, high in (BODY, DRAWER))
    assert 0.95 * true < volume.volume_m3 < 2.0 * true
    assert volume.tolerance == 0.0
    assert not volume.contains(np.array([[0.0, 0.0, 0.9], [9.0, 9.0, 9.0]])).any()


def test_a_wrong_mask_is_outvoted(chest: Reel) -> None:
    frames = list(chest.frames)
    assert frames[2].mask is not None
    blot = np.zeros_like(frames[2].mask)
    blot[5:9, 5:9] = 255
    frames[2] = replace(frames[2], mask=blot)
    volume = carve(replace(chest, frames=tuple(frames)), resolution=40)
    assert volume.tolerance > 0
    assert volume.contains(np.array([[0.0, 0.0, 0.2]])).all()


def test_few_views_at_time_zero_still_give_a_hull() -> None:
    reel = make_reel(static=False, instants=4)
    assert len(reel.at_time(0.0)) < 3
    assert carve(reel, resolution=32).contains(np.array([[0.0, 0.0, 0.2]])).all()


def test_one_fixed_camera_gives_some_hull() -> None:
    frames = tuple(f for f in make_reel(static=False).frames if f.stream == "left")
    assert carve(Reel(frames), resolution=32).occupancy.any()


def test_empty_masks_and_missing_cameras_are_named(chest: Reel) -> None:
    empty = tuple(replace(f, mask=np.zeros_like(f.mask)) for f in chest.frames)
    with pytest.raises(NoSubjectError, match="every mask is empty"):
        carve(replace(chest, frames=empty))
    blind = tuple(replace(f, camera=None) for f in chest.frames)
    with pytest.raises(ReconstructionError, match="camera is missing"):
        carve(replace(chest, frames=blind))


def test_surface_samples_are_even_and_face_outward(chest: Reel) -> None:
    sphere, volume = object_sphere(chest), carve(chest, resolution=56)
    points, normals = sample_surface(volume, count=800, sphere=sphere, rng=np.random.default_rng(0))
    assert 650 < len(points) <= 800
    assert np.quantile(spacing(points), 0.95) < 2.5 * np.median(spacing(points))
    step = 2.5 * volume.voxel_m
    world = sphere.denormalise(points)
    outside = ~volume.contains(world + step * normals)
    inside = volume.contains(world - step * normals)
    assert (outside & inside).mean() > 0.9
    vertices, faces = hull_mesh(volume, sphere=sphere)
    assert faces.max() < len(vertices)


def test_normals_become_third_axes() -> None:
    n = np.random.default_rng(1).normal(size=(50, 3))
    n = np.concatenate([n / np.linalg.norm(n, axis=1, keepdims=True), [[0, 0, -1.0], [0, 0, 1]]])
    R = matrix_from_quaternion(normals_to_quaternions(n))
    np.testing.assert_allclose(R[:, :, 2], n, atol=1e-9)
