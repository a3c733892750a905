"""What a generated dataset asks for: each sample by itself, all families alike, no prompt twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.dataset import Plan, Split, draw
from reel2sim.dataset.plan import SPLITS
from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.scene.errors import UsageError

SEEDS = st.integers(0, 2**32 - 1)
INDICES = st.integers(0, 10**7)
FEW = tuple(FAMILIES)[::9]


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, index=INDICES, most=st.integers(1, 4))
def test_a_prompt_says_what_was_drawn(seed: int, index: int, most: int) -> None:
    asked = draw(Plan(seed=seed, most=most), index)
    scene = parse_prompt(asked.prompt)
    assert tuple(thing.family for thing in scene.things) == asked.families
    assert 1 <= len(asked.families) <= most


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, index=INDICES)
def test_a_setting_does_not_change_what_is_shown(seed: int, index: int) -> None:
    plain = Plan(seed=seed, size=64, most=2)
    mixed = replace(plain, background="mixed", sensor="mixed")
    bright = replace(mixed, lighting="mixed", size=32)
    a, b, c = (draw(plan, index) for plan in (plain, mixed, bright))
    assert (a.prompt, a.families, a.config.seed) == (b.prompt, b.families, b.config.seed)
    assert (c.prompt, c.families, c.config.seed) == (b.prompt, b.families, b.config.seed)
    assert c.config.setting.background == b.config.setting.background
    assert c.config.setting.sensor == b.config.setting.sensor


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, start=st.integers(0, 50), count=st.integers(1, 60), names=st.permutations(FEW))
def test_any_number_of_samples_has_all_families_alike(
    seed: int, start: int, count: int, names: list[str]
) -> None:
    plan = Plan(seed=seed, families=tuple(names))
    assert plan == Plan(seed=seed, families=FEW)
    first = Counter(draw(plan, index).families[0] for index in range(count))
    assert max(first.values()) - min(first[name] for name in FEW) <= 1
    orders = {tuple(draw(plan, 5 * k + i).families[0] for i in range(5)) for k in range(6)}
    assert len(orders) > 1


def test_mixed_draws_all_there_is() -> None:
    plan = Plan(background="mixed", lighting="mixed", sensor="mixed", families=FEW)
    found = [draw(plan, index).config.setting for index in range(80)]
    assert {x.background for x in found} == {"none", "floor", "room"}
    assert {x.sensor for x in found} == {"none", "phone", "webcam", "night"}
    assert len({x.lighting for x in found}) == 5


PROMPTS = st.text("abcdef ", min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(prompt=PROMPTS, more=st.floats(0.0, 0.5))
def test_what_is_held_back_for_test_stays_so_with_larger_shares(prompt: str, more: float) -> None:
    small, large = Split(shares=(0.8, 0.1, 0.1)), Split(shares=(0.8 - more, 0.1, 0.1 + more))
    if small.of(prompt, ("lamp",)) == "test":
        assert large.of(prompt, ("lamp",)) == "test"
    assert Split(shares=(1.0, 0.0, 0.0)).of(prompt, ("lamp",)) == "train"
    assert Split(shares=(0.0, 0.0, 1.0)).of(prompt, ("lamp",)) == "test"


def test_no_prompt_is_in_two_splits_and_shares_are_kept() -> None:
    split = Split(shares=(0.6, 0.1, 0.3), held_back=("lamp", "fan"))
    found: dict[str, str] = {}
    for seed in range(2):
        plan = Plan(seed=seed, families=("lamp", "fan", "door", "valve", "switch"), most=2)
        for index in range(250):
            asked = draw(plan, index)
            where = split.of(asked.prompt, asked.families)
            assert found.setdefault(asked.prompt, where) == where
            assert (where == "unseen") == bool({"lamp", "fan"} & set(asked.families))
    counts = Counter(where for where in found.values() if where != "unseen")
    assert set(counts) == set(SPLITS) - {"unseen"}
    for name, share in zip(SPLITS, split.shares, strict=False):
        sigma = (share * (1 - share) / counts.total()) ** 0.5
        assert abs(counts[name] / counts.total() - share) < 4 * sigma


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Plan(families=("lamb",)), "families"),
        (lambda: Plan(most=0), "most"),
        (lambda: Plan(views=0), "views"),
        (lambda: Plan(size=4), "size"),
        (lambda: Plan(sensor="fone"), "sensor"),
        (lambda: Plan(least_motion=2.0), "least_motion"),
        (lambda: Split(shares=(0.5, 0.1, 0.1)), "split"),
        (lambda: Split(held_back=("lamb",)), "hold_back"),
    ],
)
def test_a_wrong_plan_names_its_field(make: Any, field: str) -> None:
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.field == field
