"""The recovered motion at every control step, and what an environment has to know of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from reel2sim.envs.bundle import LoadedBundle
from reel2sim.envs.gears import gears_of
from reel2sim.envs.world import TIMESTEP_S, StartState, World
from reel2sim.scene import Motion
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError
from reel2sim.scene.transforms import apply, invert

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
        lower: lowest corner of the object over the whole motion ``(3,)``, world frame.
        upper: highest corner ``(3,)``.
        size: diagonal of the object at the start, metres.
        damping: joint damping a simulator can integrate ``(n,)``.
    """

    q: Array
    qd: Array
    T_world_root: Array
    linear: Array
    angular: Array
    centers: Array
    lower: Array
    upper: Array
    size: float
    damping: Array

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


def build_reference(
    bundle: LoadedBundle, world: World, *, step_s: float, fixed_base: bool
) -> Reference:
    """Sample the motion of ``bundle`` every ``step_s`` seconds; ``world`` is used for kinematics.

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
    if fixed_base:
        poses = np.broadcast_to(poses[0], poses.shape)
    still = np.zeros((len(times), 3))
    world.reset(StartState(poses[0], q[0], np.zeros_like(q[0]), still[0], still[0]))
    linear, angular = _root_velocities(poses, world.root_center, step_s)
    centers, lower, upper, size = _sweep(world, q, poses)
    damping = _stable_damping(bundle, world, q)
    return Reference(q, qd, poses, linear, angular, centers, lower, upper, size, damping)


def _joint_curves(bundle: LoadedBundle, times: Array) -> tuple[Array, Array]:
    motion = bundle.motion
    q, qd = np.zeros((2, len(times), len(bundle.joints)))
    for j, joint in enumerate(bundle.joints):
        curve = PchipInterpolator(motion.times_s, motion.positions[joint.name])
        limits = joint.description
        # Recovered positions may leave the limits by the slack that loading allows.
        q[:, j] = np.clip(curve(times), limits.lower, limits.upper)
        qd[:, j] = np.clip(curve.derivative()(times), -limits.velocity, limits.velocity)
    # A follower can be nowhere but where its leader puts it.
    for gear in gears_of(bundle):
        q[:, gear.follower] = gear.mimic.follow(q[:, gear.leader])
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


def _sweep(world: World, q: Array, poses: Array) -> tuple[Array, Array, Array, float]:
    """Centres of mass ``(k, l, 3)`` in the root's frame, and the bounds of all poses."""
    T_root_world = invert(world.root_pose())
    centers: list[Array] = []
    corners: list[Array] = []
    size = 0.0
    # Bounds change slowly: a few dozen instants show them.
    stride = max(1, len(q) // 48)
    for k, positions in enumerate(q):
        world.place(positions)
        centers.append(apply(T_root_world, world.link_centers()))
        if k % stride == 0 or k == len(q) - 1:
            low, high = world.bounds()
            size = size or float(np.linalg.norm(high - low))
            box = np.where(list(np.ndindex(2, 2, 2)), high, low)
            corners.append(apply(poses[k] @ T_root_world, box))
    every = np.concatenate(corners)
    return np.array(centers), every.min(axis=0), every.max(axis=0), max(size, 1e-3)


def _stable_damping(bundle: LoadedBundle, world: World, q: Array) -> Array:
    """Damping that acts like the described one and cannot blow up.

    PyBullet applies joint damping explicitly: beyond twice inertia over time step it feeds energy
    in, and a light lid with plain damping is there already. ``d / (1 + h·d/I)`` is what an implicit
    step would do for one joint. With ``1/I`` the column sum of the inverse mass matrix,
    Gershgorin's theorem bounds the damping of any number of coupled joints.
    """
    described = np.array([joint.description.damping for joint in bundle.joints])
    inverse = np.zeros(len(described))
    for k in np.unique(np.linspace(0, len(q) - 1, 9).astype(int)):
        world.place(q[k])
        inverse = np.maximum(inverse, np.abs(world.mobility()).sum(axis=0))
    return described / (1.0 + TIMESTEP_S * described * inverse)
