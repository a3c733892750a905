"""Loads a URDF in PyBullet and tells what came of it; started as a script by ``bullet``.

A process of its own, because a bad file can bring the engine down. It reads one JSON object from
standard input: ``urdf``, ``states`` (positions by joint, ``count`` each), ``count``, ``steps``; and
writes one: ``poses``, ``bodies``, ``joints``, ``contacts``, ``speeds``, or ``error``.
"""

from __future__ import annotations

import json
import math
import os
import sys
from typing import Any

import pybullet as engine

_KINDS = {
    engine.JOINT_FIXED: "fixed",
    engine.JOINT_REVOLUTE: "hinge",
    engine.JOINT_PRISMATIC: "slide",
}


def main() -> None:
    """Answer one request."""
    # The engine prints to file descriptor 1: keep the real one aside for the answer.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    asked = json.load(sys.stdin)
    try:
        told = look_at(asked)
    except engine.error as cause:
        told = {"error": str(cause)}
    json.dump(told, answer)
    answer.close()


def look_at(asked: dict[str, Any]) -> dict[str, Any]:
    """Everything there is to tell about ``asked["urdf"]``."""
    engine.connect(engine.DIRECT)
    engine.setPhysicsEngineParameter(enableFileCaching=0, deterministicOverlappingPairs=1)
    flags = engine.URDF_USE_INERTIA_FROM_FILE
    robot = engine.loadURDF(asked["urdf"], useFixedBase=True, flags=flags)
    infos = [engine.getJointInfo(robot, i) for i in range(engine.getNumJoints(robot))]
    told = {
        "root": engine.getBodyInfo(robot)[0].decode(),
        "poses": _poses(robot, infos, asked),
        "bodies": {info[12].decode(): _body(robot, info[0]) for info in infos},
        "joints": {info[1].decode(): _joint(info) for info in infos},
        "contacts": {info[12].decode(): _contact(robot, info[0]) for info in infos},
    }
    told["contacts"][told["root"]] = _contact(robot, -1)
    return {**told, "speeds": _hold(robot, infos, asked["steps"])}


def _poses(robot: int, infos: list[Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Position and quaternion (xyzw) of each link's frame at every state."""
    found: dict[str, list[Any]] = {info[12].decode(): [] for info in infos}
    for k in range(asked["count"]):
        for info in infos:
            q = asked["states"].get(info[1].decode())
            if q is not None:
                engine.resetJointState(robot, info[0], q[k])
        for info in infos:
            state = engine.getLinkState(robot, info[0], computeForwardKinematics=1)
            found[info[12].decode()].append([*state[4], *state[5]])
    return found


def _body(robot: int, index: int) -> dict[str, Any]:
    facts = engine.getDynamicsInfo(robot, index)
    return {"mass": facts[0], "moments": facts[2], "center": facts[3], "axes": facts[4]}


def _joint(info: Any) -> dict[str, Any]:
    return {
        "kind": _KINDS.get(info[2], "other"),
        "lower": info[8],
        "upper": info[9],
        "effort": info[10],
        "velocity": info[11],
        "damping": info[6],
        "friction": info[7],
    }


def _contact(robot: int, index: int) -> list[float]:
    """Friction and restitution."""
    facts = engine.getDynamicsInfo(robot, index)
    return [facts[1], facts[5]]


def _hold(robot: int, infos: list[Any], steps: int) -> dict[str, Any]:
    """Step with gravity while motors hold the joints near zero; the largest speeds seen."""
    engine.setGravity(0, 0, -9.81)
    engine.setTimeStep(1 / 240)
    for info in infos:
        if info[2] == engine.JOINT_FIXED:
            continue
        low, high = info[8], info[9]
        hold = min(max(0.0, low), high) if low <= high else 0.0
        engine.resetJointState(robot, info[0], hold)
        engine.setJointMotorControl2(
            robot, info[0], engine.POSITION_CONTROL, targetPosition=hold, force=max(info[10], 0.0)
        )
    linear = angular = 0.0
    for _ in range(steps):
        engine.stepSimulation()
        for info in infos:
            state = engine.getLinkState(robot, info[0], computeLinkVelocity=1)
            if not all(map(math.isfinite, (*state[0], *state[6], *state[7]))):
                return {"finite": False}
            linear = max(linear, math.hypot(*state[6]))
            angular = max(angular, math.hypot(*state[7]))
    return {"finite": True, "linear": linear, "angular": angular}


if __name__ == "__main__":
    main()
