"""A chest whose drawer slides, ray-cast exactly: small reels for the reconstruction's laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.scene import Camera, Frame, Reel, look_at

BODY = (np.array([-0.30, -0.20, 0.0]), np.array([0.30, 0.20, 0.40]))
DRAWER = (np.array([-0.16, -0.32, 0.10]), np.array([0.16, -0.20, 0.30]))
TRAVEL_M = 0.16


def _hit(box: tuple[np.ndarray, np.ndarray], origin: np.ndarray, ray: np.ndarray) -> np.ndarray:
    """Distance along each ray to a box, infinity where missed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        slabs = np.stack([(side - origin) / ray for side in box])
    near, far = slabs.min(0).max(-1), slabs.max(0).min(-1)
    return np.where((near <= far) & (far > 0), near, np.inf)


def _texture(p: np.ndarray, base: tuple[float, float, float]) -> np.ndarray:
    """Smooth blotches fixed to the body's own coordinates."""
    wave = np.sin(p @ [16.0, 9.0, 12.0]) * np.sin(p @ [-7.0, 15.0, 18.0] + 1.0)
    return np.clip(np.array(base) * (1 + 0.6 * wave[..., None]), 0, 1)


def shot(
    camera: Camera, time_s: float, *, opening: float, stream: str, scale: float, shift: np.ndarray
) -> Frame:
    """The chest with its drawer out by ``opening`` metres, seen from ``camera``."""
    scaled = replace_position(camera, camera.position * scale + shift)
    y, x = np.mgrid[0 : camera.height, 0 : camera.width] + 0.5
    far = camera.unproject(np.stack([x, y], -1), np.ones(x.shape))
    ray = far - camera.position
    moved = (DRAWER[0] - [0, opening, 0], DRAWER[1] - [0, opening, 0])
    t = np.stack([_hit(BODY, camera.position, ray), _hit(moved, camera.position, ray)])
    first, nearest = t.argmin(0), t.min(0)
    seen = np.isfinite(nearest)
    p = camera.position + np.where(seen, nearest, 0)[..., None] * ray
    colors = np.where(
        (first == 0)[..., None],
        _texture(p, (0.7, 0.3, 0.2)),
        _texture(p + np.array([0, opening, 0]), (0.2, 0.5, 0.75)),
    )
    image = np.where(seen[..., None], colors * 255, 0).astype(np.uint8)
    return Frame(image, time_s, scaled, np.where(seen, 255, 0).astype(np.uint8), stream)


def replace_position(camera: Camera, position: np.ndarray) -> Camera:
    T = camera.T_world_camera.copy()
    T[:3, 3] = position
    return replace(camera, T_world_camera=T)


def make_reel(
    *,
    px: int = 64,
    views: int = 8,
    instants: int = 5,
    travel_m: float = TRAVEL_M,
    scale: float = 1.0,
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0),
    static: bool = True,
) -> Reel:
    """An orbit at time zero, then two fixed cameras that see the drawer move."""
    target, offset = np.array([0.0, -0.05, 0.2]), np.array(shift)

    def camera(azimuth: float, height: float) -> Camera:
        eye = target + np.array([1.6 * np.sin(azimuth), -1.6 * np.cos(azimuth), height])
        return look_at(eye, target, width=px, height=px, fov_y=0.6)

    frames: list[Frame] = []

    def add(cam: Camera, i: int, stream: str) -> None:
        opening = travel_m * i / max(instants - 1, 1)
        frames.append(shot(cam, 0.1 * i, opening=opening, stream=stream, scale=scale, shift=offset))

    if static:
        for k in range(views):
            add(camera(2 * np.pi * k / views, 0.5 if k % 2 else 1.0), 0, "static")
    for i in range(instants):
        add(camera(0.6, 0.7), i, "left")
        add(camera(-0.9, 0.4), i, "right")
    return Reel(tuple(frames), "chest")


@pytest.fixture(scope="session")
def chest() -> Reel:
    return make_reel()


@pytest.fixture(scope="session")
def tiny() -> ReconstructionConfig:
    """A configuration that finishes in seconds."""
    return ReconstructionConfig(
        image_px=64,
        hull_resolution=36,
        surfels=400,
        canonical_steps=30,
        bones=8,
        track_rounds=3,
        body_rounds=3,
        motion_steps=10,
        joint_steps=30,
        device="cpu",
    )
