from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from reel2sim.reconstruction.bounds import object_sphere
from reel2sim.reconstruction.stereo.field import Field
from reel2sim.reconstruction.stereo.grid import Grid
from reel2sim.reconstruction.stereo.pictures import main_channel, neighbours, pictures
from reel2sim.reconstruction.stereo.shape import photo_surface
from reel2sim.reconstruction.surface import hull_mesh
from reel2sim.reconstruction.views import View, load_views, zero_views
from reel2sim.reconstruction.volume import carve
from reel2sim.scene import Reel

from .conftest import BODY, DRAWER, make_reel


@pytest.fixture(scope="module")
def around() -> Reel:
    return make_reel(px=96, views=16, instants=2)


def _still(reel: Reel) -> tuple[View, ...]:
    views = load_views(reel, sphere=object_sphere(reel), max_px=512, device=torch.device("cpu"))
    return zero_views(views, min_views=3)


def _box_distance(p: np.ndarray) -> np.ndarray:
    """Distance to the surface of the chest with its drawer shut."""

    def signed(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        q = np.abs(p - (low + high) / 2) - (high - low) / 2
        return np.linalg.norm(np.maximum(q, 0), axis=-1) + np.minimum(q.max(-1), 0)

    return np.abs(np.minimum(signed(*BODY), signed(*DRAWER)))


def test_stereo_corrects_the_hull_and_repeats(around: Reel) -> None:
    sphere, volume = object_sphere(around), carve(around, resolution=64)
    views = _still(around)
    field = photo_surface(views, volume, sphere=sphere)
    vertices, faces = field.mesh()
    hull, _ = hull_mesh(volume, sphere=sphere)
    before = _box_distance(sphere.denormalise(hull))
    after = _box_distance(sphere.denormalise(vertices))
    assert after.mean() < 0.6 * before.mean()
    assert after.mean() < 0.008  # metres, of a chest 0.8 across
    corners = np.array(np.meshgrid(*zip(*BODY, strict=True))).reshape(3, -1).T
    assert KDTree(sphere.denormalise(vertices)).query(corners)[0].max() < 0.04
    a, b, c = vertices[faces].transpose(1, 0, 2)
    assert np.einsum("ni,ni->", a, np.cross(b, c)) > 0
    again = photo_surface(views, volume, sphere=sphere)
    np.testing.assert_array_equal(again.values, field.values)


def test_field_mesh_faces_outward_and_sits_on_the_zero_level() -> None:
    grid = Grid(np.full(3, -1.0), 0.1, (21, 21, 21))
    field = Field(grid, (np.linalg.norm(grid.centers, axis=-1) - 0.6).astype(np.float32))
    vertices, faces = field.mesh()
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 0.6, atol=0.01)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    volume = np.einsum("ni,ni->", a, np.cross(b, c)) / 6
    assert volume == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=0.03)


def test_neighbours_stand_at_useful_angles(around: Reel) -> None:
    shots = pictures(_still(around))
    others = neighbours(shots, count=4)
    lines = shots.centers / np.linalg.norm(shots.centers, axis=1, keepdims=True)
    for i, row in enumerate(others):
        found = row[row >= 0]
        assert len(found) >= 2
        assert i not in found
        angles = np.degrees(np.arccos(np.clip(lines[found] @ lines[i], -1, 1)))
        assert (angles > 5.9).all()
        assert (angles < 60.1).all()


def test_main_channel_tells_colours_apart_that_grey_does_not() -> None:
    rng = np.random.default_rng(0)
    shade = rng.uniform(0.4, 0.6, (500, 1))
    colors = shade * [1.0, 0.0, 0.0] + (1 - shade) * [0.0, 1.0, 0.0]
    assert np.std(colors @ main_channel(colors)) > 10 * np.std(colors.mean(1))
    assert np.abs(main_channel(np.zeros((9, 3)))).sum() == pytest.approx(1.0)
