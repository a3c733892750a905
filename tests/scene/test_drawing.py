"""Surfels that move in groups are drawn as the rasteriser that reconstructs draws them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.reconstruction.render import render
from reel2sim.scene import Surfels, look_at
from reel2sim.scene.drawing.posed import PosedSurfels
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import axis_rotation, pose

relaxed = settings(max_examples=15, deadline=None)


def cloud(rng: np.random.Generator, count: int, degree: int) -> Surfels:
    return Surfels(
        means=rng.uniform(-0.5, 0.5, (count, 3)),
        rotations=rng.normal(size=(count, 4)),
        scales=rng.uniform(0.005, 0.08, (count, 2)),
        opacities=rng.uniform(0.05, 1.0, count),
        sh=0.3 * rng.normal(size=(count, (degree + 1) ** 2, 3)),
        confidence=np.ones(count),
    )


def turned(rng: np.random.Generator, groups: int) -> np.ndarray:
    motions = []
    for _ in range(groups):
        axis = rng.normal(size=3)
        R = axis_rotation(axis / np.linalg.norm(axis), rng.uniform(-3, 3))
        motions.append(pose(R, rng.uniform(-0.2, 0.2, 3)))
    return np.stack(motions)


@relaxed
@given(
    seed=st.integers(0, 2**31),
    degree=st.integers(0, 3),
    groups=st.integers(1, 4),
    width=st.integers(1, 70),
    height=st.integers(1, 40),
)
def test_moving_groups_are_drawn_as_moved_surfels_are(seed, degree, groups, width, height) -> None:
    rng = np.random.default_rng(seed)
    surfels = cloud(rng, 200, degree)
    ids, T = rng.integers(0, groups, 200), turned(rng, groups)
    eye = rng.normal(size=3)
    camera = look_at(
        1.8 * eye / np.linalg.norm(eye), np.zeros(3), width=width, height=height, fov_y=0.8
    )
    expected = render(surfels.moved(T[ids]), camera)
    found = PosedSurfels(surfels, ids).drawn(T, camera)
    np.testing.assert_allclose(found.rgb, expected.rgb, atol=2e-3)
    np.testing.assert_allclose(found.alpha, expected.alpha, atol=2e-3)
    seen = (found.alpha > 0.51) & (expected.alpha > 0.51)
    np.testing.assert_allclose(found.depth[seen], expected.depth[seen], atol=5e-3)
    assert (found.depth[found.alpha < 0.49] == 0).all()


@relaxed
@given(seed=st.integers(0, 2**31), gain=st.floats(0, 1))
def test_gains_scale_colours_and_nothing_else(seed: int, gain: float) -> None:
    rng = np.random.default_rng(seed)
    drawing = PosedSurfels(cloud(rng, 100, 1), np.zeros(100))
    camera = look_at(np.array([0.0, -2.0, 0.5]), np.zeros(3), width=30, height=20, fov_y=0.8)
    T = np.eye(4)[None]
    plain = drawing.drawn(T, camera)
    dimmed = drawing.drawn(T, camera, gains=np.full((1, 3), gain))
    np.testing.assert_allclose(dimmed.rgb, gain * plain.rgb, atol=1e-5)
    np.testing.assert_array_equal(dimmed.alpha, plain.alpha)
    np.testing.assert_array_equal(dimmed.depth, plain.depth)


def test_pictures_lie_over_their_background() -> None:
    rng = np.random.default_rng(0)
    camera = look_at(np.array([0.0, -2.0, 0.5]), np.zeros(3), width=40, height=40, fov_y=1.2)
    picture = PosedSurfels(cloud(rng, 20, 0), np.zeros(20)).drawn(np.eye(4)[None], camera)
    white = picture.over(np.ones(3))
    assert white.dtype == np.uint8
    empty = picture.alpha == 0
    assert empty.any()
    assert (white[empty] == 255).all()
    assert (picture.over(np.zeros(3))[empty] == 0).all()


def test_what_cannot_be_drawn_is_refused() -> None:
    surfels = cloud(np.random.default_rng(0), 3, 0)
    camera = look_at(np.array([0.0, -2.0, 0.5]), np.zeros(3), width=4, height=4, fov_y=1.0)
    for groups in ([0, 1], [0, -1, 0]):
        with pytest.raises(InputError, match=r"groups: has shape"):
            PosedSurfels(surfels, np.array(groups))
    drawing = PosedSurfels(surfels, np.array([0, 1, 0]))
    for T in (np.eye(4)[None], np.full((2, 4, 4), np.nan)):
        with pytest.raises(InputError, match="motions for 2 groups"):
            drawing.drawn(T, camera)


def test_nothing_is_a_picture_too() -> None:
    nothing = cloud(np.random.default_rng(0), 0, 0)
    camera = look_at(np.array([0.0, -2.0, 0.5]), np.zeros(3), width=20, height=8, fov_y=1.0)
    picture = PosedSurfels(nothing, np.zeros(0)).drawn(np.zeros((0, 4, 4)), camera)
    assert not picture.alpha.any()
