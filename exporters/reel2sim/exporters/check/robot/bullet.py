"""The URDF as PyBullet understands it, and whether it stays in one piece there."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Body, Robot
from reel2sim.exporters.check.robot.reading import JointReading, Reading
from reel2sim.scene.arrays import Array
from reel2sim.scene.lifeline import script_command
from reel2sim.scene.transforms import matrix_from_quaternion, pose

MOST_LINKS = 128
"""Of an object whose states the engine gives."""
_STEPS = 240
_PATIENCE_S = 300.0
_LINEAR, _ANGULAR = 10.0, 100.0
"""Speeds, m/s and rad/s, that held joints never reach: a fall of one second is slower."""


def read_pybullet(
    notes: Notes, path: Path, robot: Robot, states: Mapping[str, Array], count: int
) -> Reading:
    """The URDF in PyBullet at ``count`` states; notes what stepping it shows.

    Raises:
        ValueError: if the engine refuses the file, crashes on it or does not answer.
    """
    asked = {
        "urdf": str(path.resolve()),
        "states": {name: q.tolist() for name, q in states.items()},
        "count": count,
        "steps": _STEPS,
    }
    told = _ask(asked)
    _judge_speeds(notes, path.name, told["speeds"])
    still = np.tile(np.eye(4), (count, 1, 1))
    poses = {name: _poses(np.array(rows)) for name, rows in told["poses"].items()}
    bodies = {name: _body(facts) for name, facts in told["bodies"].items()}
    joints = {name: _joint(robot, name, facts) for name, facts in told["joints"].items()}
    contacts = {name: [(pair[0], pair[1])] for name, pair in told["contacts"].items()}
    poses = {told["root"]: still, **poses}
    return Reading("PyBullet", path.name, poses, bodies, joints, contacts=contacts)


def _ask(asked: dict[str, Any]) -> dict[str, Any]:
    worker = Path(__file__).with_name("bullet_worker.py")
    try:
        done = subprocess.run(
            script_command(worker),
            input=json.dumps(asked).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as cause:
        raise ValueError(f"does not answer within {_PATIENCE_S:g} s") from cause
    if done.returncode:
        raise ValueError(f"the engine crashed (exit status {done.returncode})")
    told = json.loads(done.stdout)
    if "error" in told:
        raise ValueError(told["error"])
    return told


def _poses(rows: Array) -> Array:
    return pose(matrix_from_quaternion(np.roll(rows[:, 3:], 1, axis=1)), rows[:, :3])


def _body(facts: Mapping[str, Any]) -> Body:
    R = matrix_from_quaternion(np.roll(np.array(facts["axes"]), 1))
    return Body(facts["mass"], np.array(facts["center"]), R @ np.diag(facts["moments"]) @ R.T)


def _joint(robot: Robot, name: str, facts: Mapping[str, Any]) -> JointReading:
    """PyBullet tells a continuous joint by bounds that are no range; their values mean nothing."""
    limited = facts["kind"] in ("hinge", "slide") and facts["lower"] <= facts["upper"]
    continuous = any(j.name == name and j.type == "continuous" for j in robot.joints)
    if facts["kind"] == "fixed":
        return JointReading("fixed")
    if not limited or continuous:
        facts = {**facts, "lower": None, "upper": None}
    return JointReading(**facts)


def _judge_speeds(notes: Notes, where: str, speeds: Mapping[str, Any]) -> None:
    if not speeds["finite"]:
        notes.add("SIM001", where, f"within {_STEPS} steps of 1/240 s")
    elif speeds["linear"] > _LINEAR or speeds["angular"] > _ANGULAR:
        text = f"links reach {speeds['linear']:.3g} m/s and {speeds['angular']:.3g} rad/s"
        notes.add("SIM002", where, text)
    notes.counts["steps"] = _STEPS
