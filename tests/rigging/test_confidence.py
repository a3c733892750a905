"""Confidence falls with whatever speaks against a joint, and says what that is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.review.confidence import Verdict, judge, shared_bends
from reel2sim.scene import Certainty, JointType
from reel2sim.scene.errors import InputError

Z = np.array([0.0, 0, 1])
GOOD = {"axis_sigma_rad": 0.005, "support": 0.9, "bend": -0.6, "share": 0.3, "cost": 0.1}


def verdict(
    *, kind: JointType = JointType.REVOLUTE, span: float = 1.0, other: float = 4.0, **changes: float
) -> Verdict:
    """Of a joint that is fine but for the changes; ``other`` is what the other type leaves."""
    model = JointModel(kind, Z, np.zeros(3), np.linspace(0, span, 8))
    costs = {JointType.REVOLUTE: 0.05, JointType.PRISMATIC: other}
    if kind is JointType.PRISMATIC:
        costs = {JointType.REVOLUTE: other, JointType.PRISMATIC: 0.05}
    return judge(costs, model, diagonal=2.0, config=RiggingConfig(), **(GOOD | changes))


@pytest.mark.parametrize("kind", [JointType.REVOLUTE, JointType.PRISMATIC])
def test_a_joint_that_nothing_speaks_against_is_sure(kind: JointType) -> None:
    found = verdict(kind=kind)
    assert found.certainty.confidence > 0.95
    assert found.observed
    assert found.reason == ""


@pytest.mark.parametrize(
    ("better", "worse", "reason"),
    [
        ({"support": 0.6, "bend": -0.25}, {"support": 0.1, "bend": -0.25}, "pictures"),
        ({"cost": 0.5}, {"cost": 3.0}, "surface"),
        ({"bend": -0.4}, {"bend": -0.05}, "bend"),
        ({"share": 0.1, "bend": -0.25}, {"share": 0.003, "bend": -0.25}, "pictures"),
        ({"axis_sigma_rad": 0.03}, {"axis_sigma_rad": 0.2}, "axis"),
        ({"other": 1.0}, {"other": 0.06}, "type"),
        ({"span": 0.3}, {"span": 0.19}, ""),
    ],
)
def test_what_speaks_against_a_joint_lowers_its_confidence(better, worse, reason: str) -> None:
    high, low = verdict(**better), verdict(**worse)
    assert low.certainty.confidence < high.certainty.confidence
    assert reason in low.reason


def test_motion_that_is_too_small_is_not_observed_however_good_the_rest() -> None:
    found = verdict(span=0.05)
    assert not found.observed
    assert found.certainty.confidence <= 0.3
    assert "2.9°" in found.reason


def test_a_motion_that_the_pictures_do_not_bear_out_is_not_observed() -> None:
    found = verdict(support=0.1, share=0.03, bend=-0.25)
    assert not found.observed
    assert found.certainty.confidence < 0.3


def test_what_bends_is_no_joint() -> None:
    found = verdict(bend=0.1)
    assert not found.observed
    assert found.certainty.confidence < 0.1
    assert "bend" in found.reason


def test_what_bends_in_most_places_is_doubted_in_all() -> None:
    np.testing.assert_allclose(shared_bends(np.array([0.2, 0.2, -0.4])), [0.1, 0.1, -0.2])
    assert len(shared_bends(np.zeros(0))) == 0


@given(
    st.floats(-1, 1),
    st.floats(-1, 1),
    st.floats(0, 1),
    st.floats(0, 3),
    st.floats(0, 7),
    st.floats(0, 9),
)
def test_certainties_are_probabilities(
    support: float, bend: float, share: float, sigma: float, span: float, other: float
) -> None:
    found = verdict(
        support=support, bend=bend, share=share, axis_sigma_rad=sigma, span=span, other=other
    )
    sure = found.certainty
    assert sure.confidence == pytest.approx(sure.moves * sure.type * sure.axis)
    assert 0 <= sure.confidence <= 1


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(InputError, match="axis"):
        replace(Certainty(0.5, 0.5, 0.5), axis=1.5)
