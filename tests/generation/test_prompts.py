import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.generation.scripted.say import random_scene, say
from reel2sim.scene.errors import PromptError


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), most=st.integers(1, 3))
def test_a_scene_said_is_the_scene_read(seed, most):
    scene = random_scene(np.random.default_rng(seed), most=most)
    assert parse_prompt(say(scene)) == scene


def test_prompts_of_examples_can_be_said_again():
    for family in FAMILIES.values():
        scene = parse_prompt(family.example)
        assert [thing.family for thing in scene.things] == [family.name]
        assert parse_prompt(say(scene)) == scene


def things(prompt):
    return [thing.family for thing in parse_prompt(prompt).things]


@pytest.mark.parametrize(
    ("prompt", "families"),
    [
        ("a lamp and a laptop on a table, the laptop opens", ["lamp", "laptop"]),
        ("two carts and a dog", ["cart", "cart", "quadruped"]),
        ("a lamp and a door, the door opens", ["lamp", "door"]),
        ("a door and a window, the window opens", ["door", "window"]),
        ("a double door opens", ["door"]),
        ("a door opens", ["door"]),
        ("a pair of scissors opens", ["scissors"]),
        ("a chest of drawers, the top drawer opens", ["cabinet"]),
        ("a swing swings", ["swing"]),
        ("the drawer of a cabinet opens", ["cabinet"]),
    ],
)
def test_objects_of_a_scene(prompt, families):
    assert things(prompt) == families


def moves(prompt):
    return [
        [(m.noun, m.index, m.stop, m.manner, m.turn) for m in thing.movements]
        for thing in parse_prompt(prompt).things
    ]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (
            "a laptop and a lamp, the lamp's head tilts, then the lid opens half way",
            [[("lid", 0, 0.5, "travel", 1)], [("head", 0, 1, "travel", 0)]],
        ),
        (
            "two lamps with one arm, the second lamp's arm waves",
            [[], [("arm", 0, 1, "wave", 0)]],
        ),
        ("a fan, the blades spin", [[("blade", 0, 1, "spin", 0)]]),
        ("a clock, the pendulum swings", [[("pendulum", 0, 1, "wave", 0)]]),
        (
            "a washing machine, the door opens and the drum spins",
            [[("door", 0, 1, "travel", 0), ("drum", 0, 1, "spin", 0)]],
        ),
        (
            "a tall wardrobe, the left door opens, then the right door opens slightly",
            [[("door", 0, 1, "travel", 0), ("door", 1, 0.3, "travel", 1)]],
        ),
    ],
)
def test_who_moves(prompt, expected):
    assert moves(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "deeds"),
    [
        ("a robot dog walks", ["walk"]),
        ("a yellow robot dog", ["walk"]),
        ("a car and a cart, both roll half way", ["roll", "roll"]),
        ("a toy car is wound up and runs off", ["wind"]),
        ("a lamp is pushed and a phone falls", ["push", "drop"]),
        ("a snake crawls", ["slither"]),
    ],
)
def test_deeds(prompt, deeds):
    assert [thing.deed for thing in parse_prompt(prompt).things] == deeds


@pytest.mark.parametrize(
    ("prompt", "view"),
    [
        ("a laptop opens, camera still", "still"),
        ("a laptop opens, seen from the front", "front"),
        ("a laptop opens filmed by an orbiting camera", "orbit"),
        ("a laptop opens with a still camera", "still"),
        ("a laptop opens", "all"),
    ],
)
def test_cameras(prompt, view):
    assert parse_prompt(prompt).view == view


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("a scisors", r"'scisors' \(did you mean scissors"),
        ("a fridge walks", "no fridge that can walk"),
        ("a fridge on a table opens", "no fridge on a table"),
        ("seven lamps", "1 to 6 objects"),
        ("a fan closes", "cannot close a blade"),
        ("a laptop opens, camera open", "camera"),
        ("a robot arm with nine joints", "at most 7 joints, not 9"),
        ("a lamp, the second lamp tilts", "no number 2"),
    ],
)
def test_refusals(prompt, says):
    with pytest.raises(PromptError, match=says):
        parse_prompt(prompt)
