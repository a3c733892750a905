from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

from reel2sim.reconstruction.bounds import object_sphere
from reel2sim.reconstruction.stereo.field import Field
from reel2sim.reconstruction.stereo.grid import Grid
from reel2sim.reconstruction.stereo.pictures import main_channel, neighbours, pictures
from reel2sim.reconstruction.stereo.revealed import revealed, unexplained
from reel2sim.reconstruction.stereo.shape import photo_surface
from reel2sim.reconstruction.surface import hull_mesh
from reel2sim.reconstruction.views import View, load_views, zero_views
from reel2sim.reconstruction.volume import carve
from reel2sim.scene import Frame, Reel, look_at

from .conftest import BODY, DRAWER, _hit, make_reel, shot


@pytest.fixture(scope="module")
def around() -> Reel:
    return make_reel(px=80, views=14, instants=2)


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
        assert (angles > 3.9).all()
        assert (angles < 60.1).all()


def test_main_channel_tells_colours_apart_that_grey_does_not() -> None:
    rng = np.random.default_rng(0)
    shade = rng.uniform(0.4, 0.6, (500, 1))
    colors = shade * [1.0, 0.0, 0.0] + (1 - shade) * [0.0, 1.0, 0.0]
    assert np.std(colors @ main_channel(colors)) > 10 * np.std(colors.mean(1))
    assert np.abs(main_channel(np.zeros((9, 3)))).sum() == pytest.approx(1.0)


_OPEN_M = 0.45


def _circling(instants: int = 9, px: int = 128) -> Reel:
    """Still views of the shut chest, then one camera that goes around its side as it opens."""
    frames = list(make_reel(px=px, views=12, instants=2).frames)
    frames = [frame for frame in frames if frame.stream == "static"]
    target = np.array([0.0, -0.05, 0.2])
    for i in range(instants):
        azimuth = 0.45 + 0.12 * i
        eye = target + 1.6 * np.array([np.sin(azimuth), -np.cos(azimuth), 0.35])
        camera = look_at(eye, target, width=px, height=px, fov_y=0.6)
        opening = _OPEN_M * (i + 3) / (instants + 2)
        still = {"scale": 1.0, "shift": np.zeros(3)}
        frames.append(shot(camera, 0.1 * (i + 1), opening=opening, stream="side", **still))
    return Reel(tuple(frames), "chest")


def _hidden_at_first(frame: Frame, opening: float) -> np.ndarray:
    """Pixels ``(h, w)`` that show where body and drawer touch when it is shut."""
    camera = frame.camera
    assert camera is not None
    y, x = np.mgrid[0 : camera.height, 0 : camera.width] + 0.5
    eye = camera.position
    ray = camera.unproject(np.stack([x, y], -1), np.ones(x.shape)) - eye
    moved = (DRAWER[0] - [0, opening, 0], DRAWER[1] - [0, opening, 0])
    t = np.stack([_hit(BODY, eye, ray), _hit(moved, eye, ray)])
    p = eye + np.where(np.isfinite(t.min(0)), t.min(0), 0)[..., None] * ray
    p[..., 1] += opening * t.argmin(0)
    touching = np.abs(p[..., 1] - DRAWER[1][1]) < 1e-6
    inside = (p > DRAWER[0] - 1e-6).all(-1) & (p < DRAWER[1] + 1e-6).all(-1)
    grown = cv2.dilate((touching & inside).astype(np.uint8), np.ones((5, 5), np.uint8))
    return grown > 0


def test_motion_reveals_what_the_drawer_hid() -> None:
    reel = _circling()
    sphere, volume = object_sphere(reel), carve(reel, resolution=56)
    views = load_views(reel, sphere=sphere, max_px=512, device=torch.device("cpu"))
    times = reel.times_s
    motions = np.tile(np.eye(4), (2, len(times), 1, 1))
    opened = np.concatenate([[0], _OPEN_M * (np.arange(1, len(times)) + 2) / (len(times) + 1)])
    motions[1, :, 1, 3] = -opened / sphere.radius_m
    steps = [int(np.searchsorted(times, frame.time_s)) for frame in reel.frames]
    hidden = tuple(
        _hidden_at_first(frame, opened[i]) for frame, i in zip(reel.frames, steps, strict=True)
    )
    found = revealed(views, times, motions, hidden, volume=volume, sphere=sphere)
    world = sphere.denormalise(found.points)
    assert len(found) > 60
    front = found.group == 0  # no view shows the drawer's back
    assert front.mean() > 0.95
    assert np.median(np.abs(world[front][:, 1] - DRAWER[1][1])) < 0.003  # metres
    assert (found.normals[front][:, 1] < -0.9).mean() > 0.9
    # The body's front behind the drawer, which no view shows at time zero.
    y, z = np.meshgrid(np.linspace(-0.12, 0.12, 8), np.linspace(0.13, 0.27, 8))
    behind = np.stack([y.ravel(), np.full(64, -0.2), z.ravel()], 1)
    gap, nearest = KDTree(world[front]).query(behind)
    assert np.mean(gap < 0.025) > 0.6
    assert found.colors[front][nearest].std(axis=0).max() > 0.02
    nothing = tuple(np.zeros_like(pixels) for pixels in hidden)
    assert len(revealed(views, times, motions, nothing, volume=volume, sphere=sphere)) == 0


def test_what_a_model_shows_rightly_needs_no_explanation(around: Reel) -> None:
    view = _still(around)[0]
    rgb, alpha = view.rgb.numpy().copy(), view.mask.numpy().copy()
    assert not unexplained(view, rgb, alpha).any()
    rows, columns = np.nonzero(alpha > 0.5)
    y, x = int(np.median(rows)), int(np.median(columns))
    rgb[y - 4 : y + 5, x - 4 : x + 5] += 0.4
    alpha[y - 9 : y - 5, x - 4 : x + 5] = 0.0
    missing = unexplained(view, rgb, alpha)
    assert missing[y - 9 : y + 5, x - 4 : x + 5].all()
    assert missing.sum() < 14 * 9 + 80
