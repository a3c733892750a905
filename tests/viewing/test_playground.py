"""Physics of the viewer: what is pulled comes, what is dropped falls, what is held stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reel2sim.scene import JointType, Scene
from reel2sim.scene.transforms import apply
from reel2sim.viewing.extent import Extent
from reel2sim.viewing.playground import MOST_BALLS, Playground
from reel2sim.viewing.posture import Posture
from tests.exporters.conftest import build_asset
from tests.viewing.conftest import chest


@pytest.fixture
def made():
    """Playgrounds that are closed at the end."""
    grounds: list[Playground] = []

    def make(scene: Scene, postures=None) -> Playground:
        grounds.append(Playground(scene, postures or {}))
        return grounds[-1]

    yield make
    for ground in grounds:
        ground.close()


def slider():
    """A box that slides level on another."""
    asset = build_asset([JointType.PRISMATIC], [0], seed=3)
    joint = replace(asset.joints[0], axis=np.array([1.0, 0.0, 0.0]), friction=0.0)
    return replace(asset, joints=(joint,))


def run(ground: Playground, seconds: float) -> None:
    for _ in range(round(seconds * 30)):
        ground.advance(1 / 30)


def test_it_starts_where_everything_is_seen(made) -> None:
    asset = chest()
    posture = Posture.at(asset, 0.6)
    ground = made(Scene.of(asset), {"chest": posture})
    found = ground.postures()["chest"]
    np.testing.assert_allclose(found.link_poses(asset), posture.link_poses(asset), atol=1e-6)


def test_a_pulled_link_follows_the_hand_and_stays_in_its_limits(made) -> None:
    asset = slider()
    ground = made(Scene.of(asset))
    ground.set_gravity((0.0, 0.0, 0.0))
    before = ground.postures()["thing"]
    grip = apply(before.link_poses(asset)[1], asset.links[1].inertial.center[None])[0]
    assert ground.grab("thing", 1, grip)
    ground.pull(grip + np.array([0.4, 0.0, 0.0]))
    run(ground, 2.0)
    moved = ground.postures()["thing"].positions["joint0"] - before.positions["joint0"]
    assert moved == pytest.approx(0.4, abs=0.02)
    ground.pull(grip + np.array([50.0, 0.0, 0.0]))
    run(ground, 2.0)
    assert ground.postures()["thing"].positions["joint0"] < asset.joints[0].limits.upper + 0.02
    ground.let_go()


def test_a_welded_root_cannot_be_pulled(made) -> None:
    ground = made(Scene.of(slider()))
    assert not ground.grab("thing", 0, (0.0, 0.0, 0.0))


def test_a_ball_falls_at_the_rate_of_gravity_and_stays_on_the_floor(made) -> None:
    scene = Scene.of(slider())
    for g in (9.81, 1.6):
        ground = made(scene)
        ground.set_gravity((0.0, 0.0, -g))
        start = ground.drop_ball().center[2]
        ground.advance(0.1)
        fallen = start - ground.balls()[0].center[2]
        assert fallen == pytest.approx(0.5 * g * 0.1**2, rel=0.06)
        run(ground, 6.0)
        resting = ground.balls()[0].center[2]
        assert resting >= Extent.of(scene).ground_z + 0.9 * ground.ball_radius


def test_motors_hold_what_gravity_would_move(made) -> None:
    asset = slider()
    limits = replace(asset.joints[0].limits, effort=1e3)
    joint = replace(asset.joints[0], axis=np.array([0.0, 0.0, 1.0]), limits=limits)
    scene = replace(Scene.of(replace(asset, joints=(joint,))), ground_z=-9.0)
    held, loose = made(scene), made(scene)
    target = {"thing": {"joint0": 0.3}}
    held.hold(target)
    loose.hold(None)
    run(held, 2.0)
    run(loose, 2.0)
    assert held.postures()["thing"].positions["joint0"] == pytest.approx(0.3, abs=0.01)
    assert loose.postures()["thing"].positions["joint0"] < -0.4


def test_balls_do_not_pile_up_for_ever(made) -> None:
    ground = made(Scene.of(slider()))
    numbers = [ground.drop_ball().number for _ in range(MOST_BALLS + 3)]
    assert [ball.number for ball in ground.balls()] == numbers[3:]
