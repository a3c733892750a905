"""What the simulators' formats can say about a joint."""

from __future__ import annotations

import math

import numpy as np

from reel2sim.scene import Joint, JointType, RiggedAsset, Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import ExportError
from reel2sim.scene.transforms import pose

EXPRESSIBLE = frozenset(
    {JointType.FIXED, JointType.REVOLUTE, JointType.CONTINUOUS, JointType.PRISMATIC}
)
"""Joint types that URDF, USD and MJCF all have with the same meaning."""


def require_expressible(asset: RiggedAsset, *, format: str) -> None:
    """Check that every joint means the same in ``format`` as it does here.

    Raises:
        ExportError: naming the first joint that does not, and why.
    """
    for joint in asset.joints:
        _require(joint, format)


def _require(joint: Joint, format: str) -> None:
    if joint.type not in EXPRESSIBLE:
        raise ExportError(
            f"{format} has no {joint.type} joint that every loader honours",
            source=joint.name,
            field="type",
            remedy="approximate it by a revolute, prismatic or fixed joint, or a chain of them",
        )
    limits = joint.limits
    bounded = joint.type in (JointType.REVOLUTE, JointType.PRISMATIC)
    if bounded and not (math.isfinite(limits.lower) and math.isfinite(limits.upper)):
        raise ExportError(
            f"a {joint.type} joint needs finite limits, got {limits.lower}..{limits.upper}",
            source=joint.name,
            field="limits",
            remedy="set both bounds, or make the joint continuous",
        )
    moves = joint.type is not JointType.FIXED
    if moves and not (math.isfinite(limits.effort) and math.isfinite(limits.velocity)):
        raise ExportError(
            "effort and velocity must be finite",
            source=joint.name,
            field="limits",
            remedy="set the largest force and speed the joint may have",
        )


def rotation_x_to(axis: Array) -> Array:
    """A rotation ``(3, 3)`` that takes +X to the unit vector ``axis`` ``(3,)``.

    It is the smallest one for an axis on the side of +X, so that +X itself gives the identity.
    The other side would lose all digits near −X, so its axes are reached by way of their opposite.
    """
    x, y, z = (float(v) for v in axis)
    if x < 0.0:
        return rotation_x_to(-np.asarray(axis)) @ np.diag([-1.0, -1.0, 1.0])
    k = 1.0 / (1.0 + x)
    return np.array(
        [[x, -y, -z], [y, 1.0 - k * y * y, -k * y * z], [z, -k * y * z, 1.0 - k * z * z]]
    )


def start_poses(asset: RiggedAsset) -> Array:
    """``T_world_link`` ``(l, 4, 4)`` at zero state with the root where the reel first saw it."""
    return asset.link_poses({}, asset.motion.base_poses[0])


def start_surfels(asset: RiggedAsset) -> Surfels:
    """The surfels at zero state with the root where the reel first saw it, world frame."""
    start = asset.motion.base_poses[0]
    return asset.surfels if np.array_equal(start, np.eye(4)) else asset.surfels.moved(start)


def poses_over_time(asset: RiggedAsset) -> Array:
    """``T_world_link`` ``(t, l, 4, 4)`` at every sample of the motion."""
    motion, index = asset.motion, asset.link_index
    T = np.empty((len(motion.times_s), len(asset.links), 4, 4))
    T[:, 0] = motion.base_poses
    for i, joint in enumerate(asset.joints, start=1):
        moved = pose(translation=joint.origin) @ joint.motion(motion.positions[joint.name])
        T[:, i] = T[:, index[joint.parent]] @ moved
    return T
