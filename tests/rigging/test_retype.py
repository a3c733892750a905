"""Joints of other types: taken where the drawings gain by it, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reel2sim.rigging.joints.evidence import Targets
from reel2sim.rigging.joints.initial import initial_joint
from reel2sim.rigging.joints.linkage import Linkage
from reel2sim.rigging.joints.linkage_fit import fit_settling
from reel2sim.rigging.joints.model import JointModel
from reel2sim.rigging.review.retype import retype
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

from .moved_points import TIMES, blob, observe

STILL = np.tile(np.eye(4), (TIMES, 1, 1))
HAND = blob(np.array([0.5, 0.0, 0.2]), 120, 1, 0.2)
BODY = blob(np.zeros(3), 60, 0, 0.3)
OWNER = np.repeat([0, 1], [len(BODY), len(HAND)])


def truth(kind: JointType) -> Linkage:
    phase = np.linspace(0, 1, TIMES)[:, None]
    waves = np.sin(phase * np.array([2.0, 3.5, 5.0, 2.5, 4.0, 3.0]))
    q = {1: 0.8 * waves[:, 0], 3: 0.6 * waves[:, :3], 6: 0.4 * waves}[kind.dof]
    pitch = 0.25 if kind is JointType.SCREW else 0.0
    axis = np.array([0.0, 0.6, 0.8])
    return Linkage((0,), (JointModel(kind, axis, np.array([0.3, 0, 0.2]), q, pitch),), STILL)


def retyped(true: Linkage, *, pictures_agree: bool) -> JointModel:
    """A hinge fitted to the motion of ``true``, and what becomes of it."""
    rng = np.random.default_rng(0)
    points = np.concatenate([BODY, HAND])
    targets = observe(points, true.motions[OWNER], noise_px=0.3, seed=2)
    seen = Targets(targets, OWNER, 2, most=200, rng=rng)
    hinge = initial_joint(JointType.REVOLUTE, STILL, true.motions[1], HAND)
    start = fit_settling(replace(true, joints=(hinge,)), seen).linkage

    def errors(motions: Array) -> Array:
        away = apply(motions[1], HAND) - apply(true.motions[1], HAND)
        return np.linalg.norm(away, axis=-1).mean(axis=-1) if pictures_agree else np.ones(TIMES)

    found = retype(start, targets, OWNER, true.motions, seen, errors, rng)
    return found.joints[0]


@pytest.mark.parametrize("kind", [JointType.SCREW, JointType.SPHERICAL, JointType.FREE])
def test_a_joint_that_a_hinge_does_not_explain_gets_its_type(kind: JointType) -> None:
    true = truth(kind)
    found = retyped(true, pictures_agree=True)
    assert found.type is kind
    away = apply(found.motion(), HAND) - apply(true.motions[1], HAND)
    assert np.linalg.norm(away, axis=-1).mean() < 0.02


def test_a_hinge_stays_a_hinge() -> None:
    assert retyped(truth(JointType.REVOLUTE), pictures_agree=True).type is JointType.REVOLUTE


@pytest.mark.parametrize("kind", [JointType.SPHERICAL, JointType.FREE])
def test_what_the_pictures_do_not_miss_is_not_taken(kind: JointType) -> None:
    assert retyped(truth(kind), pictures_agree=False).type is JointType.REVOLUTE
