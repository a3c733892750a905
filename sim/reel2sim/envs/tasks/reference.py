"""The recovered motion at every control step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from reel2sim.envs.bundle import LoadedBundle
from reel2sim.envs.physics.body import Body, StartState
from reel2sim.envs.physics.gears import follow, gears_of
from reel2sim.envs.physics.link_tree import LinkTree, link_tree
from reel2sim.scene import Motion
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError
from reel2sim.scene.transforms import apply

_MAX_STEPS = 1_000_000


@dataclass(frozen=True, eq=False)
class Reference:
    """The motion on the grid of control steps; ``n`` movable joints, ``l`` links but the root.

    Attributes:
        q: positions ``(k, n)``, radians or metres.
        qd: velocities ``(k, n)``.
        T_world_root: poses of the root ``(k, 4, 4)``.
        linear: velocity of the root's centre of mass ``(k, 3)``, m/s.
        angular: angular velocity of the root ``(k, 3)``, rad/s, world axes.
        centers: centres of mass of the links in the root's frame ``(k, l, 3)``, metres.
        tree: where links are by the joints' positions.
    """

    q: Array
    qd: Array
    T_world_root: Array
    linear: Array
    angular: Array
    centers: Array
    tree: LinkTree

    @property
    def last(self) -> int:
        """Index of the motion's last control step."""
        return len(self.q) - 1

    def at(self, k: int) -> tuple[Array, Array]:
        """Positions and velocities ``(n,)`` at control step ``k``; at rest after the end."""
        if k > self.last:
            return self.q[-1], np.zeros_like(self.qd[-1])
        return self.q[k], self.qd[k]

    def start(self, k: int) -> StartState:
        """The state at control step ``k``."""
        return StartState(
            self.T_world_root[k], self.q[k], self.qd[k], self.linear[k], self.angular[k]
        )


def build_reference(bundle: LoadedBundle, body: Body, *, step_s: float) -> Reference:
    """Sample the motion of ``bundle`` every ``step_s`` seconds; ``body`` is used for kinematics.

    Positions follow a monotone cubic through the samples: smooth, and never beyond neighbouring
    samples, hence never beyond a limit. The root moves as :meth:`Motion.sample` has it; with a
    fixed base it stays at its first pose.

    Raises:
        BundleError: if the motion has no duration or is longer than 10⁶ control steps.
    """
    motion = bundle.motion
    if len(motion.times_s) < 2:
        raise BundleError(
            "holds one instant, which is no motion to track",
            source=bundle.root / "motion.json",
            field="times_s",
            remedy="make the bundle from a reel in which the object moves",
        )
    count = max(1, int(np.ceil(motion.duration_s / step_s - 1e-6)))
    if count > _MAX_STEPS:
        raise BundleError(
            f"lasts {motion.duration_s:.0f} s, more than {_MAX_STEPS} control steps",
            source=bundle.root / "motion.json",
            field="times_s",
            remedy="cut the motion, or raise frame_skip",
        )
    times = np.minimum(motion.times_s[0] + np.arange(count + 1) * step_s, motion.times_s[-1])
    q, qd = _joint_curves(bundle, times)
    poses = _root_poses(motion, times)
    if body.fixed_base:
        poses = np.broadcast_to(poses[0], poses.shape)
    linear, angular = _root_velocities(poses, body.root_center, step_s)
    tree = link_tree(body)
    centers = np.array([tree.centers(positions) for positions in q])
    return Reference(q, qd, poses, linear, angular, centers, tree)


def _joint_curves(bundle: LoadedBundle, times: Array) -> tuple[Array, Array]:
    motion = bundle.motion
    q, qd = np.zeros((2, len(times), len(bundle.joints)))
    for j, joint in enumerate(bundle.joints):
        curve = PchipInterpolator(motion.times_s, motion.positions[joint.name])
        limits = joint.description
        # Recovered positions may leave the limits by the slack that loading allows.
        q[:, j] = np.clip(curve(times), limits.lower, limits.upper)
        qd[:, j] = np.clip(curve.derivative()(times), -limits.velocity, limits.velocity)
    follow(gears_of(bundle), q)
    for gear in gears_of(bundle):
        qd[:, gear.follower] = gear.mimic.multiplier * qd[:, gear.leader]
    return q, qd


def _root_poses(motion: Motion, times: Array) -> Array:
    return np.stack([motion.sample(float(t))[0] for t in times])


def _root_velocities(poses: Array, center: Array, step_s: float) -> tuple[Array, Array]:
    """Forward differences; the last step repeats the one before."""
    points = apply(poses, center[None])[:, 0]
    linear = np.diff(points, axis=0) / step_s
    turn = poses[1:, :3, :3] @ np.swapaxes(poses[:-1, :3, :3], -1, -2)
    angular = Rotation.from_matrix(turn).as_rotvec() / step_s
    return np.vstack([linear, linear[-1:]]), np.vstack([angular, angular[-1:]])
