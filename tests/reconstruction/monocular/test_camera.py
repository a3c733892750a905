"""The camera of a clip: told from tracks of what stands still, whatever moves besides."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.reconstruction.monocular.camera import FOCAL, find_camera
from reel2sim.reconstruction.monocular.evidence import gather
from reel2sim.reconstruction.monocular.tracks import ClipTracks
from reel2sim.scene.arrays import Array

from .synthetic import HEIGHT, WIDTH, still_camera, walking_camera

_FOCAL = 1.05 * WIDTH


def tracks_of(cameras: Array, *, still: int = 300, moving: int = 60, seed: int = 0) -> ClipTracks:
    """Tracks of a room, and of something that slides through it."""
    rng = np.random.default_rng(seed)
    t = len(cameras)
    room = rng.uniform([-0.45, -0.35, 0.7], [0.45, 0.35, 1.6], (still, 3))
    box = rng.uniform([-0.1, -0.1, 0.9], [0.1, 0.1, 1.1], (moving, 3))
    way = 0.2 * np.linspace(0, 1, t)[:, None, None] * np.array([0.6, -0.8, 0.0])
    world = np.concatenate([np.tile(room, (t, 1, 1)), box + way], axis=1)
    local = np.einsum("tij,tnj->nti", cameras[:, :3, :3], world) + cameras[:, :3, 3]
    pixels = _FOCAL * local[..., :2] / local[..., 2:] + [WIDTH / 2, HEIGHT / 2]
    pixels += 0.2 * rng.normal(size=pixels.shape)
    n = len(pixels)
    seen = np.ones((n, t), bool)
    return ClipTracks(pixels, seen, np.zeros(n, int))


def test_a_camera_that_stands_still_is_known_for_it() -> None:
    found = find_camera(tracks_of(still_camera(20)), WIDTH, HEIGHT)
    assert found.still
    assert found.solved
    assert found.focal == FOCAL * WIDTH
    np.testing.assert_array_equal(found.T_camera_world, still_camera(20))


def test_a_camera_that_walks_is_found_with_its_focal_length() -> None:
    true = walking_camera(24)
    found = find_camera(tracks_of(true), WIDTH, HEIGHT)
    assert not found.still
    assert found.solved
    assert found.focal == pytest.approx(_FOCAL, rel=0.05)
    relative = np.einsum("tij,tkj->tik", found.T_camera_world[:, :3, :3], true[:, :3, :3])
    angles = np.degrees(np.arccos(np.clip((np.trace(relative, axis1=1, axis2=2) - 1) / 2, -1, 1)))
    assert angles.max() < 1.0
    np.testing.assert_allclose(found.T_camera_world[0], np.eye(4), atol=1e-9)


def test_the_same_tracks_give_the_same_camera() -> None:
    tracks = tracks_of(walking_camera(16))
    a, b = (find_camera(tracks, WIDTH, HEIGHT) for _ in range(2))
    np.testing.assert_array_equal(a.T_camera_world, b.T_camera_world)


@pytest.mark.parametrize("walks", [False, True])
def test_what_moves_by_itself_is_told_from_what_stands_still(walks: bool) -> None:
    tracks = tracks_of(walking_camera(24) if walks else still_camera(24))
    camera = find_camera(tracks, WIDTH, HEIGHT)
    found = gather(tracks, camera, WIDTH, HEIGHT)
    assert np.mean(found.moving >= 300) > 0.9
    assert len(found.moving) >= 50
    assert np.mean(found.still < 300) > 0.95
    assert len(found.still) >= 250
