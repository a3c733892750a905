"""The true object's asset moves, weighs and stops as the object does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reel2sim.scene.transforms import apply

TIMES = np.linspace(0.0, 2.0, 9)


@pytest.fixture
def backwards(chain):
    """The chain, its joints filmed on the negative side of their axes."""
    turn, slide = chain.joints
    return replace(
        chain,
        joints=(
            replace(turn, travel=-0.4),
            replace(slide, axis=-slide.axis, travel=-0.1, bounds=(-0.12, 0.0)),
        ),
    )


@pytest.mark.parametrize("model", ["chain", "backwards"])
def test_parts_move_as_in_the_film(captures, request, model):
    model = request.getfixturevalue(model)
    asset = captures.truth.true_asset(model, TIMES)
    rest = asset.rest_poses
    for time_s, q in zip(TIMES, model.positions(TIMES / 2.0), strict=True):
        wanted = model.poses(q)
        for link, T, T_rest in zip(asset.links, asset.link_poses_at(time_s), rest, strict=True):
            there = apply(T_rest, link.visual.vertices)
            moved = apply(T, link.visual.vertices)
            assert np.allclose(moved, apply(wanted[link.name], there), atol=1e-12)


def test_joints_stop_where_the_object_does(captures, chain, backwards):
    for model in (chain, backwards):
        asset = captures.truth.true_asset(model, TIMES)
        for joint, true in zip(asset.joints, model.joints, strict=True):
            sense = float(joint.axis @ true.axis)
            ends = sorted((sense * joint.limits.lower, sense * joint.limits.upper))
            assert ends == pytest.approx(true.bounds, abs=1e-12)
            q = asset.motion.positions[joint.name]
            assert q[np.abs(q).argmax()] > 0
            assert joint.limits.lower <= q.min() <= q.max() <= joint.limits.upper


def test_mass_is_volume_times_density(captures, chain):
    asset = captures.truth.true_asset(chain, TIMES)
    for link in asset.links:
        assert link.inertial.mass == pytest.approx(0.008 * link.material.density, rel=1e-3)
        center = apply(asset.rest_poses[asset.link_index[link.name]], link.inertial.center[None])
        assert np.allclose(center, chain.parts[link.name].center_mass, atol=1e-6)
