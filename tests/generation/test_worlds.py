import tempfile
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.family import build
from reel2sim.generation.scripted.kinematics import forward_kinematics
from reel2sim.generation.scripted.motion import joint_positions
from reel2sim.generation.scripted.perform import perform
from reel2sim.generation.scripted.physics import Body, physics_world
from reel2sim.generation.scripted.play import Actor
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.generation.scripted.say import random_scene
from reel2sim.generation.scripted.spec import Movement, ThingSpec
from reel2sim.scene.transforms import axis_rotation, pose

TIMES = np.linspace(0.0, 2.0, 9)


def play(prompt, seed=0, times=TIMES):
    return perform(parse_prompt(prompt), np.random.default_rng(seed), times)


def thing(name, pick):
    nouns = FAMILIES[name].nouns
    counts = {noun.name: max(getattr(noun, pick), 0) for noun in nouns}
    counts[nouns[0].name] = max(1, counts[nouns[0].name])
    return ThingSpec(name, tuple(counts.items()), "wood")


@cache
def made(name, pick="usual", seed=0):
    return build(FAMILIES[name], thing(name, pick), np.random.default_rng(seed))


def test_there_are_many_families_of_every_kind():
    assert len(FAMILIES) >= 24
    kinds = {family.kind for family in FAMILIES.values()}
    assert {"storage", "appliances", "openings", "tools", "robots", "creatures"} <= kinds


@pytest.mark.parametrize("pick", ["least", "usual", "most"])
def test_every_part_that_can_be_asked_for_is_there_and_no_other_moves(pick):
    for name, family in FAMILIES.items():
        spec, asked = made(name, pick), thing(name, pick)
        there = {(part.noun, part.index) for part in spec.movable if part.noun}
        wanted = {(n.name, k) for n in family.nouns for k in range(n.joints(asked.count(n.name)))}
        assert there == wanted, name
        low = min(s.vertices[:, 2].min() for part in spec.parts for s in part.solids)
        assert low == pytest.approx(0, abs=1e-3), name


def test_solids_are_closed_and_turned_outwards():
    """Every edge belongs to one face each way round, so the volume is that inside."""
    for name in FAMILIES:
        for part in made(name).parts:
            for solid in part.solids:
                corners, merged = np.unique(
                    np.round(solid.vertices / np.ptp(solid.vertices), 6),
                    axis=0,
                    return_inverse=True,
                )
                faces = merged[solid.faces]
                faces = faces[(faces != np.roll(faces, 1, axis=1)).all(axis=1)]
                edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
                code = edges @ [len(corners), 1]
                back = edges[:, ::-1] @ [len(corners), 1]
                assert np.array_equal(np.sort(code), np.sort(back)), (name, part.name)
                assert solid.volume > 0, (name, part.name)
                np.testing.assert_allclose(np.linalg.norm(solid.normals, axis=1), 1, atol=1e-9)


def test_seeds_vary_proportions_and_nothing_else():
    for name in FAMILIES:
        a, again, b = made(name), made.__wrapped__(name), made(name, seed=2)
        assert [p.name for p in a.parts] == [p.name for p in b.parts]
        points, same, others = (
            np.concatenate([part.vertices for part in spec.parts]) for spec in (a, again, b)
        )
        np.testing.assert_array_equal(points, same)
        assert np.abs(points - others).max() > 1e-4, name
        assert np.abs(points - others).max() < 0.35 * np.ptp(points), name


def test_forward_kinematics_agrees_with_the_physics_engine():
    rng = np.random.default_rng(0)
    with physics_world() as client, tempfile.TemporaryDirectory() as folder:
        for name in FAMILIES:
            spec = made(name)
            body = Body(client, spec, Path(folder) / name)
            base = pose(axis_rotation(np.array([0.6, 0.0, 0.8]), 0.7), rng.normal(size=3))
            q = {part.name: float(rng.uniform(*part.limits)) for part in spec.movable}
            body.put(base, q)
            ours, theirs = forward_kinematics(spec, q, base), body.part_poses(spec)
            for part in spec.parts:
                np.testing.assert_allclose(ours[part.name], theirs[part.name], atol=1e-6)
            client.removeBody(body.number)


def test_nothing_sinks_into_the_ground():
    """Whatever one part does by itself, and all together."""
    for name, family in FAMILIES.items():
        asked = thing(name, "usual")
        moves = [
            Movement(n.name, k, 0, 1, manner=n.manner)
            for n in family.nouns
            for k in range(n.joints(asked.count(n.name)))
        ]
        for some in [tuple(moves), *((move,) for move in moves)]:
            positions = joint_positions(
                replace(asked, movements=some), made(name), np.linspace(0, 1, 9), turns=1
            )
            actor = Actor(name, made(name), np.tile(np.eye(4), (9, 1, 1)), positions)
            height = np.ptp(actor.points([0])[:, 2])
            assert actor.points()[:, 2].min() > -0.01 * height, (name, some)


def test_objects_of_a_scene_keep_clear_of_one_another():
    """Boxes around all that each sweeps are disjoint, and what is on a table stands on its top."""
    for seed in range(5):
        scene = random_scene(np.random.default_rng(seed), most=3)
        actors = perform(scene, np.random.default_rng(seed), TIMES).actors
        things = [actor.points() for actor in actors if not actor.scenery]
        spans = sorted((c[:, 1].min(), c[:, 1].max()) for c in things)
        assert all(a[1] < b[0] for a, b in pairwise(spans))
        for table in (actor for actor in actors if actor.scenery):
            board = table.points([0])
            for cloud in things:
                assert cloud[:, 2].min() > board[:, 2].max() - 0.02
                assert (cloud[:, :2].min(axis=0) > board[:, :2].min(axis=0)).all()
                assert (cloud[:, :2].max(axis=0) < board[:, :2].max(axis=0)).all()


@pytest.mark.parametrize("prompt", ["a red cart rolls", "a toy car is wound up", "a train rolls"])
def test_wheels_roll_without_slip(prompt):
    (actor,) = play(prompt).actors
    moved = np.linalg.norm(actor.base_poses[:, :3, 3] - actor.base_poses[0, :3, 3], axis=1)
    for part in actor.spec.movable:
        if part.name.startswith("wheel_"):
            q = actor.positions[part.name]
            np.testing.assert_allclose((q - q[0]) * part.pivot[2], moved, atol=1e-9)
    assert moved[-1] > 0.2


@pytest.mark.parametrize("prompt", ["a robot dog walks", "a robot walks", "a beetle walks"])
def test_planted_feet_stay_and_bodies_keep_within_limits(prompt):
    (actor,) = play(prompt, times=np.linspace(0, 2, 97)).actors
    shanks = [part for part in actor.spec.movable if part.name.startswith("knee_")]
    thigh = actor.spec.part("hip_0").pivot[2] - shanks[0].pivot[2]
    foot = np.array([0.0, 0.0, -thigh, 1.0])
    stood = 0
    for part in shanks:
        path = (actor.part_poses[part.name] @ foot)[:, :3]
        low = path[:, 2] < path[:, 2].min() + 1e-9
        both = low[1:] & low[:-1]
        still = np.linalg.norm(np.diff(path, axis=0), axis=1) < 1e-9
        assert still[both].mean() > 0.9  # but for the instants between two steps
        stood += both.sum()
        assert path[:, 2].min() > 0
    assert stood > 0.5 * len(shanks) * 96
    for part in actor.spec.movable:
        low, high = part.limits
        assert (actor.positions[part.name] >= low - 1e-6).all(), part.name
        assert (actor.positions[part.name] <= high + 1e-6).all(), part.name


def test_a_snake_follows_its_head():
    """Every pivot goes where the one before it was, so the tail's path is the head's."""
    (actor,) = play("a snake with eight segments slithers", times=np.linspace(0, 2, 121)).actors
    paths = [actor.part_poses[f"segment_{k}"][:, :2, 3] for k in range(8)]
    for ahead, behind in pairwise(paths):
        gaps = np.linalg.norm(behind[60:, None] - ahead[None], axis=2).min(axis=1)
        assert gaps.max() < 0.006
    assert np.linalg.norm(paths[0][-1] - paths[0][0]) > 0.3


def test_dropped_things_fall_and_come_to_rest_on_the_ground():
    (actor,) = play("a toolbox falls", times=np.linspace(0, 2.5, 26)).actors
    height = actor.base_poses[:, 2, 3]
    fall = height[0] - height[1]
    assert fall == pytest.approx(9.81 * 0.1**2 / 2, rel=0.1)
    lowest = np.array([actor.points([k])[:, 2].min() for k in range(26)])
    assert lowest[0] > 0.03
    assert (lowest > -0.01).all()
    assert np.abs(np.diff(actor.base_poses[-3:], axis=0)).max() < 0.01


def test_pushed_things_slide_and_stop():
    (actor,) = play("a microwave is pushed").actors
    way = np.linalg.norm(actor.base_poses[:, :2, 3] - actor.base_poses[0, :2, 3], axis=1)
    steps = np.diff(way)
    assert way[-1] > 0.05
    assert steps[0] == steps.max()
    assert steps[-1] < 0.05 * steps[0]


def test_physics_is_the_same_every_time():
    first, again, other = (play("a phone falls", seed=s).actors[0].base_poses for s in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_motions_stay_within_limits_and_end_as_asked():
    for family in FAMILIES.values():
        if family.deeds and family.example.count("fall") + family.example.count("push"):
            continue
        scene = parse_prompt(family.example)
        (actor, *_) = perform(scene, np.random.default_rng(0), TIMES).actors
        for part in actor.spec.movable:
            q = actor.positions[part.name]
            if part.joint.value != "continuous":
                assert (q >= part.limits[0] - 1e-9).all(), (family.name, part.name)
                assert (q <= part.limits[1] + 1e-9).all(), (family.name, part.name)
        for move in scene.things[0].movements:
            part = next(
                p for p in actor.spec.movable if (p.noun, p.index) == (move.noun, move.index)
            )
            end = move.start if move.returns or move.manner == "wave" else move.stop
            assert actor.positions[part.name][-1] == pytest.approx(part.travel * end, abs=1e-9)
