"""What ``scene.xml`` has beyond its tree of bodies: world, meshes, motors, keyframes."""

# MuJoCo fills its module at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import numpy as np

from reel2sim.exporters.check.looks.surfaces import Surface, compare_surfaces, joined
from reel2sim.exporters.check.motion import Replay
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.meshes import Surfaces
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.scene.transforms import apply, matrix_from_quaternion, pose

MJCF = "scene.xml"
_GRAVITY = np.array([0.0, 0.0, -9.81])
_CLOSE = 1e-5
_TURNS = 4 * np.pi


def check_model(notes: Notes, robot: Robot, surfaces: Surfaces, replay: Replay | None) -> None:
    """Note where MuJoCo's model of ``scene.xml`` leaves the URDF or the motion."""
    import mujoco

    with notes.guard("LOAD004", MJCF):
        model = mujoco.MjModel.from_xml_path(str(notes.root / MJCF))
        check_ranges(notes, MJCF, model)
        _check_world(notes, model)
        _check_meshes(notes, robot, surfaces, model)
        _check_colors(notes, robot, model)
        _check_motors(notes, robot, model)
        if replay is not None:
            _check_keyframes(notes, robot, replay, model)


def check_ranges(notes: Notes, where: str, model: Any) -> None:
    """Note hinges whose range is that of degrees."""
    import mujoco

    for i in range(model.njnt):
        hinge = int(model.jnt_type[i]) == int(mujoco.mjtJoint.mjJNT_HINGE)
        reach = float(np.abs(model.jnt_range[i]).max())
        if hinge and model.jnt_limited[i] and reach > _TURNS:
            at = f"{where}: {model.joint(i).name or i}"
            notes.add("MJCF004", at, f"is {model.jnt_range[i]} rad")


def _check_world(notes: Notes, model: Any) -> None:
    import mujoco

    gravity = np.array(model.opt.gravity)
    if not np.abs(gravity - _GRAVITY).max() <= _CLOSE:
        notes.add("WORLD001", f"{MJCF}: option", f"gravity is {gravity}")
    bits = {"gravity": mujoco.mjtDisableBit.mjDSBL_GRAVITY}
    bits["contact"] = mujoco.mjtDisableBit.mjDSBL_CONTACT
    for name, bit in bits.items():
        if model.opt.disableflags & int(bit):
            notes.add("WORLD001", f"{MJCF}: option", f"the flag {name} is disabled")


def _geoms(model: Any, *, solid: bool) -> dict[str, list[int]]:
    """Mesh geoms that collide, or that are only seen, by body."""
    found: dict[str, list[int]] = {}
    for i in range(model.ngeom):
        collides = bool(model.geom_contype[i] or model.geom_conaffinity[i])
        if model.geom_dataid[i] >= 0 and collides == solid:
            body = model.body(int(model.geom_bodyid[i])).name
            found.setdefault(body, []).append(i)
    return found


def _surface(model: Any, geom: int) -> Surface:
    """A mesh geom in its body's frame: MuJoCo turns meshes into principal axes."""
    mesh = int(model.geom_dataid[geom])
    first, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
    start, faces = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
    T = pose(matrix_from_quaternion(model.geom_quat[geom]), model.geom_pos[geom])
    points = model.mesh_vert[first : first + count].astype(np.float64)
    return Surface(apply(T, points), model.mesh_face[start : start + faces].astype(np.int64))


def _check_meshes(notes: Notes, robot: Robot, surfaces: Surfaces, model: Any) -> None:
    for solid, expected in ((False, surfaces.visual), (True, surfaces.collision)):
        geoms = _geoms(model, solid=solid)
        found = {name: joined(_surface(model, i) for i in ids) for name, ids in geoms.items()}
        kind = "collision" if solid else "visual"
        compare_surfaces(notes, f"{MJCF}: {kind}", expected, found)
        for link in robot.links if solid else ():
            if link.collisions and link.name not in found:
                text = f"the URDF has {len(link.collisions)} pieces"
                notes.add("MJCF001", f"{MJCF}: {link.name}", text)


def _check_colors(notes: Notes, robot: Robot, model: Any) -> None:
    seen = _geoms(model, solid=False)
    for link in robot.links:
        plain = [g for g in seen.get(link.name, ()) if model.geom_matid[g] < 0]
        for geom in plain if link.color is not None else ():
            rgba = np.array(model.geom_rgba[geom])
            if not np.abs(rgba - link.color).max() <= 1e-3:
                text = f"is {rgba.round(4)}, in the URDF {link.color}"
                notes.add("LOOK001", f"{MJCF}: {link.name}", text)


def _check_motors(notes: Notes, robot: Robot, model: Any) -> None:
    import mujoco

    moved: dict[str, int] = {}
    for i in range(model.nu):
        at = f"{MJCF}: {model.actuator(i).name}"
        if int(model.actuator_trntype[i]) != int(mujoco.mjtTrn.mjTRN_JOINT):
            notes.add("MJCF002", at, "moves no joint")
            continue
        name = model.joint(int(model.actuator_trnid[i][0])).name
        moved[name] = moved.get(name, 0) + 1
        joint = next((j for j in robot.moving if j.name == name), None)
        effort = None if joint is None else (joint.limit or {}).get("effort")
        gear, gain = float(model.actuator_gear[i][0]), float(model.actuator_gainprm[i][0])
        if gear * gain != 1 or np.abs(model.actuator_biasprm[i]).max() != 0:
            notes.add("MJCF002", at, f"gear is {gear:g}, gain {gain:g}: a control is no force")
        low, high = (float(v) for v in model.actuator_ctrlrange[i])
        wanted = float(effort or 0.0)
        limited = bool(model.actuator_ctrllimited[i])
        if not (limited and abs(low + wanted) + abs(high - wanted) <= 1e-4 * max(wanted, 1.0)):
            notes.add("MJCF002", at, f"takes {low:g}..{high:g}, the effort is {wanted:g}")
    for joint in robot.moving:
        count = moved.get(joint.name, 0)
        if count != (joint.mimic is None):
            notes.add("MJCF002", f"{MJCF}: {joint.name}", f"has {count} motors")


def _check_keyframes(notes: Notes, robot: Robot, replay: Replay, model: Any) -> None:
    """A key is what the motion is at its time; MuJoCo normalises no quaternion of it."""
    if not model.nkey:
        notes.add("MJCF003", MJCF, "has no keyframes")
    addresses = {model.joint(i).name: int(model.jnt_qposadr[i]) for i in range(model.njnt)}
    for k in range(model.nkey):
        at = f"{MJCF}: {model.key(k).name}"
        i = int(np.abs(replay.times_s - model.key_time[k]).argmin())
        if not abs(replay.times_s[i] - model.key_time[k]) <= _CLOSE:
            notes.add("MJCF003", at, f"the motion has no time {model.key_time[k]:g} s")
            continue
        for joint in robot.moving:
            if joint.name not in addresses or joint.name not in replay.positions:
                continue
            found = float(model.key_qpos[k][addresses[joint.name]])
            wanted = float(replay.positions[joint.name][i])
            if not abs(found - wanted) <= _CLOSE * max(1.0, abs(wanted)):
                text = f"{joint.name} is at {found:.6g}, in the motion {wanted:.6g}"
                notes.add("MJCF003", at, text)
        for name, first in addresses.items():
            if int(model.joint(name).type[0]) == 0:
                q = model.key_qpos[k][first : first + 7]
                T = pose(matrix_from_quaternion(q[3:]), q[:3])
                gap = float(np.abs(T - replay.base_poses[i]).max())
                if not gap <= _CLOSE * max(1.0, float(np.abs(q[:3]).max())):
                    notes.add("MJCF003", at, f"the base is off by {gap:.3g}")
