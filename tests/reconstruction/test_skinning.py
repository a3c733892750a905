from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from reel2sim.reconstruction.skinning import (
    BonePoses,
    blend,
    ellipsoid_logits,
    quaternion_multiply,
    rotate,
    skinning_weights,
    spline_poses,
)
from reel2sim.reconstruction.splines import lay_spline
from reel2sim.scene import PoseSpline, Surfels
from reel2sim.scene import transforms as tf
from reel2sim.scene.spline import bspline_basis

seeds = st.integers(0, 2**31 - 1)


def _poses(rng: np.random.Generator, n: int) -> np.ndarray:
    return tf.pose(Rotation.random(n, random_state=rng).as_matrix(), rng.normal(size=(n, 3)))


def _tensors(T: np.ndarray) -> BonePoses:
    return BonePoses(
        torch.from_numpy(tf.quaternion_from_matrix(T[:, :3, :3])), torch.from_numpy(T[:, :3, 3])
    )


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_blend_agrees_with_the_scene(seed: int) -> None:
    rng = np.random.default_rng(seed)
    T = _poses(rng, 5)
    w = rng.dirichlet(np.full(5, 0.3), size=20)
    x = rng.normal(size=(20, 3))
    expected = tf.blend_dual_quaternions(w, T)
    got = blend(torch.from_numpy(w), _tensors(T))
    wanted = np.einsum("nij,nj->ni", expected[:, :3, :3], x) + expected[:, :3, 3]
    np.testing.assert_allclose(got.apply(torch.from_numpy(x)).numpy(), wanted, atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_moved_surfels_agree_with_the_scene_in_single_precision(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 12
    T = _poses(rng, 3)
    w = rng.dirichlet(np.ones(3), size=n).astype(np.float32)
    surfels = Surfels.from_colors(
        means=rng.uniform(-1, 1, (n, 3)),
        rotations=rng.normal(size=(n, 4)),
        scales=np.full((n, 2), 0.1),
        opacities=np.full(n, 0.5),
        colors=np.full((n, 3), 0.5),
    )
    there = surfels.moved(tf.blend_dual_quaternions(w, T))
    poses = _tensors(T)
    each = blend(torch.from_numpy(w), BonePoses(poses.rotation.float(), poses.translation.float()))
    means = each.apply(torch.from_numpy(surfels.means)).numpy()
    q = quaternion_multiply(each.rotation, torch.from_numpy(surfels.rotations)).numpy()
    np.testing.assert_allclose(means, there.means, atol=1e-5)
    np.testing.assert_allclose(np.abs((q * there.rotations).sum(1)), 1, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_spline_agrees_with_the_scene_and_starts_at_identity(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k, b = 6, 4
    translations, centers = rng.normal(size=(k, b, 3)), rng.normal(size=(b, 3))
    rotations = np.cumsum(rng.normal(size=(k, b, 4)) * 0.2, 0) + np.eye(4)[0]
    times = np.linspace(0, 2.0, 9)
    expected = PoseSpline(0.0, 2.0, translations, rotations, centers)(times)
    basis = bspline_basis(times, start_s=0.0, stop_s=2.0, knots=k)
    got = spline_poses(*map(torch.from_numpy, (basis, translations, rotations, centers)))
    x = rng.normal(size=(b, 3))
    wanted = np.einsum("tbij,bj->tbi", expected[..., :3, :3], x) + expected[..., :3, 3]
    np.testing.assert_allclose(got.apply(torch.from_numpy(x)).numpy(), wanted, atol=1e-9)
    np.testing.assert_allclose(got.apply(torch.from_numpy(x)).numpy()[0], x, atol=1e-9)


def test_spline_laid_through_smooth_poses_passes_them() -> None:
    times = np.linspace(0, 1, 12)
    centers = np.array([[0.2, 0.0, 0.1], [-0.4, 0.3, 0.0]])
    turn = tf.axis_rotation(np.array([0.0, 0, 1]), np.outer(np.sin(times * 2), [1.0, -0.5]))
    offset = np.einsum("tbij,bj->tbi", turn, centers)
    poses = tf.pose(turn, centers - offset + times[:, None, None] * [0.1, 0, 0.3])
    basis = bspline_basis(times, start_s=0.0, stop_s=1.0, knots=9)
    translations, rotations = lay_spline(poses, centers, basis)
    got = PoseSpline(0.0, 1.0, translations, rotations, centers)(times)
    np.testing.assert_allclose(got, poses, atol=0.01)


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_rotation_is_a_homomorphism(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = (torch.from_numpy(q / np.linalg.norm(q)) for q in rng.normal(size=(2, 4)))
    x = torch.from_numpy(rng.normal(size=3))
    twice = rotate(a, rotate(b, x))
    torch.testing.assert_close(rotate(quaternion_multiply(a, b), x), twice)
    torch.testing.assert_close(rotate(a, x).norm(), x.norm())


def test_weights_are_a_partition_and_follow_the_ellipsoids() -> None:
    rng = np.random.default_rng(0)
    centers = torch.tensor([[0.0, 0, 0], [1.0, 0, 0]])
    points = torch.from_numpy(rng.normal(size=(40, 3))).float()
    even = ellipsoid_logits(points, centers, torch.ones(2, 3), temperature=0.5)
    w = skinning_weights(even, torch.zeros_like(even))
    torch.testing.assert_close(w.sum(1), torch.ones(40))
    assert ((w[:, 0] > 0.5) == (points[:, 0] < 0.5)).all()
    stretched = torch.tensor([[9.0, 1, 1], [1.0, 1, 1]])
    longer = ellipsoid_logits(points, centers, stretched, temperature=0.5)
    beside = points[:, 0].abs() < 0.5
    assert (
        skinning_weights(longer, torch.zeros_like(longer))[beside, 0] >= w[beside, 0] - 1e-6
    ).all()
    raised = skinning_weights(even, torch.tensor([[0.0, 2.0]]).expand_as(even))
    assert (raised[:, 1] > w[:, 1]).all()
