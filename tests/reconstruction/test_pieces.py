"""Parts that a grid takes apart stay, and crumbs that no picture asks for go."""

from __future__ import annotations

import numpy as np

from reel2sim.reconstruction.stereo.grid import Grid
from reel2sim.reconstruction.stereo.pictures import Pictures
from reel2sim.reconstruction.stereo.pieces import tidy
from reel2sim.scene import Camera, look_at

GRID = Grid(np.full(3, -1.0), 0.05, (41, 41, 41))
VIEWS, PX = 8, 96


def _block(low: tuple[float, ...], high: tuple[float, ...]) -> np.ndarray:
    centers = GRID.centers
    return np.asarray(((centers >= low) & (centers <= high)).all(axis=-1))


BODY = _block((-0.5, -0.5, -0.7), (0.5, 0.5, 0.1))
LOOSE = _block((-0.05, -0.3, 0.5), (0.05, 0.3, 0.65))
HIDDEN = _block((0.6, -0.1, -0.5), (0.7, 0.1, -0.35))
SPECK = _block((0.7, 0.7, 0.7), (0.74, 0.74, 0.74))


def _cameras() -> list[Camera]:
    return [
        look_at(np.array([3.5 * np.cos(a), 3.5 * np.sin(a), 0.4]), np.zeros(3), width=PX, height=PX,
                fov_y=0.8)
        for a in 2 * np.pi * np.arange(VIEWS) / VIEWS
    ]  # fmt: skip


def _pictures(solid: np.ndarray) -> Pictures:
    """Silhouettes of voxels, as those would look who see them whole."""
    cameras = _cameras()
    mask = np.zeros((VIEWS, PX, PX), np.float32)
    points = GRID.centers[solid]
    nudges = np.stack(np.meshgrid(*[[-0.02, 0.0, 0.02]] * 3), -1).reshape(-1, 3)
    for picture, camera in zip(mask, cameras, strict=True):
        uv, _ = camera.project((points[:, None] + nudges).reshape(-1, 3))
        x, y = np.floor(uv).astype(int).T
        picture[y, x] = 1.0
    K = np.stack([[[c.fx, 0, c.cx], [0, c.fy, c.cy], [0, 0, 1.0]] for c in cameras])
    T = np.stack([c.T_camera_world for c in cameras])
    return Pictures(mask.copy(), mask, K, T, np.zeros(VIEWS))


def test_what_silhouettes_ask_for_stays_however_small() -> None:
    solid = BODY | LOOSE | HIDDEN | SPECK
    assert LOOSE.sum() < 0.02 * solid.sum()
    values = np.where(solid, -0.05, 0.05).astype(np.float32)
    # The hidden piece is one too many: it is in no picture that the body does not fill anyway.
    left = tidy(values, _pictures(BODY | LOOSE), GRID) < 0
    np.testing.assert_array_equal(left, BODY | LOOSE)


def test_bubbles_are_filled() -> None:
    hollow = BODY & ~_block((-0.1, -0.1, -0.4), (0.1, 0.1, -0.2))
    values = np.where(hollow, -0.05, 0.05).astype(np.float32)
    np.testing.assert_array_equal(tidy(values, _pictures(BODY), GRID) < 0, BODY)
