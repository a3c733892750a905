"""Whether yourdfpy, PyBullet and MuJoCo pose and weigh a URDF's links alike at random states.

Runs where the three are. ``kinematics.py REPORT URDF`` writes findings to REPORT as JSON.
"""

import json
import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import mujoco
import numpy as np
import pybullet
import yourdfpy

STATES, TOLERANCE = 20, 1e-5


def main(report: str, urdf: str) -> None:
    written, name = Path(report).resolve(), Path(urdf).name
    os.chdir(Path(urdf).parent)
    robot = yourdfpy.URDF.load(name, build_scene_graph=True, load_meshes=True)
    findings = []
    if not robot.validate():
        findings += [{"where": name, "message": f"yourdfpy: {e}"} for e in robot.errors]
    loaders = {"yourdfpy": Yourdfpy(robot), "PyBullet": Bullet(name), "MuJoCo": Mujoco(name)}
    first, *others = loaders
    rng = np.random.default_rng(0)
    worst = dict.fromkeys(others, 0.0)
    for _ in range(STATES):
        state = random_state(name, rng)
        poses = {loader: x.poses(state) for loader, x in loaders.items()}
        for other in others:
            for link, T in poses[first].items():
                gap = float(np.abs(T - poses[other][link]).max())
                worst[other] = gap if np.isnan(gap) else max(worst[other], gap)
    for other, gap in worst.items():
        if not gap <= TOLERANCE:
            message = f"links are posed {gap:.2e} apart by {first} and {other}"
            findings.append({"where": name, "message": message})
    masses = {loader: x.masses() for loader, x in loaders.items()}
    for other in others:
        for link, mass in masses[first].items():
            if not abs(masses[other][link] - mass) <= TOLERANCE * mass:
                message = f"weighs {mass} in {first}, {masses[other][link]} in {other}"
                findings.append({"where": link, "message": message})
    gaps = ", ".join(f"{other} {gap:.1e}" for other, gap in worst.items())
    notes = [f"largest distance from {first} in {STATES} states: {gaps}"]
    written.write_text(json.dumps({"findings": findings, "notes": notes}), encoding="utf-8")


def random_state(urdf: str, rng: np.random.Generator) -> dict[str, float]:
    """A position of every joint within its limits; followers where their leaders put them."""
    state, followers = {}, {}
    for joint in ET.parse(urdf).getroot().iter("joint"):
        kind, limit, mimic = joint.get("type"), joint.find("limit"), joint.find("mimic")
        if kind == "fixed":
            continue
        low, high = -np.pi, np.pi
        if kind != "continuous":
            low, high = float(limit.get("lower")), float(limit.get("upper"))
        state[joint.get("name")] = rng.uniform(low, high)
        if mimic is not None:
            terms = float(mimic.get("multiplier", 1)), float(mimic.get("offset", 0))
            followers[joint.get("name")] = (mimic.get("joint"), *terms)
    for name, (leader, multiplier, offset) in followers.items():
        state[name] = multiplier * state[leader] + offset
    return state


class Yourdfpy:
    """Poses ``T_root_link`` ``(4, 4)`` by name; likewise the other two."""

    def __init__(self, robot: yourdfpy.URDF) -> None:
        self.robot = robot

    def poses(self, state: dict[str, float]) -> dict[str, np.ndarray]:
        free = {j.name for j in self.robot.actuated_joints}
        self.robot.update_cfg({name: q for name, q in state.items() if name in free})
        return {name: self.robot.get_transform(name) for name in self.robot.link_map}

    def masses(self) -> dict[str, float]:
        return {name: link.inertial.mass for name, link in self.robot.link_map.items()}


class Bullet:
    def __init__(self, urdf: str) -> None:
        pybullet.connect(pybullet.DIRECT)
        flags = pybullet.URDF_USE_INERTIA_FROM_FILE
        self.body = pybullet.loadURDF(urdf, flags=flags)
        infos = [
            pybullet.getJointInfo(self.body, i) for i in range(pybullet.getNumJoints(self.body))
        ]
        self.joints = {info[1].decode(): i for i, info in enumerate(infos)}
        self.links = {info[12].decode(): i for i, info in enumerate(infos)}
        self.root = pybullet.getBodyInfo(self.body)[0].decode()

    def poses(self, state: dict[str, float]) -> dict[str, np.ndarray]:
        for name, q in state.items():
            pybullet.resetJointState(self.body, self.joints[name], q)
        # The base is told by its centre of mass, not by its frame.
        place, turn = pybullet.getBasePositionAndOrientation(self.body)
        offset = pybullet.getDynamicsInfo(self.body, -1)[3:5]
        T_world_root = matrix(place, turn) @ np.linalg.inv(matrix(*offset))
        found = {self.root: T_world_root}
        for name, i in self.links.items():
            seen = pybullet.getLinkState(self.body, i, computeForwardKinematics=True)
            found[name] = matrix(*seen[4:6])
        return relative(found, self.root)

    def masses(self) -> dict[str, float]:
        everything = {**self.links, self.root: -1}
        return {name: pybullet.getDynamicsInfo(self.body, i)[0] for name, i in everything.items()}


class Mujoco:
    def __init__(self, urdf: str) -> None:
        self.model = mujoco.MjModel.from_xml_path(urdf)
        self.data = mujoco.MjData(self.model)
        self.names = [self.model.body(i).name for i in range(1, self.model.nbody)]

    def poses(self, state: dict[str, float]) -> dict[str, np.ndarray]:
        for name, q in state.items():
            self.data.joint(name).qpos = q
        mujoco.mj_kinematics(self.model, self.data)
        found = {}
        for name in self.names:
            found[name] = np.eye(4)
            found[name][:3, :3] = self.data.body(name).xmat.reshape(3, 3)
            found[name][:3, 3] = self.data.body(name).xpos
        return relative(found, self.names[0])

    def masses(self) -> dict[str, float]:
        return {name: float(self.model.body(name).mass[0]) for name in self.names}


def matrix(place: tuple, turn: tuple) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3] = np.reshape(pybullet.getMatrixFromQuaternion(turn), (3, 3))
    T[:3, 3] = place
    return T


def relative(poses: dict[str, np.ndarray], root: str) -> dict[str, np.ndarray]:
    T_root_world = np.linalg.inv(poses[root])
    return {name: T_root_world @ T for name, T in poses.items()}


if __name__ == "__main__":
    main(*sys.argv[1:])
