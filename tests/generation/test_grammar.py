import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.generation.scripted.vocabulary import EXAMPLES, WORDS
from reel2sim.scene.errors import PromptError


def only(prompt):
    (thing,) = parse_prompt(prompt).things
    return thing


def moves(prompt):
    return [(m.noun, m.index, m.start, m.stop, m.returns) for m in only(prompt).movements]


@pytest.mark.parametrize(
    ("prompt", "family", "doors", "drawers"),
    [
        ("a cabinet", "cabinet", 1, 1),
        ("A cabinet with one drawer", "cabinet", 0, 1),
        ("cupboard with two doors and a drawer", "cabinet", 2, 1),
        ("a cabinet with 3 drawers", "cabinet", 0, 3),
        ("a dresser with drawers", "cabinet", 0, 2),
        ("a cabinet whose drawer slides open", "cabinet", 0, 1),
        ("a cabinet without doors and with two drawers", "cabinet", 0, 2),
        ("the cabinet door swings open and closes", "cabinet", 1, 0),
        ("a cabinet, both doors open", "cabinet", 2, 0),
        ("a drawer opening", "cabinet", 0, 1),
        ("a laptop opening", "laptop", 0, 0),
        ("The notebook's screen opens fully", "laptop", 0, 0),
    ],
)
def test_objects_and_counts(prompt, family, doors, drawers):
    thing = only(prompt)
    assert (thing.family, thing.count("door"), thing.count("drawer")) == (family, doors, drawers)
    assert thing.movements


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a cabinet with one drawer", [("drawer", 0, 0, 1, False)]),
        (
            "a cabinet with a door and two drawers, the bottom drawer slides out half way",
            [("drawer", 1, 0, 0.5, False)],
        ),
        (
            "a cabinet with a drawer and a door. The drawer opens, then the door opens wide.",
            [("drawer", 0, 0, 1, False), ("door", 0, 0, 1, False)],
        ),
        (
            "a cabinet with two doors, the left door opens and closes while the right door opens",
            [("door", 0, 0, 1, True), ("door", 1, 0, 1, False)],
        ),
        (
            "a cabinet with two drawers, the top drawer opens and the bottom drawer stays closed",
            [("drawer", 0, 0, 1, False)],
        ),
        ("an open cabinet with one door, the door closes", [("door", 0, 1, 0, False)]),
        ("a closed laptop opens", [("lid", 0, 0, 1, False)]),
        ("a laptop, the lid opens half way", [("lid", 0, 0.15, 0.5, False)]),
        ("a laptop closes", [("lid", 0, 1, 0.15, False)]),
    ],
)
def test_movements(prompt, expected):
    assert moves(prompt) == expected


def test_looks_and_pace():
    prompt = "a small wide red metal cabinet with a drawer that slides open slowly"
    thing = only(prompt)
    assert thing.material == "metal"
    assert thing.colour[0] > 2 * thing.colour[2]
    assert thing.scale == (0.7, 1.35, 1.0)
    assert parse_prompt(prompt).tempo < 1 < parse_prompt("a laptop opens quickly").tempo
    assert only("a white cabinet").material == "paint"
    assert only("an oak cabinet").material == "wood"


@pytest.mark.parametrize("prompt", EXAMPLES)
def test_the_examples_in_the_errors_are_understood(prompt):
    assert any(thing.movements or thing.deed for thing in parse_prompt(prompt).things)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("a cabinett with a drawer", r"'cabinett' \(did you mean cabinet\?\)"),
        ("a dragon", "'dragon'"),
        ("open", "finds no object"),
        ("a cabinet with 9 drawers", "at most 5 drawers, not 9"),
        ("a cabinet with five doors", "at most 4 doors, not 5"),
        ("a laptop with a drawer", "no laptop with a drawer"),
        ("a cabinet with a lid", "no cabinet with a lid"),
        ("a cabinet with one door, the second door opens", "no number 2"),
        ("a cabinet with one drawer, the drawer stays closed", "move nothing"),
        ("a cabinet with no doors", "needs a door or a drawer"),
    ],
)
def test_errors_say_what_is_wrong_and_show_examples(prompt, says):
    with pytest.raises(PromptError, match=says) as caught:
        parse_prompt(prompt)
    assert EXAMPLES[0] in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*sorted(WORDS), ",", ".", "3", "99"]), max_size=12))
def test_any_words_are_read_or_refused(words):
    try:
        spec = parse_prompt(" ".join(words))
    except PromptError:
        return
    for thing in spec.things:
        assert all(0 <= m.index < thing.count(m.noun) for m in thing.movements)
        assert all(0 <= m.start <= 1 and 0 <= m.stop <= 1 for m in thing.movements)
