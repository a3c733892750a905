"""An object is told from a textured place without masks, and refused where it cannot be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reel2sim.reconstruction import ReconstructionConfig
from reel2sim.reconstruction.foreground import Box, find_masks
from reel2sim.reconstruction.foreground.coherence import agree
from reel2sim.reconstruction.foreground.cut import cut
from reel2sim.reconstruction.foreground.region import Plane, Region, pixel_rays, shared_region
from reel2sim.reconstruction.foreground.support import find_support
from reel2sim.reconstruction.foreground.sweep import Picture
from reel2sim.reconstruction.masking import with_masks
from reel2sim.scene import Camera, Frame, Reel, look_at
from reel2sim.scene.errors import CancelledError, InputError, NoSubjectError, UsageError

BODY = (np.array([-0.30, -0.20, 0.0]), np.array([0.30, 0.20, 0.36]))
DRAWER = (np.array([-0.18, -0.28, 0.08]), np.array([0.18, -0.20, 0.28]))
ROOM = (np.array([-3.0, -3.0, 0.0]), np.array([3.0, 3.0, 3.0]))
TARGET = np.array([0.0, -0.05, 0.15])
PX = 112


def _spans(box: tuple[np.ndarray, np.ndarray], origin, rays) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(divide="ignore", invalid="ignore"):
        sides = np.stack([(side - origin) / rays for side in box])
    return sides.min(0).max(-1), sides.max(0).min(-1)


def _texture(points: np.ndarray, size_m: float, seed: int) -> np.ndarray:
    """Smooth random colours fixed to space, by trilinear noise of two sizes."""
    table = np.random.default_rng(seed).random((24, 24, 24, 3))
    total = np.zeros(points.shape)
    for scale, share in ((1.0, 0.6), (2.3, 0.4)):
        p = points / size_m * scale
        low = np.floor(p).astype(int)
        f = p - low
        for corner in np.ndindex(2, 2, 2):
            weight = np.prod(np.where(corner, f, 1 - f), axis=-1)
            i, j, k = np.moveaxis((low + corner) % 24, -1, 0)
            total += share * weight[..., None] * table[i, j, k]
    return np.clip((total - 0.5) * 2.2 + 0.5, 0, 1) * 255


def _shot(camera: Camera, opening: float, time_s: float, stream: str) -> tuple[Frame, np.ndarray]:
    """The chest in its room, and its true mask."""
    rays, eye = pixel_rays(camera), camera.position
    shift = np.array([0.0, -opening, 0.0])
    spans = [_spans(BODY, eye, rays), _spans((DRAWER[0] + shift, DRAWER[1] + shift), eye, rays)]
    depth = np.stack([np.where((a <= b) & (b > 0), a, np.inf) for a, b in spans])
    nearest, first = depth.min(0), depth.argmin(0)
    mask = np.isfinite(nearest)
    wall = _spans(ROOM, eye, rays)[1]
    points = eye + rays * np.where(mask, nearest, wall)[..., None]
    image = np.where(
        mask[..., None],
        np.where(
            (first == 0)[..., None],
            _texture(points, 0.06, 1),
            _texture(points - shift, 0.05, 2),
        ),
        _texture(points, 0.3, 3),
    )
    return Frame(np.rint(image).astype(np.uint8), time_s, camera, None, stream), mask


def _camera(azimuth: float, px: int = PX) -> Camera:
    eye = TARGET + 1.5 * np.array([np.sin(azimuth), -np.cos(azimuth), 0.42])
    return look_at(eye, TARGET, width=px, height=px, fov_y=0.7)


@pytest.fixture(scope="module")
def room() -> tuple[Reel, list[np.ndarray]]:
    shots = [_shot(_camera(a), 0.0, 0.0, "static") for a in np.linspace(0, 2 * np.pi, 20)[:-1]]
    for i in range(1, 4):
        shots.append(_shot(_camera(0.5), 0.06 * i, 0.1 * i, "front"))
        shots.append(_shot(_camera(0.3 * i - 0.6), 0.06 * i, 0.1 * i, "orbit"))
    return Reel(tuple(frame for frame, _ in shots), "room"), [mask for _, mask in shots]


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def _scores(reel: Reel, masks, truth) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for frame, mask, true in zip(reel.frames, masks, truth, strict=True):
        found.setdefault(frame.stream, []).append(_iou(mask > 127, true))
    return found


def test_the_chest_is_found_in_its_room(room):
    reel, truth = room
    heard: list[float] = []
    masked = with_masks(
        reel, progress=lambda stage, fraction, message="", **_: heard.append(fraction)
    )
    masks = [frame.mask for frame in masked.frames]
    assert all(
        m is not None and m.dtype == np.uint8 and set(np.unique(m)) <= {0, 255} for m in masks
    )
    for stream, scores in _scores(reel, masks, truth).items():
        assert np.mean(scores) > {"static": 0.9, "front": 0.85, "orbit": 0.8}[stream], scores
        assert min(scores) > 0.75, (stream, scores)
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1.0)


def test_noise_changes_little_and_nothing_is_random(room):
    reel, truth = room
    rng = np.random.default_rng(5)
    frames = tuple(
        replace(
            f, image=np.clip(f.image + rng.normal(0, 3, f.image.shape), 0, 255).astype(np.uint8)
        )
        for f in reel.frames[:21]
    )
    noisy = replace(reel, frames=frames)
    masks, again = find_masks(noisy), find_masks(noisy)
    assert all(np.array_equal(a, b) for a, b in zip(masks, again, strict=True))
    assert np.mean(_scores(noisy, masks, truth[:21])["static"]) > 0.86


def test_given_masks_are_kept_and_bounds_are_obeyed(room):
    reel, truth = room
    given = np.where(truth[3], 255, 0).astype(np.uint8)
    frames = tuple(replace(f, mask=given) if i == 3 else f for i, f in enumerate(reel.frames[:21]))
    box = Box(np.array([-0.35, -0.5, -0.05]), np.array([0.35, 0.25, 0.42]))
    masks = find_masks(replace(reel, frames=frames), bounds=box)
    assert np.array_equal(masks[3], given)
    assert np.mean(_scores(replace(reel, frames=frames), masks, truth[:21])["static"]) > 0.88
    config = ReconstructionConfig(bounds=(-0.35, -0.5, -0.05, 0.35, 0.25, 0.42))
    assert config.box is not None
    np.testing.assert_array_equal([config.box.low, config.box.high], [box.low, box.high])
    camera = reel.frames[0].camera
    assert camera is not None
    near, far = Region(np.zeros(3), 1.0, box).span(camera)
    assert not (masks[0][near >= far] > 0).any()


@pytest.mark.parametrize("bounds", [(0, 0, 0, 1, 1), (0, 0, 0, 1, -1, 1), (0, 0, 0, 1, 1, np.nan)])
def test_bounds_must_be_a_box(bounds):
    with pytest.raises((UsageError, InputError)):
        ReconstructionConfig(bounds=bounds)


def test_without_parallax_or_likeness_it_is_refused(room):
    reel, _ = room
    fixed = tuple(_shot(_camera(0.5), 0.06 * i, 0.1 * i, "front")[0] for i in range(4))
    with pytest.raises(NoSubjectError, match=r"one place|too few views"):
        with_masks(Reel(fixed, "fixed"))
    rng = np.random.default_rng(0)

    def scrambled(frame: Frame) -> Frame:
        return replace(frame, image=rng.integers(0, 255, frame.image.shape).astype(np.uint8))

    with pytest.raises(NoSubjectError, match=r"not one colour.*(match|stands out)"):
        with_masks(replace(reel, frames=tuple(map(scrambled, reel.frames))))


def test_an_empty_room_holds_no_object():
    def bare(azimuth: float) -> Frame:
        camera = _camera(azimuth, 96)
        rays = pixel_rays(camera)
        depth = _spans(ROOM, camera.position, rays)[1]
        points = camera.position + rays * depth[..., None]
        return Frame(_texture(points, 0.3, 3).astype(np.uint8), 0.0, camera, None, "static")

    reel = Reel(tuple(bare(a) for a in np.linspace(0, 2 * np.pi, 17)[:-1]), "empty")
    with pytest.raises(NoSubjectError, match="stands out"):
        with_masks(reel)


def test_progress_may_cancel(room):
    def stop(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        raise CancelledError("asked to stop")

    with pytest.raises(CancelledError):
        with_masks(room[0], progress=stop)


def test_the_shared_ball_follows_the_cameras():
    cameras = [_camera(a) for a in np.linspace(0, 2 * np.pi, 9)[:-1]]
    region = shared_region(cameras)
    assert region is not None
    assert region.center == pytest.approx(TARGET, abs=1e-9)
    distance = np.linalg.norm(cameras[0].position - TARGET)
    assert region.radius_m > distance * np.sin(0.35)
    assert shared_region([cameras[0]]) is None
    with pytest.raises(UsageError):
        Box(np.ones(3), np.zeros(3))


def test_a_ray_is_in_the_region_where_its_points_are():
    camera = _camera(0.7, 24)
    plane = Plane(np.array([0.0, 0.0, 1.0]), 0.0)
    box = Box(np.array([-0.3, -0.4, -1.0]), np.array([0.3, 0.3, 1.0]))
    region = Region(TARGET, 0.45, box, plane, 0.02)
    near, far = region.span(camera)
    rays = pixel_rays(camera)
    for share in (0.02, 0.5, 0.98):
        points = camera.position + rays * (near + share * (far - near))[..., None]
        assert region.contains(points)[near < far].all()
    for depth in np.linspace(0.5, 3, 26):
        inside = region.contains(camera.position + rays * depth)
        assert not (inside & ~((near <= depth) & (depth <= far))).any()


def test_the_support_is_found_under_clutter():
    rng = np.random.default_rng(1)
    floor = np.c_[rng.uniform(-1.5, 1.5, (3000, 2)), rng.normal(0.1, 0.002, 3000)]
    chest = rng.uniform([-0.3, -0.2, 0.1], [0.3, 0.2, 0.5], (2500, 3))
    pictures = [
        Picture.of(np.zeros((8, 8, 3), np.uint8), _camera(a, 8), max_px=8)
        for a in np.linspace(0, 5, 8)
    ]
    plane = find_support(pictures, np.r_[floor, chest], Region(TARGET, 0.6))
    assert plane is not None
    assert plane.normal == pytest.approx([0, 0, 1], abs=0.01)
    assert plane.offset == pytest.approx(0.1, abs=0.005)
    assert find_support(pictures, chest * [1, 1, 3], Region(TARGET, 0.6)) is None


def test_the_cut_follows_evidence_and_edges():
    truth = np.zeros((40, 40), bool)
    truth[10:30, 12:28] = True
    color = np.where(truth[..., None], 200.0, 40.0).repeat(3, -1)
    rng = np.random.default_rng(0)
    odds = np.where(truth, 0.8, -0.8) + rng.normal(0, 1.2, truth.shape)
    assert _iou(odds > 0, truth) < 0.75
    assert _iou(cut(odds, color), truth) > 0.97
    assert not cut(np.full((8, 8), -1.0), np.zeros((8, 8, 3))).any()
    assert cut(np.full((8, 8), 1.0), np.zeros((8, 8, 3))).all()


def test_agreement_outvotes_one_bad_mask(room):
    reel, truth = room
    pictures, masks = [], []
    for frame, true in zip(reel.frames[:19], truth[:19], strict=True):
        assert frame.camera is not None
        pictures.append(Picture.of(frame.image, frame.camera, max_px=PX))
        masks.append(true.copy())
    masks[4] = np.zeros_like(masks[4])
    odds = [np.where(m, 2.0, -2.0) for m in masks]
    region = shared_region([p.camera for p in pictures])
    assert region is not None
    outline = agree(pictures, masks, odds, region).outline(pictures[4].camera)
    assert _iou(outline, truth[4]) > 0.85
