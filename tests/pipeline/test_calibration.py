"""Calibration error on joints whose confidences are known to be right, or too high by so much."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.pipeline.calibration import expected_calibration_error, reliability
from reel2sim.pipeline.rig_score import FoundJoint
from reel2sim.scene import JointType


def joint(confidence: float, right: bool) -> FoundJoint:
    return FoundJoint("j", JointType.REVOLUTE, confidence, True, "true" if right else "", right)


def test_confidences_that_are_kept_have_no_error():
    """In every bin as many are right as the joints say."""
    joints = [
        joint(level, i < round(20 * level)) for level in (0.05, 0.35, 0.6, 0.95) for i in range(20)
    ]
    assert expected_calibration_error(joints) == pytest.approx(0.0, abs=1e-12)


def test_probabilities_drawn_as_stated_come_close_to_no_error():
    rng = np.random.default_rng(0)
    stated = rng.random(4000)
    joints = [joint(p, bool(u < p)) for p, u in zip(stated, rng.random(4000), strict=True)]
    error = expected_calibration_error(joints)
    assert error is not None
    assert error < 0.03


def test_overconfidence_is_its_own_error():
    joints = [joint(0.9, i < 6) for i in range(10)]
    assert expected_calibration_error(joints) == pytest.approx(0.3)


def test_bins_weigh_as_many_as_are_in_them():
    joints = [*(joint(0.9, True) for _ in range(30)), *(joint(0.2, True) for _ in range(10))]
    assert expected_calibration_error(joints) == pytest.approx((30 * 0.1 + 10 * 0.8) / 40)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=30))
def test_every_joint_is_in_one_bin(stated):
    joints = [joint(confidence, right) for confidence, right in stated]
    bins = reliability(joints)
    assert sum(b.count for b in bins) == len(joints)
    for b in bins:
        assert b.count == 0 or b.low - 1e-9 <= b.confidence <= b.high + 1e-9
    error = expected_calibration_error(joints)
    assert (error is None) == (not joints)
    if error is not None:
        assert 0.0 <= error <= 1.0


def test_certainty_belongs_to_the_last_bin():
    assert [b.count for b in reliability([joint(1.0, True), joint(0.0, False)])] == [1, *[0] * 8, 1]
