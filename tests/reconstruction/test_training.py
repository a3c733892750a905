"""Training of moving surfels: the two ways to draw agree, and the loop keeps its promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from skimage.metrics import structural_similarity

from reel2sim.reconstruction import ReconstructionConfig
from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.device import reproducible
from reel2sim.reconstruction.dynamic import DynamicFit
from reel2sim.reconstruction.losses import dissimilarity, psnr_db, squared_error
from reel2sim.reconstruction.rasterize import RasterOutput
from reel2sim.reconstruction.render import render
from reel2sim.reconstruction.review import look_back
from reel2sim.reconstruction.skinning import matrices
from reel2sim.reconstruction.training import Clock, MovingSurfels, train
from reel2sim.reconstruction.training.adam import Adam
from reel2sim.reconstruction.training.cameras import CameraCorrection
from reel2sim.reconstruction.training.density import redistributed
from reel2sim.reconstruction.training.harmonics import higher_bands
from reel2sim.reconstruction.views import View
from reel2sim.scene import SurfelSequence
from reel2sim.scene import transforms as tf
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.harmonics import sh_basis

from .cutting import with_cuts
from .moving_ball import (
    KNOTS,
    TIMES,
    UNIT,
    ball,
    draw,
    empty_view,
    make_clock,
    make_film,
    ring_camera,
)

seeds = st.integers(0, 2**31 - 1)
CPU = torch.device("cpu")


def _wild(seed: int, *, n: int = 60, bones: int = 4, k: int = 8, r: int = 5) -> MovingSurfels:
    """Every tensor at random, within what the pictures can show unclipped."""
    rng = np.random.default_rng(seed)
    own = {
        "means": rng.uniform(-0.6, 0.6, (n, 3)),
        "rotations": rng.normal(size=(n, 4)),
        "log_scales": np.log(rng.uniform(0.05, 0.2, (n, 2))),
        "opacity_logits": rng.normal(size=n),
        "colors": rng.uniform(0.4, 0.6, (n, 3)),
        "bands": 0.04 * rng.normal(size=(n, k, 3)),
        "skin": 2 * rng.normal(size=(n, bones)),
        "turn": 0.4 * rng.normal(size=(n, r, 3)),
        "stretch": 0.3 * rng.normal(size=(n, r, 2)),
    }
    shared = {
        "translations": 0.15 * rng.normal(size=(KNOTS, bones, 3)),
        "bone_rotations": np.eye(4)[0] + 0.25 * rng.normal(size=(KNOTS, bones, 4)),
        "light": np.concatenate([[1.0], 0.012 * rng.normal(size=8)]),
        "axis": rng.normal(size=(bones, 3)),
        "pivot": rng.uniform(-0.5, 0.5, (bones, 3)),
        "coordinate": 0.3 * rng.normal(size=(KNOTS, bones)),
    }
    centers = rng.uniform(-0.5, 0.5, (bones, 3))
    as_tensors = ({a: torch.tensor(v).float() for a, v in d.items()} for d in (own, shared))
    kinds = torch.arange(bones) % 3  # free, hinge, slide
    return MovingSurfels(*as_tensors, torch.tensor(centers).float(), kinds)


def _psnr(model: MovingSurfels, clock: Clock, film: Sequence[Sequence[View]]) -> float:
    pairs = [(f, view) for f, views in enumerate(film) for view in views]
    return psnr_db([squared_error(draw(model, clock, f, view), view) for f, view in pairs])


def _spoiled(model: MovingSurfels) -> MovingSurfels:
    """Noise on places and colours, and a motion that is too short."""
    g = torch.Generator().manual_seed(1)
    own = dict(model.own)
    for name, size in (("means", 0.02), ("colors", 0.1), ("log_scales", 0.1)):
        own[name] = own[name] + size * torch.randn(own[name].shape, generator=g)
    shared = {**model.shared, "translations": 0.8 * model.shared["translations"]}
    return replace(model, own=own, shared=shared)


def _config(**changes: object) -> ReconstructionConfig:
    return replace(ReconstructionConfig(device="cpu"), **{"joint_steps": 24, **changes})


def _trained(
    film: Sequence[Sequence[View]],
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    **changes: object,
) -> MovingSurfels:
    start = _spoiled(ball())
    with reproducible(CPU):
        model, _ = train(
            start, film, make_clock(), still=(0,), config=_config(**changes), backend="numba",
            checkpoints=checkpoints,
        )  # fmt: skip
    return model


@pytest.fixture(scope="module")
def film() -> list[list[View]]:
    return make_film(ball(), make_clock())


@pytest.fixture(scope="module")
def trained(film: list[list[View]]) -> MovingSurfels:
    return _trained(film)


def _assert_bits(a: MovingSurfels, b: MovingSurfels) -> None:
    for mine, other in ((a.own, b.own), (a.shared, b.shared)):
        assert mine.keys() == other.keys()
        for name in mine:
            assert torch.equal(mine[name], other[name]), name


# Two ways to draw


def _sequence(model: MovingSurfels, sphere: Sphere) -> SurfelSequence:
    fit = DynamicFit(model, np.ones((len(model.centers), 3)), CameraCorrection({}, ()), TIMES)
    return fit.sequence(sphere=sphere, times_s=TIMES, confidence=np.ones(len(model)))


def _assert_alike(a: np.ndarray, b: np.ndarray, *, scale: float = 1.0) -> None:
    """Equal but for the rim of a surfel, where rounding decides whether it is drawn at all."""
    difference = np.abs(a - b) / scale
    assert np.quantile(difference, 0.995) < 1e-3
    assert difference.max() < 0.02


@settings(max_examples=8, deadline=None)
@given(seed=seeds, k=st.sampled_from([0, 3, 8]), r=st.sampled_from([0, 5]))
def test_what_is_trained_is_what_the_sequence_shows(seed: int, k: int, r: int) -> None:
    model, clock = _wild(seed, k=k, r=r), make_clock(refinement=r)
    sphere = Sphere(np.array([0.7, -1.2, 0.4]), 2.5)
    sequence = _sequence(model, sphere)
    camera = ring_camera(0.3 + seed % 6)
    moved = camera.T_world_camera.copy()
    moved[:3, 3] = sphere.denormalise(moved[:3, 3])
    camera = replace(camera, T_world_camera=moved)
    view = empty_view(camera, sphere=sphere)
    for f, time in enumerate(TIMES):
        mine = draw(model, clock, f, view)
        theirs = render(sequence.at(float(time)), camera)
        assert mine.alpha.max() > 0.5
        _assert_alike(mine.features.numpy(), theirs.rgb)
        _assert_alike(mine.alpha.numpy(), theirs.alpha)
        _assert_alike(mine.normal.numpy(), theirs.normal)
        solid = theirs.alpha > 0.3
        depth = (mine.depth / mine.alpha.clamp(min=0.05)).numpy() * sphere.radius_m
        _assert_alike(depth[solid], theirs.depth[solid], scale=sphere.radius_m)


def test_figures_of_the_sequence_are_those_of_the_model() -> None:
    model, clock = _wild(3), make_clock()
    other = make_film(_wild(4), clock, views=2)
    views = [view for group in other for view in group]
    review = look_back(_sequence(model, UNIT), views, sphere=UNIT, backend="numba")
    told = review.metrics
    assert told["psnr_db"] == pytest.approx(_psnr(model, clock, other), abs=0.02)
    assert told["psnr_static_db"] == pytest.approx(_psnr(model, clock, other[:1]), abs=0.02)
    assert told["psnr_moving_db"] == pytest.approx(
        psnr_db(
            [
                squared_error(draw(model, clock, f, view), view)
                for f, group in enumerate(other)
                for view in group
                if f
            ]
        ),
        abs=0.02,
    )
    assert review.confidence.shape == (len(model),)
    assert review.confidence.min() >= 0
    assert review.confidence.max() < 1
    fewer = look_back(_sequence(model, UNIT), views[:3], sphere=UNIT, backend="numba")
    assert (fewer.confidence <= review.confidence + 1e-9).all()


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_hinges_keep_their_line_and_slides_keep_upright(seed: int) -> None:
    model, rows = _wild(seed, bones=3), make_clock().motion
    poses = matrices(model.bones(rows))
    axis, pivot = (model.shared[name].numpy().astype(float) for name in ("axis", "pivot"))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    q = (rows @ model.shared["coordinate"]).numpy()
    q = (q - q[:1])[1:]
    line = pivot[1] + np.linspace(-1, 1, 5)[:, None] * axis[1]
    for f, (T, S) in enumerate(zip(poses[:, 1], poses[:, 2], strict=True)):
        np.testing.assert_allclose(tf.apply(T, line), line, atol=1e-5)
        turn = Rotation.from_matrix(T[:3, :3]).as_rotvec()
        np.testing.assert_allclose(turn, q[f, 1] * axis[1], atol=1e-5)
        np.testing.assert_allclose(S[:3, :3], np.eye(3), atol=1e-6)
        np.testing.assert_allclose(S[:3, 3], q[f, 2] * axis[2], atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_harmonics_agree_with_the_scene(seed: int) -> None:
    d = np.random.default_rng(seed).normal(size=(10, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    for bands in (4, 9):
        got = higher_bands(torch.from_numpy(d), bands).numpy()
        np.testing.assert_allclose(got, sh_basis(d, bands)[:, 1:], atol=1e-12)


# The loop


def test_training_improves_the_pictures(film: list[list[View]]) -> None:
    before = _psnr(_spoiled(ball()), make_clock(), film)
    assert _psnr(ball(), make_clock(), film) > 60
    after = _psnr(_trained(film, joint_steps=40, densify=0.0), make_clock(), film)
    assert after > before + 1.5


def test_training_finds_how_far_a_part_goes(film: list[list[View]]) -> None:
    short, clock = ball(), make_clock()
    short = replace(
        short, shared={**short.shared, "translations": 0.85 * short.shared["translations"]}
    )
    with reproducible(CPU):
        model, _ = train(
            short, film, clock, still=(0,), backend="numba",
            config=_config(motion_steps=90, rigidity=0.5),
            motion_only=True,
        )  # fmt: skip
    rows = clock.motion[[0, 3]]
    goal, start, end = (m.bones(rows).translation[0, 1, 0].item() for m in (ball(), short, model))
    assert abs(end - goal) < 0.4 * abs(start - goal)
    for name in set(short.own) - {"skin"}:
        assert torch.equal(model.own[name], short.own[name]), name


def test_still_bones_stay_to_the_bit(trained: MovingSurfels) -> None:
    start = _spoiled(ball())
    for name in ("translations", "bone_rotations"):
        assert torch.equal(trained.shared[name][:, 0], start.shared[name][:, 0])
        assert not torch.equal(trained.shared[name][:, 1], start.shared[name][:, 1])


def test_growth_keeps_to_its_budget(film: list[list[View]], trained: MovingSurfels) -> None:
    assert len(trained) == pytest.approx(2 * len(ball()), rel=0.05)
    assert len(_trained(film, most_surfels=180)) == 180
    assert len(_trained(film, joint_steps=4, densify=0.0)) == len(ball())
    for tensor in trained.own.values():
        assert len(tensor) == len(trained)


def test_the_same_training_gives_the_same_bits(
    film: list[list[View]], trained: MovingSurfels
) -> None:
    _assert_bits(_trained(film), trained)


@pytest.mark.parametrize("after", [1, 7, 20])
def test_a_training_that_was_killed_ends_as_if_it_had_not(
    film: list[list[View]], trained: MovingSurfels, tmp_path: Path, after: int
) -> None:
    model, rounds = with_cuts(lambda kept: _trained(film, kept), tmp_path, [after])
    assert rounds[0] == after
    assert rounds[1] <= 24 - after
    _assert_bits(model, trained)


def test_a_killed_training_keeps_its_cameras(film: list[list[View]], tmp_path: Path) -> None:
    def work(kept: Checkpoints) -> MovingSurfels:
        return _trained(film, kept, joint_steps=8, refine_cameras=True)

    whole = work(NO_CHECKPOINTS)
    _assert_bits(with_cuts(work, tmp_path, [4])[0], whole)


# Cameras


def test_a_correction_turns_and_shifts_in_camera_axes() -> None:
    view = empty_view(ring_camera(0.5))
    cameras = CameraCorrection.of([[view], [view, view]], active=True)
    same = cameras.corrected(view, 1, 1)
    torch.testing.assert_close(same.T_camera_world, view.T_camera_world)
    torch.testing.assert_close(same.K, view.K)
    with torch.no_grad():
        cameras.parameters["camera_turn"][2] = torch.tensor([0.01, -0.02, 0.015])
        cameras.parameters["camera_shift"][2] = torch.tensor([0.1, 0.2, -0.3])
        cameras.parameters["log_focal"][0] = 0.1
    there = cameras.corrected(view, 1, 1)
    wanted = np.eye(4)
    wanted[:3, :3] = Rotation.from_rotvec([0.02, -0.04, 0.03]).as_matrix()
    wanted[:3, 3] = [0.1, 0.2, -0.3]
    np.testing.assert_allclose(
        there.T_camera_world.detach(), wanted @ view.T_camera_world.double().numpy(), atol=1e-4
    )
    torch.testing.assert_close(there.K.detach().diagonal()[:2], view.K.diagonal()[:2] * np.exp(0.1))
    torch.testing.assert_close(there.K[:, 2].detach(), view.K[:, 2])
    torch.testing.assert_close(cameras.corrected(view, 1, 0).T_camera_world, view.T_camera_world)
    assert CameraCorrection.of([[view]], active=False).corrected(view, 0, 0) is view


def test_wrong_cameras_are_put_right(film: list[list[View]]) -> None:
    rng = np.random.default_rng(0)
    points = ball().own["means"].double().numpy()

    def shaken(view: View) -> View:
        error = np.eye(4)
        error[:3, :3] = Rotation.from_rotvec(rng.normal(size=3) * 0.004).as_matrix()
        error[:3, 3] = rng.normal(size=3) * 0.004
        T = torch.as_tensor(error @ view.T_camera_world.double().numpy()).float()
        return replace(view, T_camera_world=T)

    # All but the views at time zero are off, so that the world cannot drift along.
    wrong = [film[0], *([shaken(view) for view in views] for views in film[1:])]
    with reproducible(CPU):
        _, cameras = train(
            ball(), wrong, make_clock(), still=(0,), backend="numba",
            config=_config(refine_cameras=True, joint_steps=160, densify=0.0),
        )  # fmt: skip

    def miss_px(true: View, got: View) -> float:
        def pixels(view: View) -> np.ndarray:
            T, K = (x.detach().double().numpy() for x in (view.T_camera_world, view.K))
            p = (points @ T[:3, :3].T + T[:3, 3]) @ K.T
            return p[:, :2] / p[:, 2:]

        return float(((pixels(true) - pixels(got)) ** 2).sum(1).mean())

    before, after = (
        np.sqrt(np.mean([miss_px(true, found(f, v)) for f, views in enumerate(film) if f
                         for v, true in enumerate(views)]))
        for found in (lambda f, v: wrong[f][v],
                      lambda f, v: cameras.corrected(wrong[f][v], f, v))
    )  # fmt: skip
    assert after < 0.6 * before


# Growth and the optimiser


@settings(max_examples=25, deadline=None)
@given(
    seed=seeds,
    n=st.integers(1, 60),
    grow=st.floats(0, 1),
    most=st.integers(1, 90),
)
def test_growth_splits_the_pulled_and_drops_the_faint(
    seed: int, n: int, grow: float, most: int
) -> None:
    model = _wild(seed, n=n)
    rng = np.random.default_rng(seed)
    model.own["opacity_logits"] *= 2
    pull = torch.as_tensor(rng.uniform(0, 1, n) * (rng.uniform(size=n) > 0.3)).float()
    before = {name: tensor.clone() for name, tensor in model.own.items()}
    out, rows = redistributed(model, pull, grow=grow, most=most)
    assert len(out) == len(rows)
    for name, tensor in before.items():
        assert torch.equal(model.own[name], tensor), "the model given must not change"
    bold = torch.sigmoid(model.own["opacity_logits"]) > 0.06
    if int(bold.sum()) < 8:
        assert torch.equal(rows, torch.arange(n))
        _assert_bits(out, model)
        return
    kept, born = torch.unique(rows), len(rows) - len(torch.unique(rows))
    assert torch.equal(kept, torch.nonzero(bold).ravel()), "dropped are the faint and no others"
    assert len(rows) <= max(most, int(bold.sum()))
    assert born <= round(grow * int(bold.sum()))
    counts = torch.bincount(rows, minlength=n)
    assert counts.max() <= 2
    split = counts == 2
    if split.any():
        assert pull[split].min() > 0
        whole = bold & ~split
        assert not whole.any() or pull[split].min() >= pull[whole].max()
    for name in set(model.own) - {"means", "log_scales"}:
        assert torch.equal(out.own[name], model.own[name][rows]), name
    twins = split[rows]
    assert torch.equal(out.own["means"][~twins], model.own["means"][rows[~twins]])
    size = out.own["log_scales"] - model.own["log_scales"][rows]
    torch.testing.assert_close(size.exp(), torch.where(twins, 0.7, 1.0)[:, None].expand(-1, 2))
    for parent in torch.nonzero(split).ravel():
        pair = out.own["means"][rows == parent]
        torch.testing.assert_close(pair.mean(0), model.own["means"][parent])
        longest = model.own["log_scales"][parent].exp().max()
        torch.testing.assert_close((pair[1] - pair[0]).norm(), longest)


def test_adam_is_adam_and_its_moments_follow_their_rows() -> None:
    g = torch.Generator().manual_seed(0)
    start = {"own": torch.randn(6, 3, generator=g), "all": torch.randn(4, generator=g)}
    rates = {"own": 0.01, "all": 0.02}
    rows = torch.tensor([4, 4, 0, 2])
    goal = {name: torch.randn(p.shape, generator=g) for name, p in start.items()}

    def pulled(parameters: dict[str, torch.Tensor], goal: dict[str, torch.Tensor]) -> None:
        sum(((p - goal[k]) ** 4).sum() for k, p in parameters.items()).backward()

    mine = {name: p.clone().requires_grad_() for name, p in start.items()}
    theirs = {name: p.clone().requires_grad_() for name, p in start.items()}
    adam = Adam({**mine, "empty": torch.zeros(0, 3, requires_grad=True)})
    torch_adam = torch.optim.Adam(
        [{"params": [p], "lr": rates[name]} for name, p in theirs.items()],
        betas=(0.9, 0.99), eps=1e-15,
    )  # fmt: skip

    def advance(steps: int) -> None:
        for _ in range(steps):
            pulled(mine, goal)
            adam.step(rates)
            torch_adam.zero_grad()
            pulled(theirs, goal)
            torch_adam.step()

    advance(5)
    fewer = {"own": mine["own"].detach()[rows].requires_grad_(),
             "all": mine["all"].detach().clone().requires_grad_()}  # fmt: skip
    after = adam.reindexed(fewer, rows, {"own"})
    state: dict[str, dict[str, torch.Tensor]] = adam.state()  # type: ignore[assignment]
    found: dict[str, dict[str, torch.Tensor]] = after.state()  # type: ignore[assignment]
    for moment in ("first", "second"):
        assert torch.equal(found[moment]["own"], state[moment]["own"][rows])
        assert torch.equal(found[moment]["all"], state[moment]["all"])
    advance(5)
    for _ in range(5):
        pulled(fewer, {"own": goal["own"][rows], "all": goal["all"]})
        after.step(rates)
    for name in mine:
        torch.testing.assert_close(mine[name], theirs[name])
    torch.testing.assert_close(fewer["own"], mine["own"][rows])
    torch.testing.assert_close(fewer["all"], mine["all"])


# Pictures


def _pictures(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two pictures that differ except near their borders."""
    rng = np.random.default_rng(seed)
    a, b = np.zeros((2, 40, 44, 3))
    a[10:-10, 10:-10] = rng.uniform(size=(20, 24, 3))
    b[10:-10, 10:-10] = np.clip(a[10:-10, 10:-10] + rng.normal(size=(20, 24, 3)) * 0.2, 0, 1)
    return a, b


def _dissimilarity(a: np.ndarray, b: np.ndarray) -> float:
    drawn, flat = torch.tensor(a).float(), torch.zeros(a.shape[:2])
    view = replace(empty_view(ring_camera(0.0)), rgb=torch.tensor(b).float(), mask=flat)
    return float(dissimilarity(RasterOutput(drawn, flat, flat, drawn), view))


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_dissimilarity_is_that_of_scikit_image(seed: int) -> None:
    a, b = _pictures(seed)
    _, known = structural_similarity(
        a, b, win_size=7, data_range=1.0, channel_axis=-1, use_sample_covariance=False, full=True
    )
    assert _dissimilarity(a, b) == pytest.approx((1 - known.mean()) / 2, abs=1e-3)
    assert _dissimilarity(b, a) == pytest.approx(_dissimilarity(a, b), abs=1e-6)
    assert _dissimilarity(a, a) == pytest.approx(0, abs=1e-5)
    assert 0 < _dissimilarity(a, b) < _dissimilarity(a, 1 - a) <= 1


@settings(max_examples=20, deadline=None)
@given(
    top=st.integers(0, 30), left=st.integers(0, 30), tall=st.integers(1, 17),
    wide=st.integers(1, 17), margin=st.integers(0, 14),
)  # fmt: skip
def test_a_cropped_view_keeps_its_rays(
    top: int, left: int, tall: int, wide: int, margin: int
) -> None:
    g = torch.Generator().manual_seed(0)
    mask = torch.zeros(48, 48)
    mask[top : top + tall, left : left + wide] = 1
    view = replace(empty_view(ring_camera(0.5)), rgb=torch.rand(48, 48, 3, generator=g), mask=mask)
    part = view.cropped(margin=margin)
    offset = (view.K - part.K)[:2, 2]
    column, row = (int(o) for o in offset)
    assert (column, row) == (max(0, left - margin), max(0, top - margin))
    assert part.width == min(48, left + wide + margin) - column
    assert part.height == min(48, top + tall + margin) - row
    window = (slice(row, row + part.height), slice(column, column + part.width))
    assert torch.equal(part.rgb, view.rgb[window])
    assert part.mask.sum() == mask.sum()
    points = torch.randn(9, 3, generator=g)

    def pixels(v: View) -> torch.Tensor:
        p = (points @ v.T_camera_world[:3, :3].T + v.T_camera_world[:3, 3]) @ v.K.T
        return p[:, :2] / p[:, 2:]

    torch.testing.assert_close(pixels(part), pixels(view) - offset, atol=1e-4, rtol=1e-5)
    model, clock = ball(40), make_clock()
    whole = draw(model, clock, 0, view).features[window]
    difference = (draw(model, clock, 0, part).features - whole).abs()
    assert difference.mean() < 1e-5
    assert difference.max() < 0.02
