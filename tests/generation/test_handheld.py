"""Clips as people film them: hands move things, cameras sway, and at first nothing happens."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.generation.backend import GenerationConfig
from reel2sim.generation.scripted.cameras import Shot
from reel2sim.generation.scripted.filming import film
from reel2sim.generation.scripted.hand import Hand, hand_for
from reel2sim.generation.scripted.handheld import handheld
from reel2sim.generation.scripted.perform import perform
from reel2sim.generation.scripted.play import Performance
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.generation.setting import Setting
from reel2sim.scene import silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import look_at

SIZE = 64


def playing(prompt: str = "a laptop, the laptop's first lid opens") -> Performance:
    """Two seconds of it, and half a second of rest on both sides."""
    times_s = np.linspace(0, 2, 9)
    play = perform(parse_prompt(prompt), np.random.default_rng(0), times_s)
    return play.waiting(before=2, after=2)


def tripod(play: Performance) -> list[Shot]:
    """A shot of every instant."""
    middle = play.points([0]).mean(axis=0)
    reach = np.ptp(play.points(), axis=0).max()
    eye = middle + 2.2 * reach * np.array([1.0, 0.3, 0.5])
    camera = look_at(eye, middle, width=SIZE, height=SIZE, fov_y=0.8)
    return [Shot("clip", k, camera, f"{k}.png") for k in range(len(play.times_s))]


def hand_of(play: Performance, seed: int = 0) -> Hand:
    eye = tripod(play)[0].camera.position
    hand = hand_for(play, eye, np.random.default_rng(seed))
    assert hand is not None
    return hand


def vertices(hand: Hand, k: int) -> Array:
    """Of the whole hand at an instant ``(n, 3)``."""
    found = [
        mesh.vertices @ T[k, :3, :3].T + T[k, :3, 3]
        for mesh, T in zip(hand.meshes, hand.tracks, strict=True)
    ]
    return np.concatenate(found)


def lid(play: Performance, k: int) -> Array:
    actor = play.actors[0]
    (part,) = actor.spec.movable
    T = actor.part_poses[part.name][k]
    return part.vertices @ T[:3, :3].T + T[:3, 3]


@given(st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=10, deadline=None)
def test_waiting_only_adds_rest(before: int, after: int) -> None:
    play = perform(parse_prompt("a laptop that opens"), np.random.default_rng(0), np.arange(4.0))
    longer = play.waiting(before=before, after=after)
    assert len(longer.times_s) == 4 + before + after
    np.testing.assert_allclose(np.diff(longer.times_s), 1.0)
    (q,), (was,) = (p.actors[0].positions.values() for p in (longer, play))
    np.testing.assert_array_equal(q[before : before + 4], was)
    assert (q[: before + 1] == was[0]).all()
    assert (q[before + 3 :] == was[-1]).all()


def test_what_is_frozen_does_not_move() -> None:
    still = playing().frozen(count=5)
    points = [still.points([k]) for k in range(5)]
    assert np.ptp(points, axis=0).max() == 0
    assert len(still.times_s) == 5


@pytest.mark.parametrize("seed", range(4))
def test_a_hand_holds_what_moves_and_is_gone_before_and_after(seed: int) -> None:
    play = playing()
    hand = hand_of(play, seed)
    size = np.linalg.norm(np.ptp(play.points([0]), axis=0))
    nearest = np.array(
        [
            np.linalg.norm(vertices(hand, k)[:, None] - lid(play, k)[None], axis=2).min()
            for k in range(len(play.times_s))
        ]
    )
    moving = slice(4, 9)
    assert nearest[moving].max() < 0.12 * size
    assert nearest[0] > 0.3 * size


def test_nothing_is_held_where_nothing_moves() -> None:
    play = playing().frozen()
    assert hand_for(play, tripod(play)[0].camera.position, np.random.default_rng(0)) is None


def test_a_hand_hides_but_is_no_part_of_anything() -> None:
    play = playing()
    shots = tripod(play)
    config = GenerationConfig(supersample=1, setting=Setting(background="room"))
    bare, views = film(play, shots, config, progress=silent)
    frames, held = film(play, shots, config, hand=hand_of(play), progress=silent)
    changed = 0
    for k, (without, frame) in enumerate(zip(bare, frames, strict=True)):
        assert without.mask is not None
        assert frame.mask is not None
        assert (frame.mask <= without.mask).all()
        there, now = views.view(k), held.view(k)
        assert set(np.unique(now.part)) <= {0, 1, 2}
        same = now.depth == there.depth
        assert (now.part[same] == there.part[same]).all()
        changed += int((~same).sum())
        scenery = same & (now.part == 0) & np.isfinite(now.flow[..., 0])
        np.testing.assert_allclose(now.flow[scenery], 0.0, atol=1e-4)
    assert changed > 500
    moved = held.view(3).flow[held.view(3).depth != views.view(3).depth]
    assert np.nanmax(np.abs(moved)) > 1.0


def test_a_held_camera_starts_where_it_was_and_keeps_looking() -> None:
    play = playing()
    shots = tripod(play)
    middle = play.points([0]).mean(axis=0)
    found = handheld(shots, play.times_s, middle, np.random.default_rng(3), walk=0.5)
    np.testing.assert_allclose(
        found[0].camera.T_world_camera, shots[0].camera.T_world_camera, atol=1e-9
    )
    assert [s.instant for s in found] == [s.instant for s in shots]
    for shot in found:
        pixel, depth = shot.camera.project(middle[None])
        assert depth[0] > 0
        assert np.linalg.norm(pixel[0] - SIZE / 2) < 0.2 * SIZE
        np.testing.assert_allclose(shot.camera.K, shots[0].camera.K)
    way = found[-1].camera.position - found[0].camera.position
    away = np.linalg.norm(shots[0].camera.position - middle)
    assert 0.3 < np.linalg.norm(way) / away < 0.7
    again = handheld(shots, play.times_s, middle, np.random.default_rng(3), walk=0.5)
    np.testing.assert_array_equal(
        [s.camera.T_world_camera for s in again], [s.camera.T_world_camera for s in found]
    )
