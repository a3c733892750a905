"""Rigid bodies of unknown number: motions from sightings, who follows which, and how many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from reel2sim.reconstruction import ReconstructionConfig
from reel2sim.reconstruction.bodies.discover import Judge
from reel2sim.reconstruction.bodies.evidence import Footage, Sightings
from reel2sim.reconstruction.bodies.labels import NOISE, adjacency, choose, economical
from reel2sim.reconstruction.bodies.needed import believable_error, needed_bodies
from reel2sim.reconstruction.bodies.screw import Kind, Screw, fit_screw
from reel2sim.reconstruction.bodies.trajectory import fit_trajectory
from reel2sim.reconstruction.bones import lay_bones
from reel2sim.reconstruction.lost_bones import LostAndFound
from reel2sim.reconstruction.motion import find_motion
from reel2sim.reconstruction.picture_error import drawn, picture_error
from reel2sim.reconstruction.skinning import as_poses
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.scene import transforms as tf

from .moving_ball import SLIDE, ball, empty_view, make_clock, make_film, ring_camera, surfels_of

seeds = st.integers(0, 2**31 - 1)
PX = 64
INSTANTS = 6
VIEWS = 3


def _footage() -> Footage:
    """Three cameras at each instant that see a wholly covered, black picture."""
    views = [empty_view(ring_camera(0.4 + 2.1 * v, 0.5 * v, px=PX)) for v in range(VIEWS)]
    full = [replace(view, mask=torch.ones_like(view.mask)) for view in views]
    return Footage.of([full] * INSTANTS)


def _motion(seed: int, *, size: float = 1.0) -> np.ndarray:
    """A steady turn about an axis near the object, and a shift ``(t, 4, 4)``."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    share = np.linspace(0, size, INSTANTS)
    R = tf.axis_rotation(axis, 0.6 * share)
    pivot = rng.uniform(-0.3, 0.3, 3)
    return tf.pose(R, pivot - R @ pivot + share[:, None] * rng.uniform(-0.15, 0.15, 3))


def _pixels(points: np.ndarray, T: np.ndarray, footage: Footage, v: int) -> np.ndarray:
    p = tf.apply(footage.T_camera_world[v] @ T, points) @ footage.K[v].T
    return p[:, :2] / p[:, 2:]


def _sightings(
    points: np.ndarray, motions: np.ndarray, labels: np.ndarray, footage: Footage, *,
    noise_px: float, outliers: float, seed: int,
) -> Sightings:  # fmt: skip
    """Where each surfel is seen in every picture; some are wrong by many pixels."""
    rng = np.random.default_rng(seed)
    n, columns = len(points), []
    for v, f in enumerate(footage.time):
        goal = np.zeros((n, 2))
        for k, T in enumerate(motions):
            goal[labels == k] = _pixels(points[labels == k], T[f], footage, v)
        goal += rng.normal(size=(n, 2)) * noise_px
        wrong = rng.uniform(size=n) < outliers
        goal[wrong] += rng.uniform(-20, 20, (int(wrong.sum()), 2))
        columns.append((np.arange(n), np.full(n, f), np.full(n, v), goal, np.ones(n)))
    return Sightings(*(np.concatenate(c) for c in zip(*columns, strict=True)))


def _nearby(T: np.ndarray, seed: int) -> np.ndarray:
    """A motion that is off by some degrees, as flow would leave it."""
    rng = np.random.default_rng(seed)
    error = tf.pose(
        Rotation.from_rotvec(rng.normal(size=(len(T), 3)) * 0.04).as_matrix(),
        rng.normal(size=(len(T), 3)) * 0.02,
    )
    error[0] = np.eye(4)
    return error @ T


def _apart(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Largest angle in degrees, and largest distance of where the origin goes."""
    turn = Rotation.from_matrix(a[:, :3, :3] @ np.swapaxes(b[:, :3, :3], 1, 2)).magnitude()
    return float(np.degrees(turn.max())), float(np.abs(a[:, :3, 3] - b[:, :3, 3]).max())


@pytest.mark.parametrize("seed", range(4))
def test_motions_come_back_from_noisy_sightings_a_fifth_of_them_wrong(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, labels = rng.uniform(-0.5, 0.5, (240, 3)), np.arange(240) % 2
    footage, motions = _footage(), np.stack([_motion(2 * seed), _motion(2 * seed + 1)])
    seen = _sightings(points, motions, labels, footage, noise_px=0.1, outliers=0.2, seed=seed)
    for k, true in enumerate(motions):
        T = _nearby(true, seed + k)
        assert _apart(T, true)[0] > 1.0
        for sigma in (4.0, 1.5):
            T = fit_trajectory(T, points, seen.of(labels == k), footage, sigma_px=sigma)
        degrees, shift = _apart(T, true)
        assert degrees < 0.2
        assert shift < 0.003
        np.testing.assert_array_equal(T[0], np.eye(4))


def test_an_instant_without_sightings_is_filled_in() -> None:
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (100, 3))
    footage, true = _footage(), _motion(5)
    labels = np.zeros(100, int)
    seen = _sightings(points, true[None], labels, footage, noise_px=0.0, outliers=0.0, seed=0)
    there = seen.time != 3
    columns = (seen.surfel, seen.time, seen.view, seen.pixel, seen.weight)
    fewer = Sightings(*(c[there] for c in columns))
    start = true.copy()
    start[3] = np.eye(4)
    assert _apart(start, true)[0] > 10
    degrees, shift = _apart(
        fit_trajectory(start, points, fewer, footage, sigma_px=1.5, iterations=12), true
    )
    assert degrees < 1.0
    assert shift < 0.02
    nothing = Sightings(*(c[:0] for c in columns))
    assert fit_trajectory(start, points, nothing, footage, sigma_px=1.5) is start


# Hinges and slides


def _on_axis(seed: int, kind: Kind) -> Screw:
    """Some hinge or slide near the object."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    q = np.sort(rng.uniform(0.1, 0.7, INSTANTS)) * (1.0 if kind == "revolute" else 0.5)
    q[0] = 0.0
    return Screw(kind, axis / np.linalg.norm(axis), rng.uniform(-0.4, 0.4, 3), q)


@settings(max_examples=12, deadline=None)
@given(seed=seeds, kind=st.sampled_from(["revolute", "prismatic"]))
def test_a_body_on_an_axis_gets_it_back(seed: int, kind: Kind) -> None:
    true, footage = _on_axis(seed, kind), _footage()
    points = np.random.default_rng(seed).uniform(-0.5, 0.5, (150, 3))
    labels, T = np.zeros(150, int), true.poses()
    seen = _sightings(points, T[None], labels, footage, noise_px=0.3, outliers=0.1, seed=seed)
    free = fit_trajectory(_nearby(T, seed), points, seen, footage, sigma_px=1.5)
    found = fit_screw(free, points, seen, footage, sigma_px=1.5)
    assert found is not None
    assert found.kind == kind
    assert found.q[0] == 0
    sign = np.sign(found.axis @ true.axis)
    assert np.degrees(np.arccos(min(1.0, abs(found.axis @ true.axis)))) < 1.5
    np.testing.assert_allclose(sign * found.q, true.q, atol=0.01)
    if kind == "revolute":
        offset = found.pivot - true.pivot
        assert np.linalg.norm(offset - (offset @ true.axis) * true.axis) < 0.02
    degrees, shift = _apart(found.poses(), T)
    assert degrees < 0.5
    assert shift < 0.01


@settings(max_examples=12, deadline=None)
@given(seed=seeds)
def test_a_body_that_does_not_stay_on_an_axis_is_left_free(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turns = np.cumsum(rng.normal(size=(INSTANTS, 3)), axis=0) * 0.25
    shifts = np.cumsum(rng.normal(size=(INSTANTS, 3)), axis=0) * 0.12
    turns[0] = shifts[0] = 0
    T, footage = tf.pose(Rotation.from_rotvec(turns).as_matrix(), shifts), _footage()
    points = rng.uniform(-0.5, 0.5, (150, 3))
    labels = np.zeros(150, int)
    seen = _sightings(points, T[None], labels, footage, noise_px=0.3, outliers=0.1, seed=seed)
    assert fit_screw(T, points, seen, footage, sigma_px=1.5) is None


@settings(max_examples=12, deadline=None)
@given(seed=seeds)
def test_a_hinge_too_far_away_to_be_told_from_a_slide_is_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    axis, along, far = Rotation.random(random_state=seed).as_matrix()
    q = np.linspace(0.0, 0.3, INSTANTS)
    slide, footage = Screw("prismatic", along, np.zeros(3), q), _footage()
    points, labels = rng.uniform(-0.5, 0.5, (300, 3)), np.zeros(300, int)
    true = slide.poses()
    seen = _sightings(points, true[None], labels, footage, noise_px=0.5, outliers=0.1, seed=seed)
    nearly = Screw("revolute", axis, 40.0 * far, q / 40.0)
    found = fit_screw(nearly.poses(), points, seen, footage, sigma_px=1.5)
    assert found is not None
    assert found.kind == "prismatic"
    degrees, shift = _apart(found.poses(), true)
    assert degrees == 0
    assert shift < 0.02


def test_a_screw_needs_sightings_and_instants() -> None:
    true, footage = _on_axis(1, "revolute"), _footage()
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (50, 3))
    T = true.poses()
    seen = _sightings(
        points, T[None], np.zeros(50, int), footage, noise_px=0, outliers=0, seed=0
    )  # fmt: skip
    nobody = seen.of(np.zeros(50, bool))
    assert fit_screw(T, points, nobody, footage, sigma_px=1.5) is None
    assert fit_screw(T[:2], points, seen.of(None), footage, sigma_px=1.5) is None
    still = np.tile(np.eye(4), (INSTANTS, 1, 1))
    assert fit_screw(still, points, seen, footage, sigma_px=1.5) is None


# Who follows which


def _two_heaps(seed: int, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) >= n // 2).astype(int)
    return rng.uniform(-0.4, 0.4, (n, 3)) + labels[:, None] * [0.6, 0, 0], labels


def _graph(points: np.ndarray):
    distance, near = KDTree(points).query(points, k=6)
    return adjacency(near[:, 1:], np.exp(-((distance[:, 1:] / 0.2) ** 2)))


@settings(max_examples=15, deadline=None)
@given(seed=seeds, m=st.integers(2, 6))
def test_clear_evidence_decides_and_few_strays_follow_their_neighbours(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    points, labels = _two_heaps(seed)
    names = rng.permutation(m)[:2][labels]
    cost = np.ones((len(points), m))
    cost[np.arange(len(points)), names] = 0.0
    W = _graph(points)
    np.testing.assert_array_equal(choose(cost, W, coupling=0.15), names)
    heart = np.flatnonzero(np.abs(points[:, 0] - 0.3) > 0.35)
    strays = rng.choice(heart, 4, replace=False)
    cost[strays] = 1.0
    cost[strays, names[::-1][strays]] = 0.9
    calm = np.setdiff1d(np.arange(len(points)), strays)
    found = choose(cost, W, coupling=0.15)
    np.testing.assert_array_equal(found[calm], names[calm])
    np.testing.assert_array_equal(choose(cost, W, coupling=1.0)[strays], names[strays])


def test_neighbours_count_the_same_both_ways() -> None:
    W = _graph(_two_heaps(0)[0])
    np.testing.assert_allclose(np.asarray(W.sum(axis=1)).ravel(), 1)
    np.testing.assert_array_equal((W != 0).toarray(), (W != 0).T.toarray())
    assert W.min() >= 0


@settings(max_examples=40, deadline=None)
@given(seed=seeds, m=st.integers(1, 6), price=st.floats(0, 20), keep=st.integers(0, 5))
def test_economy_keeps_what_must_stay_and_spends_no_more_than_it_saves(
    seed: int, m: int, price: float, keep: int
) -> None:
    rng = np.random.default_rng(seed)
    n, kept = 50, (keep % m,)
    cost = rng.uniform(0, 1, (n, m))
    labels = rng.integers(0, m, n)
    given_labels = labels.copy()
    out, alive = economical(cost, labels, price=price, kept=kept)
    np.testing.assert_array_equal(labels, given_labels)
    assert alive[list(kept)].all()
    assert alive[out].all()
    untouched = alive[labels]
    np.testing.assert_array_equal(out[untouched], labels[untouched])
    rows = np.arange(n)
    paid = cost[rows, out].sum() - cost[rows, labels].sum()
    used = np.bincount(labels, minlength=m) > 0
    gone = int((used & ~alive).sum())
    # A surfel whose body is given up may move on as often as bodies go.
    assert paid <= gone * (price + NOISE * n) + 1e-9
    again, still_alive = economical(cost, out, price=price, kept=kept)
    np.testing.assert_array_equal(again, out)
    np.testing.assert_array_equal(still_alive, alive)


def test_economy_joins_twins_and_leaves_what_is_needed() -> None:
    labels = np.repeat([0, 1, 2, 3], 25)
    cost = np.ones((100, 4))
    cost[np.arange(100), labels] = 0.0
    out, alive = economical(cost, labels, price=5.0, kept=(0,))
    np.testing.assert_array_equal(out, labels)
    assert alive.all()
    cost[50:, 2:] = 0.0  # motions 2 and 3 are the same
    out, alive = economical(cost, labels, price=5.0, kept=(0, 3))
    np.testing.assert_array_equal(alive, [True, True, False, True])
    np.testing.assert_array_equal(out, np.where(labels == 2, 3, labels))
    out, alive = economical(cost, labels, price=1e3, kept=(0,))
    np.testing.assert_array_equal(alive, [True, False, False, False])
    assert (out == 0).all()


def _judge(seed: int, motions: np.ndarray, labels: np.ndarray, points: np.ndarray) -> Judge:
    footage = _footage()
    seen = _sightings(points, motions, labels, footage, noise_px=0.2, outliers=0.1, seed=seed)
    depths = np.zeros(footage.mask.shape, np.float32)
    return Judge(points, np.zeros((len(points), 3)), seen, footage, depths, 1.5)


def _fitted(judge: Judge, motions: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return judge.fitted(motions, labels, constrained=False)[0]


@pytest.mark.parametrize("seed", range(3))
def test_halves_of_one_body_are_joined_and_two_bodies_are_not(seed: int) -> None:
    points, labels = _two_heaps(seed)
    still, true = np.tile(np.eye(4), (INSTANTS, 1, 1)), _motion(seed)
    price = 0.004 * len(points)

    one = _judge(seed, np.stack([still, true]), np.ones(len(points), int), points)
    halves = _fitted(one, np.stack([still, _nearby(true, 1), _nearby(true, 2)]), labels + 1)
    motions, joined = one.merged(halves.copy(), labels + 1, price=price)
    assert len(motions) == 2
    assert (joined == 1).all()
    assert _apart(motions[1], true)[0] < 0.3

    other = _motion(seed + 50)
    two = _judge(seed, np.stack([still, true, other]), labels + 1, points)
    apart = _fitted(two, np.stack([still, _nearby(true, 1), _nearby(other, 2)]), labels + 1)
    cost = two.cost(apart)
    assert (cost.argmin(axis=1) == labels + 1).mean() > 0.97
    motions, kept = two.merged(apart.copy(), labels + 1, price=price)
    assert len(motions) == 3
    np.testing.assert_array_equal(kept, labels + 1)


def test_what_does_not_move_joins_the_body_that_stands_still() -> None:
    points, labels = _two_heaps(1)
    still, true = np.tile(np.eye(4), (INSTANTS, 1, 1)), _motion(1)
    judge = _judge(1, np.stack([still, true]), labels, points)
    given_motions = _fitted(judge, np.stack([still, _nearby(still, 3), true]), labels + 1)
    motions, found = judge.merged(given_motions, labels + 1, price=0.004 * len(points))
    assert len(motions) == 2
    np.testing.assert_array_equal(found, labels)
    np.testing.assert_array_equal(motions[0], still)


def test_a_surfel_costs_the_same_whoever_else_is_asked_about() -> None:
    points, labels = _two_heaps(2)
    motions = np.stack([np.tile(np.eye(4), (INSTANTS, 1, 1)), _motion(2)])
    judge = _judge(2, motions, labels, points)
    rare = (judge.sightings.surfel % 3 > 0) | (judge.sightings.view == 0)
    seen = judge.sightings
    columns = (seen.surfel, seen.time, seen.view, seen.pixel, seen.weight)
    judge = replace(judge, sightings=Sightings(*(c[rare] for c in columns)),
                    colors=np.full((len(points), 3), 0.2))  # fmt: skip
    few = (np.arange(len(points)) % 3 == 0) & (labels == 1)
    np.testing.assert_allclose(judge.cost(motions, few), judge.cost(motions)[few], rtol=1e-5)


# All together


@pytest.fixture(scope="module")
def filmed():
    model = ball(500, detail=2.0)
    return surfels_of(model), make_film(model, make_clock(), views=3, px=PX)


def test_a_film_of_two_halves_shows_two_bodies(filmed) -> None:
    surfels, film = filmed
    config = replace(
        ReconstructionConfig(device="cpu"), bones=6, track_rounds=4, body_rounds=3, views_per_time=3
    )
    found = find_motion(surfels, film, config=config, backend="numba")
    assert found.poses.shape[1] == 2
    assert found.still == (0,)
    np.testing.assert_array_equal(found.poses[:, 0], np.tile(np.eye(4), (len(film), 1, 1)))
    follows = torch.softmax(torch.from_numpy(found.skin), 1).argmax(1).numpy()
    upper = surfels.means[:, 2].numpy() > 0
    assert (follows == upper).mean() > 0.95
    center = found.centers[1]
    end = found.poses[-1, 1, :3, :3] @ center + found.poses[-1, 1, :3, 3]
    np.testing.assert_allclose(end - center, [SLIDE, 0, 0], atol=0.03)
    loose = find_motion(surfels, film, config=replace(config, body_rounds=0), backend="numba")
    assert loose.poses.shape[1] == 6
    assert loose.still == ()


def test_films_may_have_pictures_of_several_sizes(filmed) -> None:
    surfels, film = filmed
    mixed = [[views[0], views[1].cropped(margin=6)] for views in film]
    assert mixed[1][0].rgb.shape != mixed[1][1].rgb.shape
    config = replace(ReconstructionConfig(device="cpu"), bones=2, track_rounds=1, body_rounds=1)
    found = find_motion(surfels, mixed, config=config, backend="numba")
    assert np.isfinite(found.poses).all()


# What drawing the whole model says


def _posed_film(surfels: SurfelTensors, motions: np.ndarray, labels: np.ndarray, film):
    """The film that cameras of ``film`` would have taken of bodies that move as ``motions``."""
    made = []
    for f, views in enumerate(film):
        posed = surfels.moved(as_poses(motions[labels, f], surfels.means))
        pictures = drawn(posed, views, backend="numba")
        made.append(
            [
                replace(view, rgb=out.features.clamp(0, 1), mask=out.alpha)
                for view, out in zip(views, pictures, strict=True)
            ]
        )
    return made


def test_a_model_has_no_error_in_its_own_pictures_and_more_the_farther_it_is(filmed) -> None:
    surfels, film = filmed
    still = np.tile(np.eye(4), (1, len(film), 1, 1))
    [views] = _posed_film(surfels, still, np.zeros(len(surfels), int), film[:1])
    errors = []
    for shift in (0.0, 0.02, 0.08, 0.3):
        T = tf.pose(None, [shift, 0, 0])
        moved = surfels.moved(as_poses(np.tile(T, (len(surfels), 1, 1)), surfels.means))
        errors.append(picture_error(moved, views, backend="numba"))
    assert errors[0] < 1e-3
    assert np.all(np.diff(errors) > 0)


def test_motions_that_pictures_do_not_need_are_given_up(filmed) -> None:
    surfels, film = filmed
    points = surfels.means.numpy()
    rng = np.random.default_rng(3)
    true = np.stack([np.tile(np.eye(4), (len(film), 1, 1)), _motion(5)[: len(film)]])
    belongs = (points[:, 2] > 0.1).astype(int)
    seen = _posed_film(surfels, true, belongs, film)
    # A third motion that is wrong holds some surfels of both bodies, a fourth is a twin.
    wrong = true[1] @ tf.pose(None, [0.0, 0.3, 0.0])
    wrong[0] = np.eye(4)
    motions = np.concatenate([true, wrong[None], true[1:]])
    for stolen in (belongs == 0, belongs == 1):
        labels = belongs.copy()
        labels[stolen & (points[:, 0] > 0.3)] = 2
        labels[(belongs == 1) & (points[:, 0] < -0.1)] = 3
        cost = rng.uniform(size=(len(points), 4))
        left, labels = needed_bodies(surfels, motions, labels, cost, seen, backend="numba")
        assert len(left) == 2
        np.testing.assert_array_equal(left[0], true[0])
        np.testing.assert_array_equal(left[1], true[1])
        np.testing.assert_array_equal(labels, belongs)


def test_a_body_across_the_seam_of_two_others_is_shared_out(filmed) -> None:
    surfels, film = filmed
    points = surfels.means.numpy()
    true = np.stack([np.tile(np.eye(4), (len(film), 1, 1)), _motion(5)[: len(film)]])
    belongs = (points[:, 2] > 0.1).astype(int)
    seen = _posed_film(surfels, true, belongs, film)
    between = true[1].copy()
    between[1:, :3, 3] *= 0.5
    motions = np.concatenate([true, between[None]])
    labels = np.where(np.abs(points[:, 2] - 0.1) < 0.25, 2, belongs)
    assert len(np.unique(belongs[labels == 2])) == 2
    cost = 0.3 * (np.arange(3) != belongs[:, None])
    left, labels = needed_bodies(surfels, motions, labels, cost, seen, backend="numba")
    np.testing.assert_array_equal(left, true)
    np.testing.assert_array_equal(labels, belongs)


def test_the_true_model_has_no_believable_error_and_one_that_lies_beyond_much(filmed) -> None:
    surfels, film = filmed
    still = np.tile(np.eye(4), (1, len(film), 1, 1))
    [views] = _posed_film(surfels, still, np.zeros(len(surfels), int), film[:1])
    beside = tf.pose(None, np.tile([0, 0, 0.5], (len(surfels), 1)))
    errors = [
        believable_error(model, views, backend="numba")
        for model in (surfels, surfels.moved(as_poses(beside, surfels.means)))
    ]
    assert errors[0] < 1e-2
    assert errors[1] > 100


def test_wrong_colours_are_no_better_than_none(filmed) -> None:
    surfels, film = filmed
    still = np.tile(np.eye(4), (1, len(film), 1, 1))
    [views] = _posed_film(surfels, still, np.zeros(len(surfels), int), film[:1])
    upper = surfels.means[:, 2] > 0
    half = surfels.select(torch.nonzero(upper)[:, 0])
    other = (surfels.colors < 0.5).float()
    junk = surfels.map({"colors": torch.where(upper[:, None], surfels.colors, other)})
    less, more = (picture_error(model, views, backend="numba") for model in (junk, half))
    assert less < more
    more, less = (believable_error(model, views, backend="numba") for model in (junk, half))
    assert less < more


def test_lost_bones_are_found_and_the_others_left_alone(filmed) -> None:
    surfels, film = filmed
    points, colors = surfels.means.numpy().astype(float), surfels.colors.numpy()
    skeleton = lay_bones(points, colors, count=4, seed=0)
    still = np.tile(np.eye(4), (len(skeleton.centers), 1, 1))
    lost = LostAndFound(surfels, skeleton, film[0], backend="numba")
    same, changed = lost.found(still)
    assert not changed.any()
    np.testing.assert_array_equal(same, still)
    astray = still.copy()
    astray[1] = tf.pose(None, [0.0, 0.0, 0.42])
    found, changed = lost.found(astray)
    assert changed[1]
    np.testing.assert_allclose(found[1, :3, 3], 0, atol=0.08)
    better = lost.better(astray, found)
    np.testing.assert_array_equal(better[1], found[1])
    assert lost.error(better) < lost.error(astray)
    assert lost.error(still) < lost.error(better) + 1e-9
