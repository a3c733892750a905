"""Bones followed from picture to picture: the solver's sums, and flow between pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.reconstruction.bone_kernels import add_flow
from reel2sim.reconstruction.bone_solver import FlowTargets, solve_bones
from reel2sim.reconstruction.bones import lay_bones
from reel2sim.reconstruction.flow import carried_targets
from reel2sim.reconstruction.picture_error import drawn
from reel2sim.reconstruction.skinning import as_poses
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.scene import transforms as tf

from .moving_ball import ball, empty_view, ring_camera, surfels_of

PX = 96


def _matrices(view: View) -> tuple[np.ndarray, np.ndarray]:
    return view.K.numpy().astype(float), view.T_camera_world.numpy().astype(float)


def _projected(x: np.ndarray, K: np.ndarray, T: np.ndarray) -> np.ndarray:
    p = (x @ T[:3, :3].T + T[:3, 3]) @ K.T
    return p[:, :2] / p[:, 2:]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 1), st.integers(1, 5))
def test_sums_are_those_of_differentiated_errors(seed: int, bones: int) -> None:
    rng = np.random.default_rng(seed)
    n, sigma = 12, 2.0
    x = rng.uniform(-0.5, 0.5, (n, 3))
    pivots = rng.uniform(-0.5, 0.5, (bones, 3))
    skin = rng.dirichlet(np.ones(bones), n) * (rng.random((n, bones)) > 0.3)
    K, T = _matrices(empty_view(ring_camera(rng.uniform(0, 6), 0.3, px=PX)))
    index = rng.permutation(n)[:9]
    wanted = _projected(x, K, T)[index] + rng.normal(size=(9, 2))
    trust = rng.random(9)

    def residuals(step: np.ndarray) -> np.ndarray:
        turn, shift = step.reshape(bones, 6)[:, :3], step.reshape(bones, 6)[:, 3:]
        arm = x[:, None] - pivots
        moved = x + (skin[:, :, None] * (np.cross(turn, arm) + shift)).sum(1)
        return (_projected(moved, K, T)[index] - wanted).ravel()

    h = 1e-6 * np.eye(6 * bones)
    J = np.stack([(residuals(d) - residuals(-d)) / 2e-6 for d in h], axis=1)
    r = residuals(np.zeros(6 * bones))
    w = np.repeat(trust / (1 + (r.reshape(-1, 2) ** 2).sum(1) / sigma**2) ** 2, 2)
    A, g = np.zeros((6 * bones, 6 * bones)), np.zeros(6 * bones)
    owner, bone = np.nonzero(skin)
    starts = np.searchsorted(owner, np.arange(n + 1))
    add_flow(A, g, x, pivots, starts, bone, skin[owner, bone], index, wanted, trust, K, T, sigma)
    scale = np.abs(J).max() ** 2
    np.testing.assert_array_equal(np.tril(A, -1), 0)
    np.testing.assert_allclose(np.triu(A), np.triu(J.T @ (w[:, None] * J)), atol=1e-6 * scale)
    np.testing.assert_allclose(g, J.T @ (w * r), atol=1e-6 * scale)


@pytest.fixture(scope="module")
def surfels() -> SurfelTensors:
    return surfels_of(ball(900, detail=2.0))


@pytest.mark.parametrize("bones", [1, 12, 60])
def test_bones_go_where_all_pictures_want_them(surfels: SurfelTensors, bones: int) -> None:
    points = surfels.means.numpy().astype(float)
    skeleton = lay_bones(points, surfels.colors.numpy(), count=bones, seed=0)
    skin = np.eye(len(skeleton.centers))[skeleton.labels]
    true = tf.pose(tf.axis_rotation(np.array([0.0, 0.6, 0.8]), 0.15), np.array([0.05, -0.04, 0.02]))
    goal = tf.apply(true, points)
    targets = []
    for side in range(4):
        K, T = _matrices(empty_view(ring_camera(1.6 * side, 0.4, px=PX)))
        every = np.arange(len(points))
        targets.append(FlowTargets(every, _projected(goal, K, T), np.ones(len(points)), K, T))
    still = np.tile(np.eye(4), (len(skeleton.centers), 1, 1))
    found = solve_bones(still, points, skin, skeleton, targets, sigma_px=6.0, tie=0.2, iterations=8)
    moved = np.einsum("nij,nj->ni", found[skeleton.labels, :3, :3], points)
    moved += found[skeleton.labels, :3, 3]
    assert np.linalg.norm(moved - goal, axis=1).max() < 2e-3


def _picture(surfels: SurfelTensors, T: np.ndarray, view: View) -> tuple[SurfelTensors, View]:
    posed = surfels.moved(as_poses(np.tile(T, (len(surfels.means), 1, 1)), surfels.means))
    [out] = drawn(posed, [view], backend="numba")
    return posed, replace(view, rgb=out.features.clamp(0, 1), mask=out.alpha)


def test_flow_between_pictures_needs_no_colours_of_the_model(surfels: SurfelTensors) -> None:
    view = empty_view(ring_camera(0.7, 0.4, px=PX))
    turn = tf.pose(tf.axis_rotation(np.array([0.0, 0.0, 1.0]), 0.06), np.array([0.0, 0.0, 0.03]))
    before, last = _picture(surfels, np.eye(4), view)
    after, now = _picture(surfels, turn, view)
    grey = before.map({"colors": torch.full_like(before.colors, 0.5)})
    seen, blind = (carried_targets(m, last, now, backend="numba") for m in (before, grey))
    np.testing.assert_array_equal(seen.pixels, blind.pixels)
    np.testing.assert_array_equal(seen.weight, blind.weight)
    goal = _projected(after.means.numpy()[seen.index].astype(float), seen.K, seen.T_camera_world)
    start = _projected(before.means.numpy()[seen.index].astype(float), seen.K, seen.T_camera_world)
    trusted = seen.weight > 0.25
    error = np.linalg.norm(seen.pixels - goal, axis=1)[trusted]
    assert trusted.mean() > 0.6
    assert np.median(error) < 0.25 * np.median(np.linalg.norm(start - goal, axis=1)[trusted])
    # What leaves the object, or comes back elsewhere, is not believed.
    empty = replace(now, rgb=torch.zeros_like(now.rgb), mask=torch.zeros_like(now.mask))
    assert carried_targets(before, last, empty, backend="numba").weight.max() < 1e-3
