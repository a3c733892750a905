"""An arm that comes in, opens a lid and leaves is told from the lid."""

from __future__ import annotations

import numpy as np
import pytest

from reel2sim.reconstruction.monocular.actors import actor_tracks
from reel2sim.reconstruction.monocular.one_joint import Sightings
from reel2sim.scene.arrays import Array

from .synthetic import FOCAL, HEIGHT, WIDTH, still_camera

_T = 30


def sightings(pixels: Array, seen: Array) -> Sightings:
    center = np.array([WIDTH / 2, HEIGHT / 2])
    first = seen.argmax(axis=1)
    return Sightings(
        tuple(range(_T)),
        pixels,
        seen,
        first,
        still_camera(_T),
        center,
        FOCAL,
        np.zeros(len(pixels)),
        np.full(len(pixels), np.inf),
    )


def scene(comes: int, leaves: int) -> tuple[Sightings, Array]:
    """A lid, and an arm that holds it between two frames; which tracks are the arm's."""
    rng = np.random.default_rng(0)
    lift = 40 * np.clip((np.arange(_T) - comes) / max(leaves - comes, 1), 0, 1)
    lid = rng.uniform([150, 130], [250, 170], (40, 2))
    arm = np.stack([np.linspace(2, 160, 60), np.linspace(280, 150, 60)], axis=1)
    pixels = np.concatenate([lid, arm])[:, None] - lift[:, None] * np.array([0.0, 1.0])
    seen = np.ones((100, _T), bool)
    seen[40:] = (np.arange(_T) >= comes) & (np.arange(_T) < leaves)
    return sightings(pixels, seen), np.arange(100) >= 40


def test_the_arm_is_the_actor_and_the_lid_is_not() -> None:
    seen, arm = scene(8, 22)
    np.testing.assert_array_equal(actor_tracks(seen, np.arange(100)), arm)


def test_only_moving_tracks_are_asked() -> None:
    seen, arm = scene(8, 22)
    some = np.arange(30, 70)
    np.testing.assert_array_equal(actor_tracks(seen, some), arm[some])


@pytest.mark.parametrize(("comes", "leaves"), [(0, _T), (29, 29)])
def test_who_is_always_there_or_never_is_no_actor(comes: int, leaves: int) -> None:
    seen, _ = scene(comes, leaves)
    assert not actor_tracks(seen, np.nonzero(seen.seen.any(axis=1))[0]).any()


def test_nothing_moves() -> None:
    seen, _ = scene(8, 22)
    assert actor_tracks(seen, np.zeros(0, int)).shape == (0,)
