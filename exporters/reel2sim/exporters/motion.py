"""``motion.json``: the reference motion and how sure we are of each joint."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from reel2sim.scene import Joint, RiggedAsset
from reel2sim.scene.transforms import pose_to_vector


def motion_record(asset: RiggedAsset) -> dict[str, Any]:
    """The content of ``motion.json``: plain lists, metres, radians, seconds, wxyz.

    A joint that follows another also has ``"mimic": {"joint", "multiplier", "offset"}``.
    ``observed_range`` is ``[lower, upper]`` of what was seen, which the limits in the robot
    description may go beyond, or null if that is not known. Where the confidence was made of
    parts, ``"certainty": {"moves", "type", "axis"}`` has them.
    """
    motion = asset.motion
    return {
        "times_s": motion.times_s.tolist(),
        "base_pose": pose_to_vector(motion.base_poses).tolist(),
        "joints": {
            joint.name: {
                "type": joint.type.value,
                "position": motion.positions[joint.name].tolist(),
                "confidence": float(joint.confidence),
                "observed": bool(joint.observed),
                **({} if joint.mimic is None else {"mimic": dataclasses.asdict(joint.mimic)}),
                "observed_range": _range(joint),
                **_certainty(joint),
            }
            for joint in asset.joints
        },
    }


def _range(joint: Joint) -> list[float] | None:
    return None if joint.observed_range is None else [float(q) for q in joint.observed_range]


def _certainty(joint: Joint) -> dict[str, Any]:
    sure = joint.certainty
    return {} if sure is None else {"certainty": dataclasses.asdict(sure)}


def write_motion(asset: RiggedAsset, path: Path) -> None:
    """Write the motion of ``asset`` to ``path``."""
    text = json.dumps(motion_record(asset), indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
