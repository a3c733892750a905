"""Cuts are found, and fast motion is none."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.reconstruction.monocular.shots import shots
from reel2sim.scene import Frame
from reel2sim.scene.arrays import Array


def scene(seed: int) -> Array:
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 255, (12, 16, 3)).astype(np.uint8)
    return cv2.resize(rough, (160, 120), interpolation=cv2.INTER_CUBIC)


def panned(image: Array, count: int, step: int) -> list[Array]:
    return [np.roll(image, step * k, axis=1) for k in range(count)]


def clip(images: list[Array]) -> tuple[Frame, ...]:
    return tuple(Frame(image, k / 24) for k, image in enumerate(images))


@settings(max_examples=20, deadline=None)
@given(st.integers(4, 12), st.integers(4, 12), st.integers(0, 5), st.integers(0, 100))
def test_a_cut_is_where_the_scene_changes(first: int, second: int, step: int, seed: int) -> None:
    images = panned(scene(seed), first, step) + panned(scene(seed + 1000), second, step)
    assert shots(clip(images)) == [(0, first), (first, first + second)]


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 20), st.integers(0, 6), st.integers(0, 100))
def test_a_single_take_is_a_single_shot(count: int, step: int, seed: int) -> None:
    assert shots(clip(panned(scene(seed), count, step))) == [(0, count)]


def test_shots_cover_the_clip() -> None:
    images = [image for seed in range(4) for image in panned(scene(seed), 5, 2)]
    found = shots(clip(images))
    assert found[0][0] == 0
    assert found[-1][1] == len(images)
    assert all(a[1] == b[0] for a, b in pairwise(found))
