"""PyBullet against MuJoCo: the same object, the same torques, and how far both part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.envs.bundle import LoadedBundle
from reel2sim.envs.physics.world import TIMESTEP_S
from reel2sim.envs.tasks.track_motion import TrackMotionEnv
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError, MissingDependencyError
from reel2sim.scene.transforms import pose_to_vector


@dataclass(frozen=True, eq=False)
class EngineGap:
    """One motion in two engines.

    Attributes:
        joints: names of the movable joints.
        times_s: instants ``(k,)``, from 0.
        torques: what drove the joints from each instant to the next ``(k - 1, n)``, N·m or N.
        q_pybullet: positions ``(k, n)``, radians or metres.
        q_mujoco: likewise.
        ranges: unit of each joint's gap ``(n,)``: the larger of what it moves by in PyBullet and a
            tenth of what it may move by.
        damping_kept: share of each joint's damping that PyBullet's explicit step can bear
            ``(n,)``; where it is below 1, both engines do not simulate the same joint.
    """

    joints: tuple[str, ...]
    times_s: Array
    torques: Array
    q_pybullet: Array
    q_mujoco: Array
    ranges: Array
    damping_kept: Array

    @property
    def shares(self) -> Array:
        """How far both are apart, as shares of ``ranges`` ``(k, n)``."""
        return np.abs(self.q_pybullet - self.q_mujoco) / self.ranges

    @property
    def worst(self) -> float:
        """The largest share over all joints and instants."""
        return float(self.shares.max(initial=0.0))

    @property
    def last(self) -> float:
        """The largest share at the end."""
        return float(self.shares[-1].max(initial=0.0))


def compare_engines(bundle: str | Path, *, seconds: float = 1.0) -> EngineGap:
    """Drive an object along its motion in PyBullet, and its MJCF by the same torques in MuJoCo.

    No feedback reaches MuJoCo, so differences of mass, damping, friction, axes and integration
    add up. Contacts are off: what is compared is the mechanism. A free base falls in both.

    Args:
        bundle: folder of one object.
        seconds: how long; beyond the motion's end its last position is held.

    Raises:
        BundleError: if the bundle has no joint to drive or MuJoCo does not load ``scene.xml``.
    """
    env = TrackMotionEnv(
        bundle,
        control="torque",
        frame_skip=4,  # a torque that is held for long lets a light lid run away from its motion
        drive_unobserved=True,
        episode_s=seconds,
        ground=False,
    )
    try:
        model, data, address = _prepared(env.bundle, env)
        drives = [model.actuator(name).id for name in env.joint_names]
        env.reset(seed=0)
        act, done = env.actuation, False
        first, second, torques = [env.body.joint_state()[0]], [data.qpos[address].copy()], []
        while not done:
            action = env.reference_action()
            full = np.zeros(len(address))
            full[act.driven] = np.float64(action) * act.effort
            data.ctrl[drives] = full[act.driven]
            *_, ended, done, _ = env.step(action)
            for _ in range(env.config.frame_skip):
                _mujoco().mj_step(model, data)
            first.append(env.body.joint_state()[0])
            second.append(data.qpos[address].copy())
            torques.append(full)
            done |= ended
        names = tuple(joint.name for joint in env.bundle.joints)
        times = np.arange(len(first)) * env.step_s
    finally:
        env.close()
    q = np.array(first)
    low, high = (
        np.array([getattr(j.description, side) for j in env.bundle.joints])
        for side in ("lower", "upper")
    )
    may = np.where(np.isfinite(high - low), high - low, 2 * np.pi)
    ranges = np.maximum(np.ptp(q, axis=0), 0.1 * may)
    described = np.array([joint.description.damping for joint in env.bundle.joints])
    kept = np.divide(env.setting.damping, described, out=np.ones_like(q[0]), where=described > 0)
    return EngineGap(names, times, np.array(torques), q, np.array(second), ranges, kept)


def _prepared(bundle: LoadedBundle, env: TrackMotionEnv) -> tuple[Any, Any, list[int]]:
    """MuJoCo's model and state where ``env`` starts, and where it keeps the joints' positions."""
    mujoco = _mujoco()
    path = bundle.root / "scene.xml"
    try:
        model = mujoco.MjModel.from_xml_path(str(path))
    except ValueError as fault:
        raise BundleError(
            f"MuJoCo cannot load it: {fault}",
            source=path,
            remedy="run `reel2sim check` on the bundle",
        ) from None
    model.opt.timestep = TIMESTEP_S
    model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT)
    model.opt.gravity[:] = env.gravity
    data = mujoco.MjData(model)
    address = [int(model.joint(joint.name).qposadr[0]) for joint in bundle.joints]
    rates = [int(model.joint(joint.name).dofadr[0]) for joint in bundle.joints]
    start = env.reference.start(0)
    data.qpos[address], data.qvel[rates] = start.q, start.qd
    if not bundle.fixed_base:
        T = start.T_world_root
        data.qpos[:7] = pose_to_vector(T)
        # MuJoCo has the velocity of the frame's origin in the world, and the rate in the frame.
        arm = T[:3, :3] @ env.body.root_center
        data.qvel[:3] = start.linear - np.cross(start.angular, arm)
        data.qvel[3:6] = T[:3, :3].T @ start.angular
    mujoco.mj_forward(model, data)
    return model, data, address


def _mujoco() -> Any:
    try:
        import mujoco
    except ImportError as fault:
        raise MissingDependencyError(
            f"cannot be imported: {fault}", source="mujoco", remedy="pip install mujoco"
        ) from None
    return mujoco
