"""The object as yourdfpy and MuJoCo understand it."""

# MuJoCo fills its module at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.check.robot.model import Body, Robot, RobotMimic
from reel2sim.exporters.check.robot.reading import Contact, JointKind, JointReading, Reading
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert, matrix_from_quaternion, pose


def read_yourdfpy(path: Path, robot: Robot, states: Mapping[str, Array], count: int) -> Reading:
    """The URDF in yourdfpy, at ``count`` states.

    Raises:
        ValueError: if yourdfpy finds it invalid.
        Exception: whatever yourdfpy raises.
    """
    import yourdfpy

    model = yourdfpy.URDF.load(str(path), load_meshes=False)
    valid = model.validate()
    if not valid:
        raise ValueError("; ".join(str(error) for error in model.errors))
    poses = {name: np.empty((count, 4, 4)) for name in model.link_map}
    # Followers are no part of its configuration: it puts them where it thinks they belong.
    driven = {name: q for name, q in states.items() if name in model.actuated_joint_names}
    order = _outwards(model)
    for k in range(count):
        if driven:
            model.update_cfg({name: float(q[k]) for name, q in driven.items()})
        for name in poses.keys() - order.keys():
            poses[name][k] = model.get_transform(name)
        # Asked for a link's pose in the base, it would try all ways to multiply those between.
        for child, parent in order.items():
            poses[child][k] = poses[parent][k] @ model.get_transform(child, parent)
    bodies = {
        name: _yourdfpy_body(link.inertial)
        for name, link in model.link_map.items()
        if link.inertial is not None
    }
    joints = {name: _yourdfpy_joint(joint) for name, joint in model.joint_map.items()}
    mimics = {
        name: RobotMimic(joint.mimic.joint, joint.mimic.multiplier, joint.mimic.offset)
        for name, joint in model.joint_map.items()
        if joint.mimic is not None
    }
    return Reading("yourdfpy", path.name, poses, bodies, joints, mimics)


def _outwards(model: Any) -> dict[str, str]:
    """The parent of each link that hangs on the base link, parents first."""
    below: dict[str, list[str]] = {}
    for joint in model.joint_map.values():
        below.setdefault(joint.parent, []).append(joint.child)
    found: dict[str, str] = {}
    reached = [model.base_link]
    for parent in reached:
        for child in below.get(parent, ()):
            if child not in found and child != model.base_link and child in model.link_map:
                found[child] = parent
                reached.append(child)
    return found


def _yourdfpy_body(inertial: Any) -> Body:
    T = np.eye(4) if inertial.origin is None else inertial.origin
    R = T[:3, :3]
    return Body(float(inertial.mass), T[:3, 3], R @ inertial.inertia @ R.T)


def _yourdfpy_joint(joint: Any) -> JointReading:
    kinds: dict[str, JointKind] = {
        "fixed": "fixed", "revolute": "hinge", "continuous": "hinge", "prismatic": "slide"
    }  # fmt: skip
    limit, losses = joint.limit, joint.dynamics
    kind = kinds.get(joint.type, "other")
    # It leaves these two as text.
    told = (None, None) if losses is None else (losses.damping, losses.friction)
    damping, friction = (None if value is None else float(value) for value in told)
    if limit is None:
        return JointReading(kind, damping=damping, friction=friction)
    bounded = joint.type in ("revolute", "prismatic")
    low, high = (limit.lower, limit.upper) if bounded else (None, None)
    return JointReading(kind, low, high, limit.effort, limit.velocity, damping, friction)


def read_mujoco(path: Path, robot: Robot, states: Mapping[str, Array], count: int) -> Reading:
    """A URDF or MJCF in MuJoCo, at ``count`` states.

    MuJoCo has no speed limits. It welds a URDF's root to the world and counts it as part of that,
    so the root's mass is known from MJCF only.

    Raises:
        Exception: whatever MuJoCo raises.
    """
    import mujoco

    # Unless told otherwise, MuJoCo appends its warnings to a file in the working folder.
    mujoco.set_mju_user_warning(lambda text: None)
    model = mujoco.MjModel.from_xml_path(str(path))
    data = mujoco.MjData(model)
    names = [model.body(i).name for i in range(1, model.nbody)]
    root = robot.roots[0] if robot.roots else names[0]
    joints = {model.joint(i).name: _mujoco_joint(model, i) for i in range(model.njnt)}
    free = {name for name, joint in joints.items() if joint.kind == "other"}
    poses = {name: np.empty((count, 4, 4)) for name in names}
    for k in range(count):
        for name, q in states.items():
            if name in joints:
                data.joint(name).qpos[0] = q[k]
        mujoco.mj_forward(model, data)
        for name, T in poses.items():
            body = data.body(name)
            T[k] = pose(body.xmat.reshape(3, 3), body.xpos)
    if root in poses:
        T_root_world = invert(poses[root])
        poses = {name: T_root_world @ T for name, T in poses.items()}
    told = [name for name in names if path.suffix != ".urdf" or name != root]
    bodies = {name: _mujoco_body(model.body(name)) for name in told}
    kept = {name: joint for name, joint in joints.items() if name not in free}
    loader = f"MuJoCo {path.suffix[1:]}"
    # It knows no contact properties of a URDF.
    contacts = {} if path.suffix == ".urdf" else _mujoco_contacts(model)
    return Reading(loader, path.name, poses, bodies, kept, _mujoco_mimics(model), contacts)


def _mujoco_contacts(model: Any) -> dict[str, list[Contact]]:
    """Sliding friction of geoms that collide; MuJoCo has no restitution."""
    found: dict[str, list[Contact]] = {}
    for i in range(model.ngeom):
        if model.geom_contype[i] or model.geom_conaffinity[i]:
            body = model.body(int(model.geom_bodyid[i])).name
            found.setdefault(body, []).append((float(model.geom_friction[i][0]), None))
    return found


def _mujoco_body(body: Any) -> Body:
    R = matrix_from_quaternion(body.iquat)
    return Body(float(body.mass[0]), body.ipos.copy(), R @ np.diag(body.inertia) @ R.T)


def _mujoco_mimics(model: Any) -> dict[str, RobotMimic]:
    """Equality constraints between two joints; one that is no line gets no multiplier."""
    import mujoco

    found: dict[str, RobotMimic] = {}
    for i in range(model.neq):
        kind = model.eq_type[i] == int(mujoco.mjtEq.mjEQ_JOINT)
        follower, leader = int(model.eq_obj1id[i]), int(model.eq_obj2id[i])
        if not kind or leader < 0 or not model.eq_active0[i]:
            continue
        offset, multiplier, *bent = (float(v) for v in model.eq_data[i][:5])
        name = model.joint(leader).name
        mimic = RobotMimic(name, float("nan") if any(bent) else multiplier, offset)
        found[model.joint(follower).name] = mimic
    return found


def _mujoco_joint(model: Any, index: int) -> JointReading:
    import mujoco

    kinds: dict[int, JointKind] = {
        int(mujoco.mjtJoint.mjJNT_HINGE): "hinge", int(mujoco.mjtJoint.mjJNT_SLIDE): "slide"
    }  # fmt: skip
    low = high = effort = None
    if model.jnt_limited[index]:
        low, high = (float(v) for v in model.jnt_range[index])
    if model.jnt_actfrclimited[index]:
        effort = float(model.jnt_actfrcrange[index][1])
    kind = kinds.get(int(model.jnt_type[index]), "other")
    dof = int(model.jnt_dofadr[index])
    damping, friction = (float(v[dof]) for v in (model.dof_damping, model.dof_frictionloss))
    spring = float(model.jnt_stiffness[index])
    return JointReading(
        kind, low, high, effort, damping=damping, friction=friction, stiffness=spring
    )
