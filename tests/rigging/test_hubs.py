"""Joints of several axes as chains: the same motion, and bodies that physics accepts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.physics import embody
from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.hubs import chained
from reel2sim.scene import JointType, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.contacts import held_links
from reel2sim.scene.transforms import invert

TIMES = np.linspace(0, 1, 12)


def estimate(kind: JointType, seed: int, *, parent: int = 0, child: int = 1) -> JointEstimate:
    rng = np.random.default_rng(seed)
    waves = np.sin(TIMES[:, None] * rng.uniform(1, 4, 6)) * rng.uniform(-0.5, 0.5, 6)
    q = waves[:, 0] if kind.dof == 1 else waves[:, : kind.dof]
    axis = rng.standard_normal(3)
    return JointEstimate(
        parent=parent,
        child=child,
        type=kind,
        axis=axis / np.linalg.norm(axis),
        pivot=rng.uniform(-0.2, 0.2, 3),
        positions=q,
        pitch=0.1 if kind is JointType.SCREW else 0.0,
    )


def articulation(kind: JointType, seed: int, parts: Array | None = None) -> Articulation:
    joints = (estimate(kind, seed), estimate(JointType.REVOLUTE, seed + 1, parent=1, child=2))
    still = np.tile(np.eye(4), (len(TIMES), 1, 1))
    return Articulation(TIMES, np.zeros(0, int) if parts is None else parts, joints, still)


@pytest.mark.parametrize("kind", [k for k in JointType if k is not JointType.FIXED])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 999))
def test_a_chain_makes_the_same_motion(kind: JointType, seed: int) -> None:
    whole = articulation(kind, seed)
    chain = chained(whole).articulation
    assert all(joint.type.dof == 1 for joint in chain.joints)
    np.testing.assert_allclose(chain.part_motions()[:, :3], whole.part_motions(), atol=1e-9)


def box_surfels(center: Array, size: float) -> Surfels:
    """Surfels on the six faces of a cube."""
    grid = (np.stack(np.meshgrid(*[np.arange(8)] * 2), -1).reshape(-1, 2) + 0.5) / 8 - 0.5
    means, quats = [], []
    turn = {0: (0.5**0.5, 0, 0.5**0.5, 0), 1: (0.5**0.5, 0.5**0.5, 0, 0), 2: (1.0, 0, 0, 0)}
    for axis in range(3):
        for side in (-0.5, 0.5):
            means.append(np.insert(grid, axis, side, axis=1) * size + center)
            quats.append(np.tile(turn[axis], (len(grid), 1)))
    points = np.concatenate(means)
    return Surfels.from_colors(
        means=points,
        rotations=np.concatenate(quats),
        scales=np.full((len(points), 2), size / 14),
        opacities=np.ones(len(points)),
        colors=np.full((len(points), 3), 0.5),
    )


@pytest.mark.parametrize("kind", [JointType.SPHERICAL, JointType.SCREW, JointType.FREE])
def test_an_asset_with_hubs_poses_its_surfels_as_the_estimate_does(kind: JointType) -> None:
    boxes = [box_surfels(np.array([x, 0, 0]), 0.2) for x in (0.0, 0.3, 0.6)]
    means, rotations, scales, opacities, colors = (
        np.concatenate([getattr(b, name) for b in boxes])
        for name in ("means", "rotations", "scales", "opacities", "colors")
    )
    surfels = Surfels.from_colors(
        means=means, rotations=rotations, scales=scales, opacities=opacities, colors=colors
    )
    parts = np.repeat(np.arange(3), len(boxes[0]))
    whole = articulation(kind, 5, parts)
    config = replace(PhysicsConfig.preset("draft"), max_pieces=1)  # cubes are convex
    asset = embody(whole, surfels, config=config, name="chain")
    hubs = [link for link in asset.links if link.name.startswith("hub")]
    assert len(asset.links) == 3 + len(hubs) == 3 + len(chained(whole).hubs)
    assert len({joint.name for joint in asset.joints}) == len(asset.joints)
    assert all(not hub.collision and hub.inertial.mass > 0 for hub in hubs)
    free = kind is JointType.FREE  # nothing holds such a part, so it must not fall through others
    assert (("base", "link_1") in held_links(asset)) is not free
    assert ("base", "link_2") not in held_links(asset)
    rest = invert(asset.rest_poses)
    index = asset.link_index
    for i, time in enumerate(TIMES):
        T = asset.link_poses_at(time) @ rest
        wanted = whole.part_motions()[i]
        for k, name in enumerate(("base", "link_1", "link_2")):
            np.testing.assert_allclose(T[index[name]], wanted[k], atol=1e-8)
