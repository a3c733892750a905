"""Bodies under gravity, in PyBullet and in MuJoCo: held by their drives, and dropped."""

# MuJoCo fills its module at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.scene import JointType, RiggedAsset

_HELD_S, _DROPPED_S = 2.0, 5.0
_DROP = 0.02
"""Height of the drop, as a share of the object's size."""
_DRIFT = {True: 0.02, False: 0.01}
"""How far a held joint may give: radians, or a share of the object's size."""
_FLIGHT = 1.5
"""How far from where it was dropped a part may be at the end, in sizes of the object."""
_STILL = 0.1
"""Speed under which a body is at rest, in sizes of the object a second."""
_STIFFNESS = 30.0
"""Natural frequency of the drives in MuJoCo, rad/s."""


@dataclass(frozen=True)
class Outcome:
    """What became of an object.

    Attributes:
        fault: what is wrong, or "".
        drift: largest that a joint gave over what it may; above 1 is a fault if it was held. What
            a fall does to a joint has no bound but its limits.
        speed: largest speed of a link at the end, m/s.
    """

    fault: str
    drift: float
    speed: float


@dataclass(frozen=True)
class _Course:
    """A simulation: joint positions at its end, and where links are at its start and end."""

    q: dict[str, float]
    first: np.ndarray
    last: np.ndarray
    speed: float


def bullet(bundle: Path, asset: RiggedAsset, *, dropped: bool) -> Outcome:
    """Simulate ``scene.urdf`` in PyBullet, its joints held at zero."""
    return _judged(lambda: _bullet_course(bundle / "scene.urdf", asset, dropped), asset, dropped)


def mujoco(bundle: Path, asset: RiggedAsset, *, dropped: bool) -> Outcome:
    """Simulate ``scene.xml`` in MuJoCo, its joints held at zero."""
    return _judged(lambda: _mujoco_course(bundle / "scene.xml", asset, dropped), asset, dropped)


def size_of(asset: RiggedAsset) -> float:
    """Diagonal of the object at time zero, metres."""
    return float(np.linalg.norm(np.ptp(asset.surfels.means, axis=0)))


def start_of(asset: RiggedAsset) -> dict[str, float]:
    """Zero, or the nearest position that the limits allow."""
    return {
        j.name: float(np.clip(0.0, j.limits.lower, j.limits.upper))
        for j in asset.joints
        if j.type is not JointType.FIXED
    }


def _judged(course: Callable[[], _Course], asset: RiggedAsset, dropped: bool) -> Outcome:
    try:
        found = course()
    except Exception as cause:  # an engine that refuses the file has failed
        return Outcome(f"{type(cause).__name__}: {cause}", np.inf, np.inf)
    size, start = size_of(asset), start_of(asset)
    if not (np.isfinite(found.last).all() and np.isfinite(list(found.q.values())).all()):
        return Outcome("numbers that are not finite", np.inf, np.inf)
    drift = beyond = 0.0
    for joint in asset.joints:
        if joint.name in found.q:
            unit = 1.0 if joint.type.angular else size
            gave = abs(found.q[joint.name] - start[joint.name]) / unit
            drift = max(drift, gave / _DRIFT[joint.type.angular])
            q, bounds = found.q[joint.name], joint.limits
            left = max(bounds.lower - q, q - bounds.upper) / unit
            beyond = max(beyond, left / _DRIFT[joint.type.angular])
    went = float(np.linalg.norm(found.last - found.first, axis=1).max()) if dropped else 0.0
    fault = ""
    if drift > 1 and not dropped:
        fault = "a drive gives way"
    elif beyond > 1:
        fault = "a joint is beyond its limits"
    elif went > _FLIGHT * size:
        fault = f"a part is {went / size:.1f} sizes away"
    elif found.speed > _STILL * size:
        fault = f"still moves at {found.speed:.2f} m/s"
    return Outcome(fault, drift, found.speed)


def _bullet_course(urdf: Path, asset: RiggedAsset, dropped: bool) -> _Course:
    import pybullet as p

    client = p.connect(p.DIRECT)
    try:
        p.setPhysicsEngineParameter(enableFileCaching=0, physicsClientId=client)
        p.setGravity(0, 0, -9.81, physicsClientId=client)
        body = p.loadURDF(
            str(urdf),
            useFixedBase=not dropped,
            flags=p.URDF_USE_INERTIA_FROM_FILE,
            physicsClientId=client,
        )
        joints = {
            p.getJointInfo(body, i, physicsClientId=client)[1].decode(): i
            for i in range(p.getNumJoints(body, physicsClientId=client))
        }
        links = [-1, *joints.values()]
        start = start_of(asset)
        for joint in asset.joints:
            if joint.name in start:
                at, effort = start[joint.name], joint.limits.effort
                p.resetJointState(body, joints[joint.name], at, physicsClientId=client)
                p.setJointMotorControl2(
                    body,
                    joints[joint.name],
                    p.POSITION_CONTROL,
                    targetPosition=at,
                    force=effort,
                    physicsClientId=client,
                )
        if dropped:
            low = min(p.getAABB(body, i, physicsClientId=client)[0][2] for i in links)
            floor = p.createCollisionShape(p.GEOM_PLANE, physicsClientId=client)
            height = low - _DROP * size_of(asset)
            p.createMultiBody(0, floor, -1, [0, 0, height], physicsClientId=client)
        first = _bullet_centers(p, body, links, client)
        for _ in range(round(240 * (_DROPPED_S if dropped else _HELD_S))):
            p.stepSimulation(physicsClientId=client)
        q = {name: p.getJointState(body, joints[name], physicsClientId=client)[0] for name in start}
        speeds = [np.linalg.norm(p.getBaseVelocity(body, physicsClientId=client)[0])]
        for i in links[1:]:
            state = p.getLinkState(body, i, computeLinkVelocity=1, physicsClientId=client)
            speeds.append(np.linalg.norm(state[6]))
        last = _bullet_centers(p, body, links, client)
        return _Course(q, first, last, float(max(speeds)))
    finally:
        p.disconnect(client)


def _bullet_centers(p: Any, body: int, links: list[int], client: int) -> np.ndarray:
    centers = [p.getBasePositionAndOrientation(body, physicsClientId=client)[0]]
    centers += [p.getLinkState(body, i, physicsClientId=client)[0] for i in links[1:]]
    return np.array(centers)


def _mujoco_course(xml: Path, asset: RiggedAsset, dropped: bool) -> _Course:
    import mujoco as mj

    spec = mj.MjSpec.from_file(str(xml))
    spec.option.integrator = mj.mjtIntegrator.mjINT_IMPLICITFAST
    root = spec.body(asset.links[0].name)
    free = [j for j in root.joints if j.type == mj.mjtJoint.mjJNT_FREE]
    for joint in [] if dropped else free:
        spec.delete(joint)
    if dropped and not free:
        root.add_freejoint(name="root")
    start = start_of(asset)
    model, data = _mujoco_model(mj, spec, start)
    if dropped:
        height = _lowest(mj, model, data) - _DROP * size_of(asset)
        spec.worldbody.add_geom(type=mj.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1], pos=[0, 0, height])
        model, data = _mujoco_model(mj, spec, start)
    bodies = [model.body(link.name).id for link in asset.links]
    first = data.xipos[bodies].copy()
    dofs = {name: int(model.joint(name).dofadr[0]) for name in start}
    leaders = {joint.name for joint in asset.joints if joint.mimic is None}
    servos = {n: _servo(mj, model, n, dof) for n, dof in dofs.items() if n in leaders}
    steps = round((_DROPPED_S if dropped else _HELD_S) / model.opt.timestep)
    for _ in range(steps):
        mj.mj_step1(model, data)
        for name, stiffness in servos.items():
            # In a fall nothing weighs on a joint.
            weight = 0.0 if dropped else data.qfrc_bias[dofs[name]]
            data.actuator(name).ctrl[0] = start[name] + weight / stiffness
        mj.mj_step2(model, data)
    q = {name: float(data.joint(name).qpos[0]) for name in start}
    speed = np.zeros(6)
    fastest = 0.0
    for body in bodies:
        mj.mj_objectVelocity(model, data, mj.mjtObj.mjOBJ_BODY, body, speed, 0)
        fastest = max(fastest, float(np.linalg.norm(speed[3:])))
    return _Course(q, first, data.xipos[bodies].copy(), fastest)


def _servo(mj: Any, model: Any, name: str, dof: int) -> float:
    """Make the motor of a joint a critically damped position servo; its stiffness."""
    stiffness = float(_STIFFNESS**2 / model.dof_invweight0[dof])
    motor = model.actuator(name)
    motor.biastype[0] = mj.mjtBias.mjBIAS_AFFINE
    motor.gainprm[0] = stiffness
    motor.biasprm[:3] = 0.0, -stiffness, -2 * stiffness / _STIFFNESS
    motor.ctrllimited[0] = 0
    return stiffness


def _mujoco_model(mj: Any, spec: Any, start: dict[str, float]) -> tuple[Any, Any]:
    """The compiled model with its joints at ``start``."""
    model = spec.compile()
    data = mj.MjData(model)
    for name, at in start.items():
        data.joint(name).qpos[0] = at
    mj.mj_forward(model, data)
    return model, data


def _lowest(mj: Any, model: Any, data: Any) -> float:
    """Height of the lowest corner of all meshes, metres."""
    low = np.inf
    for geom in range(model.ngeom):
        if model.geom_type[geom] != mj.mjtGeom.mjGEOM_MESH or not model.geom_contype[geom]:
            continue
        mesh = model.geom_dataid[geom]
        a, n = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
        turn = data.geom_xmat[geom].reshape(3, 3)
        heights = (model.mesh_vert[a : a + n] @ turn.T)[:, 2] + data.geom_xpos[geom][2]
        low = min(low, float(heights.min()))
    return low
