"""Motion for objects that have none: every joint sweeps its limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.motion import Motion
from reel2sim.scene.rig import Joint, JointType

SECONDS = 4.0
"""How long a sweep takes."""

_SAMPLES = 97
_MOST_RAD = np.pi
"""A hinge turns no further than this either way from rest: more shows nothing new."""
_MOST_SHARE = 1.0
"""A slide goes no further than this share of the object's size."""


def moving(asset: RiggedAsset) -> RiggedAsset:
    """``asset`` with a motion: its own if it has one, else one in which joints sweep their limits.

    All joints of one degree of freedom start at once from rest, go to their upper limit, back
    through rest to their lower one and to rest again, each at a steady speed and in
    :data:`SECONDS`. A continuous joint makes one turn. Followers follow.
    """
    motion = asset.motion
    if len(motion.times_s) > 1:
        return asset
    _, rest = motion.sample(float(motion.times_s[0]))
    share = np.linspace(0.0, 1.0, _SAMPLES)
    size = max(asset.surfels.diagonal, 1e-6)
    positions = {
        joint.name: _swept(joint, rest[joint.name], share, size=size) for joint in asset.joints
    }
    for joint in asset.joints:
        if joint.mimic is not None:
            positions[joint.name] = np.asarray(joint.mimic.follow(positions[joint.mimic.joint]))
    base = np.repeat(motion.base_poses[:1], _SAMPLES, axis=0)
    return replace(asset, motion=Motion(SECONDS * share, base, positions))


def _swept(joint: Joint, rest: float, share: Array, *, size: float) -> Array:
    """Positions ``(t,)`` at each share of the sweep."""
    if joint.type.dof != 1:
        return np.full(len(share), rest)
    if joint.type is JointType.CONTINUOUS:
        return rest + 2 * np.pi * share
    reach = _MOST_RAD if joint.type.angular else _MOST_SHARE * size
    upper = min(joint.limits.upper, rest + reach)
    lower = max(joint.limits.lower, rest - reach)
    path = np.array([rest, upper, lower, rest])
    gone = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(path)))])
    if gone[-1] <= 0:
        return np.full(len(share), rest)
    return np.interp(share * gone[-1], gone, path)
