"""Colours that turn with their surfels, refinement over time, and files that keep both."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from reel2sim.scene import PoseSpline, Surfels, SurfelSequence
from reel2sim.scene import transforms as tf
from reel2sim.scene.errors import InputError
from reel2sim.scene.harmonics import rotate_sh, sh_basis
from reel2sim.scene.store import load_sequence, save_sequence
from reel2sim.scene.surfels import Refinement, light_ratio, refinement_basis

seeds = st.integers(0, 2**31 - 1)
bands = st.sampled_from([1, 4, 9, 16])
STOP_S = 2.0
LIGHT = np.array([3.5, 0.4, 0.3, -0.2, 0.1, 0.0, -0.1, 0.05, 0.1])


def _turns(rng: np.random.Generator, n: int) -> np.ndarray:
    return Rotation.random(n, random_state=rng).as_matrix()


def _surfels(rng: np.random.Generator, n: int = 12, k: int = 9) -> Surfels:
    return Surfels(
        means=rng.uniform(-1, 1, (n, 3)),
        rotations=rng.normal(size=(n, 4)),
        scales=rng.uniform(0.05, 0.2, (n, 2)),
        opacities=rng.uniform(0.2, 1, n),
        sh=rng.normal(size=(n, k, 3)) * 0.2,
        confidence=rng.uniform(0, 1, n),
    )


def _refinement(rng: np.random.Generator, n: int = 12, *, light: np.ndarray = LIGHT) -> Refinement:
    return Refinement(
        STOP_S, rng.normal(size=(5, n, 3)) * 0.3, rng.normal(size=(5, n, 2)) * 0.3, light
    )


def _sequence(seed: int, n: int = 12) -> SurfelSequence:
    rng = np.random.default_rng(seed)
    spline = PoseSpline(
        0.0,
        STOP_S,
        rng.normal(size=(5, 3, 3)) * 0.2,
        np.eye(4)[0] + rng.normal(size=(5, 3, 4)) * 0.2,
        rng.normal(size=(3, 3)),
    )
    return SurfelSequence(
        _surfels(rng, n),
        spline,
        np.full((3, 3), 0.4),
        rng.dirichlet(np.ones(3), size=n),
        np.linspace(0, STOP_S, 4),
        {"psnr_db": 30.0},
        _refinement(rng, n),
    )


def _assert_same(a: Surfels, b: Surfels, atol: float) -> None:
    for f in fields(Surfels):
        got, wanted = getattr(a, f.name), getattr(b, f.name)
        if f.name == "rotations":
            got = got * np.sign((got * wanted).sum(1, keepdims=True))
        np.testing.assert_allclose(got, wanted, atol=atol, err_msg=f.name)


@settings(max_examples=40, deadline=None)
@given(seeds, bands)
def test_turned_colours_are_seen_along_turned_directions(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    sh, R = rng.normal(size=(5, k, 3)), _turns(rng, 5)
    d = rng.normal(size=(5, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)
    before = np.einsum("nk,nkc->nc", sh_basis(d, k), sh)
    ahead = np.einsum("nij,nj->ni", R, d)
    after = np.einsum("nk,nkc->nc", sh_basis(ahead, k), rotate_sh(sh, R))
    np.testing.assert_allclose(after, before, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(seeds, bands)
def test_turns_of_colours_are_a_group_and_keep_energy_of_each_degree(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    sh, A, B = rng.normal(size=(4, k, 3)), _turns(rng, 4), _turns(rng, 4)
    np.testing.assert_allclose(rotate_sh(rotate_sh(sh, B), A), rotate_sh(sh, A @ B), atol=1e-9)
    np.testing.assert_allclose(rotate_sh(rotate_sh(sh, A), tf.invert(tf.pose(A))[:, :3, :3]), sh,
                               atol=1e-9)  # fmt: skip
    np.testing.assert_allclose(rotate_sh(sh, np.tile(np.eye(3), (4, 1, 1))), sh, atol=1e-9)
    turned = rotate_sh(sh, A)
    for degree in range(int(k**0.5)):
        own = slice(degree**2, (degree + 1) ** 2)
        np.testing.assert_allclose(
            (turned[:, own] ** 2).sum(1), (sh[:, own] ** 2).sum(1), atol=1e-8
        )


@settings(max_examples=30, deadline=None)
@given(seeds, bands)
def test_there_and_back_again(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    surfels = _surfels(rng, k=k)
    T = tf.pose(_turns(rng, len(surfels)), rng.normal(size=(len(surfels), 3)))
    _assert_same(surfels.moved(T).moved(tf.invert(T)), surfels, 1e-5)
    if k > 1:
        assert np.abs(surfels.moved(T).sh - surfels.sh).max() > 1e-2


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_nothing_is_refined_at_time_zero(seed: int) -> None:
    rng = np.random.default_rng(seed)
    surfels = _surfels(rng)
    still = np.tile(np.eye(4), (len(surfels), 1, 1))
    _assert_same(_refinement(rng).applied(surfels, still, 0.0), surfels, 1e-6)
    sequence = _sequence(seed)
    _assert_same(sequence.at(0.0), sequence.canonical, 1e-5)


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.05, 10.0))
def test_light_from_everywhere_changes_nothing(seed: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    surfels = _surfels(rng)
    T = tf.pose(_turns(rng, len(surfels)), rng.normal(size=(len(surfels), 3)))
    none = Refinement(STOP_S, np.zeros((4, 12, 3)), np.zeros((4, 12, 2)), strength * np.eye(9)[0])
    _assert_same(none.applied(surfels, T, 1.3), surfels.moved(T), 1e-6)


@settings(max_examples=30, deadline=None)
@given(seeds, st.floats(0.1, 10.0))
def test_light_multiplies_what_is_seen_and_not_its_strength(seed: int, strength: float) -> None:
    rng = np.random.default_rng(seed)
    surfels = _surfels(rng)
    T = tf.pose(_turns(rng, len(surfels)))
    zero = np.zeros((4, 12, 3)), np.zeros((4, 12, 2))
    d = rng.normal(size=(12, 3))
    d /= np.linalg.norm(d, axis=1, keepdims=True)

    def seen(s: Surfels) -> np.ndarray:
        return 0.5 + np.einsum("nk,nkc->nc", sh_basis(d, 9), s.sh)

    lit = Refinement(STOP_S, *zero, LIGHT).applied(surfels, T, 1.0)
    ratio = light_ratio(LIGHT, surfels.normals, lit.normals)
    assert np.ptp(ratio) > 0.01
    np.testing.assert_allclose(seen(lit), ratio[:, None] * seen(surfels.moved(T)), atol=1e-5)
    np.testing.assert_allclose(
        light_ratio(strength * LIGHT, surfels.normals, lit.normals), ratio, rtol=1e-9
    )
    back = light_ratio(LIGHT, lit.normals, surfels.normals)
    np.testing.assert_allclose(back * ratio, 1, rtol=1e-9)


def test_refinement_turns_and_stretches_as_its_control_points_say() -> None:
    n, k = 3, 5
    angle = 0.4
    turn = np.zeros((k, n, 3))
    stretch = np.zeros((k, n, 2))
    turn[-1, :, 2], stretch[-1, :, 0] = 2 * np.tan(angle / 2), np.log(3.0)
    surfels = replace(_surfels(np.random.default_rng(0), n), rotations=np.eye(4)[[0] * n])
    still = np.tile(np.eye(4), (n, 1, 1))
    out = Refinement(STOP_S, turn, stretch, np.eye(9)[0]).applied(surfels, still, STOP_S)
    # At the stop a clamped-free uniform spline weighs its last three control points 1:4:1.
    share = refinement_basis(np.array([STOP_S]), stop_s=STOP_S, knots=k)[0, -1]
    assert share == pytest.approx(1 / 6)
    half = np.arctan(share * np.tan(angle / 2))
    np.testing.assert_allclose(out.rotations, [[np.cos(half), 0, 0, np.sin(half)]] * n, atol=1e-6)
    np.testing.assert_allclose(out.scales[:, 0] / surfels.scales[:, 0], 3.0**share, rtol=1e-5)
    np.testing.assert_allclose(out.scales[:, 1], surfels.scales[:, 1])
    np.testing.assert_allclose(out.means, surfels.means)


def test_a_refinement_refuses_what_does_not_fit() -> None:
    sequence = _sequence(0)
    with pytest.raises(InputError, match="number of surfels"):
        replace(sequence, refinement=_refinement(np.random.default_rng(0), 11))
    with pytest.raises(InputError, match="4 control points"):
        Refinement(1.0, np.zeros((3, 2, 3)), np.zeros((3, 2, 2)), np.zeros(9))
    with pytest.raises(InputError, match="log_scales"):
        Refinement(1.0, np.zeros((5, 2, 3)), np.zeros((4, 2, 2)), np.zeros(9))


@settings(max_examples=5, deadline=None)
@given(seed=seeds, refined=st.booleans())
def test_a_file_keeps_every_bit_of_a_sequence(
    tmp_path_factory: pytest.TempPathFactory, seed: int, refined: bool
) -> None:
    folder: Path = tmp_path_factory.mktemp("sequence")
    sequence = _sequence(seed)
    if not refined:
        sequence = replace(sequence, refinement=None)
    save_sequence(folder / "a.npz", sequence)
    loaded = load_sequence(folder / "a.npz")
    save_sequence(folder / "b.npz", loaded)
    assert (folder / "a.npz").read_bytes() == (folder / "b.npz").read_bytes()
    assert (loaded.refinement is None) == (not refined)
    for t in (0.0, 0.7, STOP_S):
        for f in fields(Surfels):
            np.testing.assert_array_equal(
                getattr(loaded.at(t), f.name), getattr(sequence.at(t), f.name)
            )
