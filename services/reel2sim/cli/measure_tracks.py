"""Joints from true surface points with noise: the rigging of points, without any picture."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.truth import Truth
from reel2sim.rigging.articulation import Articulation
from reel2sim.rigging.physics.hubs import chained
from reel2sim.rigging.tracks import PointTracks
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.motion import Motion
from reel2sim.scene.rig import Inertial, Joint, JointLimits, Link, TriangleMesh
from reel2sim.scene.surfels import Surfels

_MOST = 12000
"""Points that are followed."""


def noisy_tracks(truth: Truth, *, noise: float, seed: int) -> PointTracks:
    """True points over time, every coordinate off by ``noise`` diagonals (standard deviation)."""
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(truth.points))[:_MOST])
    points = np.stack([truth.points_at(i)[chosen] for i in range(len(truth.times_s))])
    points += noise * truth.diagonal_m * rng.standard_normal(points.shape)
    return PointTracks(truth.times_s, points, np.ones(points.shape[:2], bool))


def bare_asset(articulation: Articulation, tracks: PointTracks, *, name: str) -> RiggedAsset:
    """The kinematics of an articulation of ``tracks``, whose points become surfels; no bodies."""
    chain = chained(articulation).articulation
    order = chain.order
    rank = np.argsort(order)
    pivots = np.zeros((chain.part_count, 3))
    for joint in chain.joints:
        pivots[joint.child] = joint.pivot
    empty = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3)))
    inertial = Inertial(1.0, np.zeros(3), np.eye(3))
    joints: list[Joint] = []
    for part in order[1:]:
        joint = chain.joints[part - 1]
        low, high = float(joint.positions.min()), float(joint.positions.max())
        joints.append(
            Joint(
                name=f"joint_{rank[part]}",
                type=joint.type,
                parent=f"link_{rank[joint.parent]}",
                child=f"link_{rank[part]}",
                origin=pivots[part] - pivots[joint.parent],
                axis=joint.axis,
                limits=JointLimits(low, high, 1.0, 1.0),
                confidence=joint.confidence,
                certainty=joint.certainty,
            )
        )
    estimates = [chain.joints[part - 1] for part in order[1:]]
    positions = {j.name: e.positions for j, e in zip(joints, estimates, strict=True)}
    n = tracks.points.shape[1]
    surfels = Surfels.from_colors(
        means=tracks.points[0],
        rotations=np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)),
        scales=np.full((n, 2), 0.005 * tracks.diagonal),
        opacities=np.ones(n),
        colors=np.full((n, 3), 0.5),
    )
    return RiggedAsset(
        name=name,
        links=tuple(Link(f"link_{i}", empty, (), inertial) for i in range(len(order))),
        joints=tuple(joints),
        motion=Motion(chain.times_s, chain.base_poses, positions),
        surfels=surfels,
        surfel_links=rank[chain.part_of_surfel].astype(np.int32),
        fixed_base=bool(np.allclose(chain.base_poses, np.eye(4))),
    )
