from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from reel2sim.reconstruction import ReconstructionConfig, reconstruct
from reel2sim.reconstruction.bones import lay_bones
from reel2sim.reconstruction.bounds import object_sphere
from reel2sim.reconstruction.dynamic import key_times
from reel2sim.reconstruction.masking import with_masks
from reel2sim.reconstruction.motion_check import motion_seen, residual_shows_motion
from reel2sim.reconstruction.review import look_back
from reel2sim.reconstruction.views import load_views
from reel2sim.scene import Frame, Reel, SurfelSequence
from reel2sim.scene.errors import NoMotionError, NoSubjectError, ReconstructionError

from .conftest import DRAWER, TRAVEL_M, make_reel, shot


@pytest.fixture(scope="module")
def sequence(chest: Reel, tiny: ReconstructionConfig) -> SurfelSequence:
    return reconstruct(chest, config=tiny)


def _front_of_drawer(sequence: SurfelSequence) -> np.ndarray:
    means = sequence.canonical.means
    return (means[:, 1] < DRAWER[0][1] + 0.06) & (np.abs(means[:, 0]) < 0.14)


def test_drawer_comes_out_and_body_stays(sequence: SurfelSequence) -> None:
    stop = float(sequence.times_s[-1])
    shift = sequence.at(stop).means - sequence.canonical.means
    front = _front_of_drawer(sequence)
    assert front.sum() > 10
    assert np.median(shift[front], axis=0) == pytest.approx([0, -TRAVEL_M, 0], abs=0.05)
    back = sequence.canonical.means[:, 1] > 0.0
    assert np.median(np.linalg.norm(shift[back], axis=1)) < 0.02


def test_motion_is_the_identity_at_time_zero(sequence: SurfelSequence) -> None:
    np.testing.assert_allclose(sequence.at(0.0).means, sequence.canonical.means, atol=1e-6)
    np.testing.assert_allclose(sequence.weights.sum(1), 1, atol=1e-5)


def test_metrics_tell_that_the_motion_was_explained(
    chest: Reel, tiny: ReconstructionConfig, sequence: SurfelSequence
) -> None:
    assert sequence.metrics["psnr_static_db"] > 18
    assert sequence.metrics["psnr_moving_db"] > 16
    sphere = object_sphere(chest)
    views = load_views(chest, sphere=sphere, max_px=tiny.image_px, device=torch.device("cpu"))
    rigid = replace(sequence.bones, translations=sequence.bones.translations[:1].repeat(4, 0),
                    rotations=sequence.bones.rotations[:1].repeat(4, 0))  # fmt: skip
    told, still = (
        look_back(s, views, sphere=sphere, backend="auto").metrics
        for s in (sequence, replace(sequence, bones=rigid))
    )
    assert told.items() <= sequence.metrics.items()
    assert told["psnr_moving_db"] > still["psnr_moving_db"] + 0.5


def test_a_single_moving_camera_is_survived(tiny: ReconstructionConfig) -> None:
    frames = tuple(f for f in make_reel(static=False).frames if f.stream == "left")
    quick = replace(tiny, canonical_steps=6, motion_steps=2, joint_steps=4, track_rounds=1)
    result = reconstruct(Reel(frames), config=quick)
    assert np.isfinite(result.at(0.2).means).all()
    assert result.canonical.confidence.max() <= 0.5


def test_nothing_moves(tiny: ReconstructionConfig) -> None:
    still = make_reel(travel_m=0.0)
    assert motion_seen(still) is False
    with pytest.raises(NoMotionError, match="nothing moves"):
        reconstruct(still, config=tiny)


def test_nothing_moves_before_a_wandering_camera(tiny: ReconstructionConfig) -> None:
    orbit = make_reel(travel_m=0.0, views=24, instants=1).frames[:24]
    reel = Reel(tuple(replace(f, time_s=0.1 * i * (i % 3 == 1)) for i, f in enumerate(orbit)))
    assert motion_seen(reel) is None
    with pytest.raises(NoMotionError):
        reconstruct(reel, config=tiny)


def test_something_moves_before_a_wandering_camera(tiny: ReconstructionConfig) -> None:
    orbit = make_reel(travel_m=0.0, views=24, instants=1).frames[:24]

    def later(i: int, frame: Frame) -> Frame:
        assert frame.camera is not None
        return shot(
            frame.camera, 0.1 * i, opening=TRAVEL_M, stream="", scale=1.0, shift=np.zeros(3)
        )

    reel = Reel(tuple(later(i, f) if i % 3 == 1 else f for i, f in enumerate(orbit)))
    assert motion_seen(reel) is None
    quick = replace(tiny, track_rounds=0, motion_steps=0, joint_steps=0)
    assert reconstruct(reel, config=quick).metrics["psnr_db"] > 10


def test_one_instant_is_no_motion(chest: Reel) -> None:
    with pytest.raises(NoMotionError, match="share one time"):
        motion_seen(Reel(chest.at_time(0.0)))


def test_small_motion_is_seen_and_noise_is_not(chest: Reel) -> None:
    assert motion_seen(make_reel(travel_m=0.03)) is True
    rng = np.random.default_rng(0)

    def noisy(frame: Frame) -> Frame:
        noise = rng.normal(0, 4, frame.image.shape)
        return replace(frame, image=np.clip(frame.image + noise, 0, 255).astype(np.uint8))

    still = make_reel(travel_m=0.0)
    assert motion_seen(replace(still, frames=tuple(map(noisy, still.frames)))) is False


def test_residuals_must_exceed_the_usual() -> None:
    usual = [(0.10, 0.20), (0.12, 0.18)]
    assert not residual_shows_motion(usual, [(0.13, 0.21), (0.05, 0.05)])
    assert residual_shows_motion(usual, [(0.13, 0.60)])
    assert residual_shows_motion(usual, [(0.40, 0.21)])
    assert residual_shows_motion([], [(0.4, 0.4)])


def test_missing_camera_names_the_frame(chest: Reel, tiny: ReconstructionConfig) -> None:
    frames = (*chest.frames[:-1], replace(chest.frames[-1], camera=None, name="right/004.png"))
    with pytest.raises(ReconstructionError, match=r"right/004\.png.*camera is missing"):
        reconstruct(replace(chest, frames=frames), config=tiny)


def test_masks_come_from_a_plain_background(chest: Reel) -> None:
    def on_green(frame: Frame) -> Frame:
        assert frame.mask is not None
        image = np.where(frame.mask[..., None] > 0, frame.image, np.uint8([20, 200, 60]))
        return replace(frame, image=image, mask=None)

    found = with_masks(replace(chest, frames=tuple(map(on_green, chest.frames))))
    for mine, true in zip(found.frames, chest.frames, strict=True):
        assert mine.mask is not None
        assert true.mask is not None
        both = (mine.mask > 0) & (true.mask > 0)
        either = (mine.mask > 0) | (true.mask > 0)
        assert both.sum() / either.sum() > 0.85


def test_no_subject(chest: Reel) -> None:
    rng = np.random.default_rng(0)

    def clutter(frame: Frame) -> Frame:
        image = np.kron(rng.integers(0, 255, (16, 16, 3)), np.ones((4, 4, 1)))
        return replace(frame, image=image.astype(np.uint8), mask=None)

    with pytest.raises(NoSubjectError, match="not one colour"):
        with_masks(replace(chest, frames=tuple(map(clutter, chest.frames))))
    full = tuple(replace(f, mask=np.full_like(f.mask, 255)) for f in chest.frames)
    with pytest.raises(NoSubjectError, match="whole picture"):
        with_masks(replace(chest, frames=full))
    flat = tuple(replace(f, image=np.zeros_like(f.image), mask=None) for f in chest.frames)
    with pytest.raises(NoSubjectError, match="empty"):
        with_masks(replace(chest, frames=flat))


def test_bones_cover_and_touch() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (400, 3))
    skeleton = lay_bones(points, np.full((400, 3), 0.5), count=10, seed=0)
    assert len(skeleton.centers) <= 10
    assert set(skeleton.labels) == set(range(len(skeleton.centers)))
    assert (skeleton.pairs[:, 0] < skeleton.pairs[:, 1]).all()
    assert set(skeleton.pairs.ravel()) == set(range(len(skeleton.centers)))
    again = lay_bones(points, np.full((400, 3), 0.5), count=10, seed=0)
    np.testing.assert_array_equal(skeleton.labels, again.labels)


def test_key_times_keep_both_ends() -> None:
    times = np.linspace(0, 9, 100)
    kept = key_times(times, most=7)
    assert len(kept) == 7
    assert (kept[0], kept[-1]) == (0, 9)
    np.testing.assert_array_equal(key_times(times[:5], most=7), times[:5])
