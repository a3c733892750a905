"""``motion.json``: its form, and that it fits the URDF."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Robot, RobotMimic
from reel2sim.exporters.check.robot.reading import compare_mimics
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import vector_to_pose

MOTION = "motion.json"
_UNIT = 1e-5
_FAR = float("inf")
_IN_STEP = 1e-5
"""How far a follower may be from where its leader puts it: radians or metres."""


@dataclass(frozen=True, eq=False)
class Replay:
    """The reference motion.

    Attributes:
        times_s: ``(t,)``, ascending.
        base_poses: ``T_world_root`` ``(t, 4, 4)``.
        positions: of each joint ``(t,)``.
    """

    times_s: Array
    base_poses: Array
    positions: Mapping[str, Array]

    def link_poses(self, robot: Robot) -> dict[str, Array]:
        """``T_world_link`` ``(t, 4, 4)`` by link."""
        found = robot.poses(self.positions, len(self.times_s))
        return {name: self.base_poses @ T for name, T in found.items()}


def check_motion(notes: Notes, robot: Robot | None) -> Replay | None:
    """Note what is wrong; the motion if it can be replayed."""
    replay = None
    with notes.guard("MOT001", MOTION):
        record = json.loads((notes.root / MOTION).read_text(encoding="utf-8"))
        replay = _read(notes, record)
        if robot is not None:
            _check_joints(notes, robot, record["joints"])
            _check_mimics(notes, robot, record["joints"])
    if replay is not None and robot is not None:
        notes.counts["times"] = len(replay.times_s)
        _check_limits(notes, robot, replay)
        _check_followers(notes, robot, replay)
    return replay


def _read(notes: Notes, record: Mapping[str, Any]) -> Replay | None:
    times = np.asarray(record["times_s"], dtype=np.float64)
    base = np.asarray(record["base_pose"], dtype=np.float64)
    if times.ndim != 1 or not len(times):
        raise ValueError("times_s is not a list of numbers")
    if base.ndim != 2 or base.shape[1] != 7:
        raise ValueError("base_pose is not a list of [x, y, z, qw, qx, qy, qz]")
    joints = record["joints"]
    positions = {name: np.asarray(e["position"], dtype=np.float64) for name, e in joints.items()}
    series = {"times_s": times, "base_pose": base, **positions}
    before = len(notes.findings)
    for name, values in series.items():
        if not np.isfinite(values).all():
            notes.add("MOT002", f"{MOTION}: {name}", "holds numbers that are not finite")
        if values is not base and values.ndim != 1:
            raise ValueError(f"{name} is not a list of numbers")
        if len(values) != len(times):
            notes.add("MOT004", f"{MOTION}: {name}", f"{len(values)} values, {len(times)} times")
    if (np.diff(times) <= 0).any():
        k = int(np.argmax(np.diff(times) <= 0))
        notes.add(
            "MOT003", f"{MOTION}: times_s", f"{times[k]:g} s is followed by {times[k + 1]:g} s"
        )
    lengths = np.linalg.norm(base[:, 3:], axis=1)
    if (np.abs(lengths - 1) > _UNIT).any():
        k = int(np.argmax(np.abs(lengths - 1)))
        notes.add("MOT008", f"{MOTION}: base_pose[{k}]", f"quaternion has length {lengths[k]:g}")
    for name, entry in joints.items():
        _check_confidence(notes, name, entry)
        seen = entry.get("observed_range")
        if seen is not None and not (len(seen) == 2 and -_FAR < seen[0] <= seen[1] < _FAR):
            notes.add("MOT012", f"{MOTION}: {name}", f"observed_range is {seen}")
    blocking = {"MOT002", "MOT003", "MOT004", "MOT008"}
    if blocking & {finding.id for finding in notes.findings[before:]}:
        return None
    return Replay(times, vector_to_pose(base), positions)


def _check_confidence(notes: Notes, name: str, entry: Mapping[str, Any]) -> None:
    confidence, observed = entry["confidence"], entry["observed"]
    if not 0 <= confidence <= 1:
        notes.add("MOT007", f"{MOTION}: {name}", f"confidence is {confidence}")
    if not isinstance(observed, bool):
        notes.add("MOT007", f"{MOTION}: {name}", f"observed is {observed!r}")


def _check_joints(notes: Notes, robot: Robot, joints: Mapping[str, Any]) -> None:
    types = {joint.name: joint.type for joint in robot.joints}
    for name in sorted(set(types) ^ set(joints)):
        lacks = MOTION if name in types else "scene.urdf"
        notes.add("MOT005", f"{MOTION}: {name}", f"{lacks} does not name it")
    for name in sorted(set(types) & set(joints)):
        kind = joints[name]["type"]
        if kind != types[name]:
            notes.add("MOT006", f"{MOTION}: {name}", f"is {kind}, in scene.urdf {types[name]}")


def _check_mimics(notes: Notes, robot: Robot, joints: Mapping[str, Any]) -> None:
    told = {name: entry["mimic"] for name, entry in joints.items() if "mimic" in entry}
    found = {
        name: RobotMimic(str(m["joint"]), float(m["multiplier"]), float(m["offset"]))
        for name, m in told.items()
    }
    wanted = {j.name: j.mimic for j in robot.joints if j.mimic is not None}
    compare_mimics(notes, MOTION, wanted, found, "MOT010")


def _check_followers(notes: Notes, robot: Robot, replay: Replay) -> None:
    there = {name: q for name, q in replay.positions.items() if q.ndim == 1}
    for name, prescribed in robot.followed(there).items():
        if name not in there:
            continue  # a finding of its own
        gap = float(np.abs(prescribed - replay.positions[name]).max())
        if gap > _IN_STEP:
            notes.add("MOT011", f"{MOTION}: {name}", f"is up to {gap:.3g} from its leader's line")


def _check_limits(notes: Notes, robot: Robot, replay: Replay) -> None:
    for joint in robot.moving:
        q = replay.positions.get(joint.name)
        limit = joint.limit or {}
        low, high = limit.get("lower"), limit.get("upper")
        if q is None or joint.type == "continuous" or low is None or high is None:
            continue
        if q.min() < low - 1e-6 or q.max() > high + 1e-6:
            text = f"moves in {q.min():.6g}..{q.max():.6g}, limits are {low:.6g}..{high:.6g}"
            notes.add("MOT009", f"{MOTION}: {joint.name}", text)
