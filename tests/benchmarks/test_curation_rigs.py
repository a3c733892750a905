"""The study of scores and rigs: what it counts, on clips whose outcomes are known."""

from __future__ import annotations

import importlib
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel2sim.generation.sensor import Sensor, parse_sensor


@pytest.fixture(scope="module")
def study():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        yield importlib.import_module("curation_rigs")
    for name in ("curation_rigs", "prompts", "sight"):
        sys.modules.pop(name, None)


def clips_of(study, rows):
    """Clips of (prompt, score, outcome) rows."""
    return [
        study.Clip(prompt, "none", told, told, became, became, "" if became else "failed")
        for prompt, told, became in rows
    ]


groups = st.lists(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=3, max_size=5),
    min_size=1,
    max_size=4,
)


def judged(study, grouped, told=None):
    rows = [(f"p{k}", a / 9, b / 4) for k, group in enumerate(grouped) for a, b in group]
    return study.verdict(clips_of(study, rows), told or (lambda c: c.quick), lambda c: c.joints)


@given(groups)
def test_a_score_that_is_the_outcome_orders_and_picks_all(study, grouped):
    v = judged(study, grouped, told=lambda clip: clip.joints)
    assert v.ordered == v.pairs
    assert v.best == 1.0
    assert v.got == pytest.approx(v.most)
    assert v.within is None or v.within == pytest.approx(1.0)
    assert v.over_all is None or v.over_all == pytest.approx(1.0)
    reverse = judged(study, grouped, told=lambda clip: -clip.joints)
    assert reverse.ordered == 0
    assert reverse.got <= v.blind + 1e-12


@given(groups)
def test_a_blind_score_is_as_good_as_chance_over_all_orders(study, grouped):
    """The mean over every order of three clips of what the first one gives."""
    v = judged(study, grouped)
    triples = [three for group in grouped for three in combinations([b for _, b in group], 3)]
    assert v.picks == len(triples)
    best = [np.mean([b == max(three) for b in three]) for three in triples]
    assert v.chance == pytest.approx(np.mean(best))
    assert v.blind == pytest.approx(np.mean(triples) / 4)
    constant = judged(study, grouped, told=lambda clip: 0.5)
    assert constant.within is None
    assert constant.over_all is None
    assert constant.ordered == 0
    firsts = [three[0] == max(three) for three in triples]
    assert constant.best == pytest.approx(np.mean(firsts))


def test_clips_of_different_prompts_are_not_compared(study):
    rows = [("a", 0.1, 1.0), ("a", 0.2, 1.0), ("a", 0.3, 1.0)]
    rows += [("b", 0.9, 0.0), ("b", 0.8, 0.0), ("b", 0.7, 0.0)]
    v = study.verdict(clips_of(study, rows), lambda c: c.quick, lambda c: c.joints)
    assert (v.pairs, v.within) == (0, None)
    assert v.over_all is not None
    assert v.over_all < -0.8
    assert "3 runs failed" in study.table(clips_of(study, rows))


def run(joints, verdicts, *, replay=0.25, failure=""):
    found = [
        {"name": name, "type": "revolute", "observed": observed} for name, observed in verdicts
    ]
    true = [{"matched": matched, "type_ok": right} for matched, right in joints]
    return {
        "failure": failure,
        "score": {"joints": true, "verdicts": found, "replay_error": replay},
    }


def test_what_was_asked_and_what_was_found_weigh_the_same(study):
    both = [("a", True), ("b", True)]
    assert study.outcome(run(both, both)) == (1.0, 0.75)
    assert study.outcome(run([("a", True), ("", False)], both))[0] == 0.5
    assert study.outcome(run([("a", True)], both))[0] == pytest.approx(2 / 3)
    assert study.outcome(run([("a", False)], [("a", True)]))[0] == 0.0
    # Right, but told as unobserved.
    assert study.outcome(run([("a", True)], [("a", False)]))[0] == 0.0
    assert study.outcome(run([], [("a", False)])) == (1.0, 0.75)
    assert study.outcome(run(both, both, failure="stopped")) == (0.0, 0.0)
    assert study.outcome(run(both, both, replay=1.4))[1] == 0.0


@given(number=st.integers(0, 50), count=st.integers(3, 9))
def test_films_of_a_prompt_differ_and_grow_worse(study, number, count):
    films = list(study.damages(number, count))
    assert len({sensor for _, sensor in films}) == len(films) == count
    sensors = [parse_sensor(sensor) for _, sensor in films]
    assert sensors[0] == Sensor()
    assert all(sensor != Sensor() for sensor in sensors[1:])
    assert {damage.rpartition(" ")[2] for damage, _ in films[:3]} == {"none", "1", "2"}
    assert len({damage.split()[0] for damage, _ in films[:3]}) == 3
