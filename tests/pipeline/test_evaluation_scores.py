"""Laws of the reconstruction scores: what is equal, what is empty, and what doubles."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reel2sim.pipeline.scores import (
    Drawing,
    HeldOut,
    blank,
    chamfer,
    idle_error,
    load_held_out,
    normal_error,
    nothing_reconstructed,
    score_drawings,
    score_picture,
    score_sequence,
    track_error,
)
from reel2sim.pipeline.scores.pictures import psnr
from reel2sim.pipeline.scores.shape import surface_points
from reel2sim.scene.camera import look_at
from reel2sim.scene.errors import InputError
from reel2sim.scene.spline import PoseSpline
from reel2sim.scene.surfels import Surfels, SurfelSequence

pytest.importorskip("flip_evaluator")

SIZE = 24
seeds = st.integers(0, 2**31)
few = settings(max_examples=15, deadline=None)


def picture(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A random blob on black with its coverage."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    centre, radius = rng.uniform(8, 16, 2), rng.uniform(4, 7)
    alpha = (np.hypot(x - centre[0], y - centre[1]) < radius).astype(np.float32)
    return rng.random((SIZE, SIZE, 3), dtype=np.float32) * alpha[..., None], alpha


@few
@given(seeds)
def test_a_picture_equals_itself(seed: int) -> None:
    score = score_picture(*picture(seed), *picture(seed))
    assert score.psnr_db == score.psnr_full_db == float("inf")
    assert score.ssim == pytest.approx(1)
    assert score.ssim_full == pytest.approx(1)
    assert score.flip == 0


@few
@given(seeds, seeds)
def test_pictures_differ_as_much_either_way(a: int, b: int) -> None:
    there, back = (score_picture(*picture(i), *picture(j)) for i, j in ((a, b), (b, a)))
    for name in ("psnr_db", "psnr_full_db", "ssim", "ssim_full", "flip"):
        assert getattr(there, name) == pytest.approx(getattr(back, name), abs=1e-5)
    if a != b:
        assert there.psnr_full_db >= there.psnr_db
        assert there.ssim_full >= there.ssim
        assert 0 < there.flip <= 1


@given(st.floats(0.01, 1.0))
def test_psnr_is_that_of_a_uniform_error(error: float) -> None:
    black = np.zeros((4, 4, 3))
    assert psnr(black + error, black) == pytest.approx(-20 * np.log10(error))
    assert psnr(black + error, black, where=np.zeros((4, 4), bool)) == float("inf")


def test_background_does_not_dilute_the_score() -> None:
    rgb, alpha = picture(1)
    small = score_picture(rgb * 0.5, alpha, rgb, alpha)
    around = ((20, 20), (20, 20))
    large = score_picture(
        np.pad(rgb * 0.5, (*around, (0, 0))), np.pad(alpha, around),
        np.pad(rgb, (*around, (0, 0))), np.pad(alpha, around),
    )  # fmt: skip
    assert large.psnr_db == pytest.approx(small.psnr_db)
    assert large.psnr_full_db > small.psnr_full_db + 5
    assert large.ssim == pytest.approx(small.ssim, abs=0.02)


def test_what_is_drawn_beside_the_object_costs() -> None:
    rgb, alpha = picture(1)
    wrong, more = rgb.copy(), alpha.copy()
    wrong[:3], more[:3] = 0.8, 1.0
    assert score_picture(wrong, more, rgb, alpha).psnr_db < 15


def test_shapes_must_agree() -> None:
    rgb, alpha = picture(1)
    with pytest.raises(InputError, match="alpha"):
        score_picture(rgb, alpha[1:], rgb, alpha)


clouds = st.integers(1, 40).flatmap(
    lambda n: st.builds(lambda s: np.random.default_rng(s).normal(size=(n, 3)), seeds)
)


@few
@given(clouds, clouds, st.floats(0.1, 10))
def test_chamfer_is_a_symmetric_distance_in_metres(a, b, scale) -> None:
    found = chamfer(a, b, diagonal_m=1)
    assert chamfer(a, a, diagonal_m=1) == 0
    assert found == pytest.approx(chamfer(b, a, diagonal_m=1))
    assert chamfer(scale * a, scale * b, diagonal_m=1) == pytest.approx(scale * found)


def test_chamfer_of_parallel_planes_is_their_distance() -> None:
    plane = np.stack([*np.mgrid[:20, :20], np.zeros((20, 20))], -1).reshape(-1, 3)
    assert chamfer(plane, plane + np.array([0, 0, 0.3]), diagonal_m=9) == pytest.approx(0.3)
    assert chamfer(plane[:0], plane, diagonal_m=9) == 9
    assert chamfer(plane[:0], plane[:0], diagonal_m=9) == 0


@few
@given(st.floats(0, np.pi))
def test_normal_error_is_the_angle(angle: float) -> None:
    a, b = np.zeros((4, 4, 3)), np.zeros((4, 4, 3))
    a[..., 2] = 0.3
    b[..., 0], b[..., 2] = np.sin(angle), np.cos(angle)
    everywhere = np.ones((4, 4), bool)
    assert normal_error(a, b, where=everywhere) == pytest.approx(np.degrees(angle), abs=1e-3)
    assert normal_error(a, b, where=~everywhere) == 90
    assert normal_error(np.zeros_like(a), b, where=everywhere) == 90


def test_depth_and_points_are_each_other() -> None:
    camera = look_at(np.array([2.0, 1, 1]), np.zeros(3), width=8, height=6, fov_y=0.6)
    depth = np.random.default_rng(0).uniform(1, 3, (6, 8))
    depth[2, 3] = 0
    pixels, back = camera.project(surface_points(depth, camera))
    rows, columns = np.nonzero(depth)
    assert np.allclose(back, depth[rows, columns])
    assert np.allclose(pixels, np.stack([columns, rows], 1) + 0.5)


def sliding(shift: float, *, opacity: float = 0.9) -> SurfelSequence:
    """A grid of surfels facing +X that slides along +Y by ``shift`` metres in 2 s, evenly."""
    y, z = np.meshgrid(np.linspace(-0.5, 0.5, 12), np.linspace(-0.5, 0.5, 12))
    means = np.stack([np.zeros(y.size), y.ravel(), z.ravel()], 1)
    n = len(means)
    turn = np.tile([np.sqrt(0.5), 0, np.sqrt(0.5), 0], (n, 1))  # z axis to +X
    surfels = Surfels.from_colors(
        means=means, rotations=turn, scales=np.full((n, 2), 0.06),
        opacities=np.full(n, opacity), colors=np.tile([0.8, 0.5, 0.2], (n, 1)),
    )  # fmt: skip
    knots = np.arange(-1.0, 3.0)  # a straight line as a uniform cubic spline of one span
    moved = np.zeros((4, 1, 3))
    moved[:, 0, 1] = shift * knots
    spline = PoseSpline(0, 2, moved, np.tile([1.0, 0, 0, 0], (4, 1, 1)), np.zeros((1, 3)))
    return SurfelSequence(
        surfels, spline, np.ones((1, 3)), np.ones((n, 1)), np.array([0.0, 1.0, 2.0])
    )


TIMES = np.array([0.0, 0.5, 1.0, 2.0])


def tracks(shift: float) -> np.ndarray:
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (50, 3)) * [0, 1, 1]
    return points + shift * TIMES[:, None, None] / 2 * np.array([0, 1.0, 0])


def test_points_that_move_with_the_surfels_are_tracked() -> None:
    assert track_error(sliding(0.4), TIMES, tracks(0.4)) == pytest.approx(0, abs=1e-6)
    floor = 0.4 * TIMES[1:].mean() / 2
    assert idle_error(tracks(0.4)) == pytest.approx(floor)
    assert track_error(sliding(0.0), TIMES, tracks(0.4)) == pytest.approx(floor)
    assert track_error(sliding(-0.4), TIMES, tracks(0.4)) == pytest.approx(2 * floor)
    assert track_error(sliding(0.4, opacity=0.01), TIMES, tracks(0.4)) == pytest.approx(floor)


def held_out() -> HeldOut:
    """Views of the true, sliding grid."""
    from reel2sim.reconstruction.render import render

    eyes = (np.array([3.0, 0.5, 0.3]), np.array([3.0, -0.6, 0.5]))
    cameras = tuple(look_at(e, np.zeros(3), width=40, height=40, fov_y=0.6) for e in eyes)
    times = np.array([0.5, 1.5])
    seen = [render(sliding(0.4).at(t), c) for c, t in zip(cameras, times, strict=True)]
    solid = [s.alpha > 0.5 for s in seen]
    return HeldOut(
        files=("heldout/000.png", "heldout/001.png"),
        cameras=cameras,
        times_s=times,
        rgb=np.stack([s.rgb for s in seen]),
        alpha=np.stack([s.alpha for s in seen]),
        depth=np.stack([np.where(m, s.depth, 0) for s, m in zip(seen, solid, strict=True)]),
        normal=np.stack([s.normal for s in seen]),
        track_times_s=TIMES,
        tracks=tracks(0.4),
        diagonal_m=float(np.sqrt(2)),
    )


def test_the_truth_scores_as_perfect_and_others_do_not() -> None:
    truth = held_out()
    best = score_sequence(sliding(0.4), truth)
    assert best.psnr_db > 60
    assert best.ssim > 0.999
    assert best.flip < 0.005
    assert best.chamfer_frac == pytest.approx(0, abs=1e-4)
    assert best.normal_deg == pytest.approx(0, abs=0.1)
    assert best.track_frac == pytest.approx(0, abs=1e-5)
    assert [view.time_s for view in best.views] == [0.5, 1.5]
    still, none = score_sequence(sliding(0.0), truth), nothing_reconstructed(truth)
    for name, better in (("psnr_db", 1), ("ssim", 1), ("flip", -1), ("chamfer_frac", -1)):
        a, b, c = (better * getattr(s, name) for s in (best, still, none))
        assert a > b > c, name
    assert still.track_frac == pytest.approx(still.track_floor_frac)


def test_nothing_scores_as_a_black_picture_one_diagonal_and_no_motion() -> None:
    truth = held_out()
    none = nothing_reconstructed(truth)
    assert none.chamfer_frac == 1
    assert none.chamfer_m == pytest.approx(truth.diagonal_m)
    assert none.normal_deg == 90
    assert none.track_frac == none.track_floor_frac > 0
    for i, view in enumerate(none.views):
        mask = truth.alpha[i] > 0.5
        assert view.psnr_db == pytest.approx(psnr(0 * truth.rgb[i], truth.rgb[i], where=mask))


def test_pictures_alone_leave_shape_and_motion_open() -> None:
    truth = held_out()
    alone = [replace(drawing, depth=None, normal=None) for drawing in blank(truth)]
    score = score_drawings(alone, truth)
    assert score.chamfer_frac is score.chamfer_m is score.normal_deg is score.track_frac is None
    perfect = score_drawings(map(Drawing, truth.rgb, truth.alpha), truth)
    assert perfect.flip == 0
    assert perfect.psnr_db == perfect.psnr_full_db == 100, "a mean of infinities is of no use"


def write(folder, truth: HeldOut) -> None:
    (folder / "heldout").mkdir(parents=True)
    for file, rgb, alpha in zip(truth.files, truth.rgb, truth.alpha, strict=True):
        straight = rgb / np.maximum(alpha, 1e-6)[..., None]
        pixels = np.concatenate([straight, alpha[..., None]], -1).clip(0, 1)
        Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(folder / file)
    camera = truth.cameras[0]
    views = zip(truth.files, truth.times_s.tolist(), truth.cameras, strict=True)
    index = {
        "w": camera.width, "h": camera.height, "fl_x": camera.fx, "fl_y": camera.fy,
        "cx": camera.cx, "cy": camera.cy,
        "frames": [
            {
                "file_path": file,
                "time": 5 + time_s,
                "transform_matrix": (c.T_world_camera @ np.diag([1, -1, -1, 1])).tolist(),
            }
            for file, time_s, c in views
        ],
    }  # fmt: skip
    (folder / "heldout.json").write_text(json.dumps(index))
    (folder / "transforms.json").write_text(json.dumps({"frames": [{"time": 7}, {"time": 5}]}))
    np.savez(
        folder / "shape.npz", depth=truth.depth, normal=truth.normal, tracks=truth.tracks,
        track_times_s=5 + truth.track_times_s, diagonal_m=truth.diagonal_m,
    )  # fmt: skip


def test_held_out_views_load_as_written(tmp_path) -> None:
    truth = held_out()
    write(tmp_path / "c", truth)
    loaded = load_held_out(tmp_path / "c")
    assert loaded.files == truth.files
    assert np.allclose(loaded.times_s, truth.times_s), "time zero is that of training"
    assert np.allclose(loaded.track_times_s, truth.track_times_s)
    assert np.abs(loaded.rgb - truth.rgb).max() < 0.01
    for a, b in zip(loaded.cameras, truth.cameras, strict=True):
        assert np.allclose(a.T_world_camera, b.T_world_camera)
    assert score_sequence(sliding(0.4), loaded).psnr_db > 45


@pytest.mark.parametrize(
    ("file", "damage", "words"),
    [
        ("heldout.json", None, "holds no heldout.json"),
        ("heldout.json", "{", "cannot be read"),
        ("heldout.json", '{"frames": []}', "lists no frames"),
        ("heldout.json", '{"frames": [{}]}', "not an index"),
        ("shape.npz", "no archive", "cannot be read"),
        ("heldout/001.png", None, "cannot be read"),
    ],
)
def test_damage_is_named(tmp_path, file, damage, words) -> None:
    folder = tmp_path / "c"
    write(folder, held_out())
    if damage is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(damage)
    with pytest.raises(InputError, match=words):
        load_held_out(folder)
