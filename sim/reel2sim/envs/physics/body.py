"""One articulated object in a physics world.

Frames: the world is the reel's. "Root" is the root link's frame as the robot description has it,
not the frame of its centre of mass that PyBullet reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.envs.kernels import pose_of
from reel2sim.envs.physics import engine
from reel2sim.envs.physics.gears import Gear, mesh
from reel2sim.envs.physics.poses import from_bullet, to_bullet
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError
from reel2sim.scene.transforms import invert, pose_to_vector

_AABB_MARGIN = 0.004
"""Metres by which PyBullet widens the bounding box of a mesh on each side."""

UNLIMITED = 1e9
"""A speed that no drive reaches."""

_MOVABLE = (0, 1)  # JOINT_REVOLUTE (also continuous) and JOINT_PRISMATIC


@dataclass(frozen=True, eq=False)
class StartState:
    """Where an object is at a reset.

    Attributes:
        T_world_root: pose of the root link's frame ``(4, 4)``.
        q: positions of the movable joints ``(n,)``, radians or metres.
        qd: their velocities ``(n,)``.
        linear: velocity of the root's centre of mass ``(3,)``, m/s; unused if the base is fixed.
        angular: angular velocity of the root ``(3,)``, rad/s.
    """

    T_world_root: Array
    q: Array
    qd: Array
    linear: Array
    angular: Array


class Body:
    """One object, as PyBullet holds it; a :class:`reel2sim.envs.physics.world.World` loads it.

    Args:
        urdf: the robot description.
        joints: names of the movable joints, in the order of all arrays of this class.
        fixed_base: whether the root is welded to the world.
        gears: couplings of joints, by their indices.
    """

    def __init__(
        self,
        urdf: Path,
        joints: tuple[str, ...],
        *,
        fixed_base: bool,
        gears: tuple[Gear, ...] = (),
    ) -> None:
        self._p = engine.pybullet()
        self._urdf = urdf
        self._names = joints
        self._fixed_base = fixed_base
        self._gears = gears
        self._client = -1
        self._id = -1
        self._joints: list[int] = []
        self._links: list[int] = []
        self._T_root_com = np.eye(4)
        self._T_world_root = np.eye(4)
        self._com_root: Any = None
        self._friction: Array = np.zeros(len(joints))
        self.damping: Array | None = None
        """Overrides the description's joint damping ``(n,)`` when it is loaded next."""

    @property
    def id(self) -> int:
        """PyBullet's number of the object, until the next reset."""
        return self._id

    @property
    def links(self) -> list[int]:
        """PyBullet's numbers of all links but the root."""
        return self._links

    @property
    def joints(self) -> list[int]:
        """PyBullet's numbers of the movable joints."""
        return self._joints

    @property
    def gears(self) -> tuple[Gear, ...]:
        """Couplings of joints."""
        return self._gears

    @property
    def fixed_base(self) -> bool:
        """Whether the root is welded to the world."""
        return self._fixed_base

    def load(self, client: int, start: StartState, *, visuals: bool) -> None:
        """Put the object into a world that has just been emptied.

        Raises:
            BundleError: if PyBullet cannot load the robot description.
        """
        p = self._p
        self._client = client
        self._add(start.T_world_root, visuals=visuals)
        self._T_world_root = start.T_world_root
        for joint, q, qd in zip(self._joints, start.q, start.qd, strict=True):
            p.resetJointState(self._id, joint, float(q), float(qd), physicsClientId=client)
        if not self._fixed_base:
            p.resetBaseVelocity(
                self._id, start.linear.tolist(), start.angular.tolist(), physicsClientId=client
            )

    def stands(self, start: StartState) -> bool:
        """Whether the root is where ``start`` has it; of a fixed base."""
        return np.array_equal(self._T_world_root, start.T_world_root)

    def restart(self, start: StartState) -> None:
        """Put the joints back as :meth:`load` does, motors off; of a fixed base that stays."""
        p, client = self._p, self._client
        for n, (joint, q, qd) in enumerate(zip(self._joints, start.q, start.qd, strict=True)):
            p.resetJointState(self._id, joint, float(q), float(qd), physicsClientId=client)
            self.release(n)

    def _add(self, T_world_root: Array, *, visuals: bool) -> None:
        p, client = self._p, self._client
        flags = p.URDF_USE_INERTIA_FROM_FILE
        if not visuals:
            flags |= p.URDF_IGNORE_VISUAL_SHAPES
        position, orientation = to_bullet(T_world_root)
        try:
            self._id = p.loadURDF(
                str(self._urdf),
                basePosition=position,
                baseOrientation=orientation,
                useFixedBase=self._fixed_base,
                flags=flags,
                physicsClientId=client,
            )
        except p.error as fault:
            raise BundleError(
                f"PyBullet cannot load it: {fault}",
                source=self._urdf,
                remedy="run `reel2sim check` on the bundle",
            ) from None
        infos = [
            p.getJointInfo(self._id, i, physicsClientId=client)
            for i in range(p.getNumJoints(self._id, physicsClientId=client))
        ]
        index = {info[1].decode(): info[0] for info in infos if info[2] in _MOVABLE}
        self._joints = [index[name] for name in self._names]
        self._links = [info[0] for info in infos]
        self._friction = np.array([infos[i][7] for i in self._joints])
        self._T_root_com = from_bullet(
            *p.getDynamicsInfo(self._id, -1, physicsClientId=client)[3:5]
        )
        self._com_root = to_bullet(invert(self._T_root_com))
        self._tame()
        mesh(p, client, self._id, self._joints, self._gears)

    def _tame(self) -> None:
        """Remove PyBullet's own damping and motors; what the description says stays."""
        p, client = self._p, self._client
        for link in (-1, *self._links):
            p.changeDynamics(
                self._id, link, linearDamping=0, angularDamping=0, physicsClientId=client
            )
        for n, joint in enumerate(self._joints):
            if self.damping is not None:
                p.changeDynamics(
                    self._id,
                    joint,
                    jointDamping=float(self.damping[n]),
                    physicsClientId=client,
                )
            self.release(n)

    def scale_dry_friction(self, factors: Array) -> None:
        """Scale the joints' dry friction by ``factors`` ``(n,)`` until the next reset."""
        self._friction = self._friction * factors
        for n in range(len(self._joints)):
            self.release(n)

    def release(self, n: int) -> None:
        """Leave joint ``n`` to gravity, damping and its own dry friction."""
        # A motor that wants to stand still and has only the force of friction is dry friction;
        # force 0, the usual case, switches PyBullet's default motor off.
        self._p.setJointMotorControl2(
            self._id,
            self._joints[n],
            self._p.VELOCITY_CONTROL,
            targetVelocity=0.0,
            force=float(self._friction[n]),
            physicsClientId=self._client,
        )

    def hold_position(
        self, n: int, target: float, speed: float, gain: float, force: float, limit: float
    ) -> None:
        """Drive joint ``n`` to ``target`` until told otherwise.

        Args:
            n: index of the joint.
            target: radians or metres.
            speed: velocity the target itself has, per second.
            gain: share of the error removed in one physics step.
            force: largest torque or force.
            limit: largest speed.
        """
        # By position, as the engine lists them: naming them takes it longer than obeying.
        self._p.setJointMotorControl2(
            self._id,
            self._joints[n],
            self._p.POSITION_CONTROL,
            target,
            speed,
            force,
            gain,
            1.0,
            limit,
            self._client,
        )

    def hold_velocity(self, n: int, target: float, *, force: float) -> None:
        """Drive joint ``n`` at the velocity ``target`` until told otherwise."""
        p, limit = self._p, UNLIMITED
        p.setJointMotorControl2(
            self._id, self._joints[n], p.VELOCITY_CONTROL,
            0.0, target, force, 0.1, 1.0, limit, self._client,
        )  # fmt: skip

    def joint_state(self) -> tuple[Array, Array]:
        """Positions and velocities of the movable joints, ``(n,)`` each."""
        x, n = self.motion(), len(self._joints)
        return x[:n], x[n:]

    def motion(self) -> Array:
        """Positions of the movable joints, then their velocities ``(2n,)``."""
        if not self._joints:
            return np.zeros(0)
        states = self._p.getJointStates(self._id, self._joints, self._client)
        q, qd, _, _ = zip(*states)  # noqa: B905 - all have four
        return np.array(q + qd)

    def applied_torques(self) -> Array:
        """What the joints' drives gave in the last physics step ``(n,)``, N·m or N."""
        states = self._p.getJointStates(self._id, self._joints, self._client)
        return np.array([s[3] for s in states])

    def mass(self) -> float:
        """Of all links, kg."""
        p, client = self._p, self._client
        return sum(p.getDynamicsInfo(self._id, link, client)[0] for link in (-1, *self._links))

    def root_pose(self) -> Array:
        """``T_world_root`` ``(4, 4)``."""
        if self._fixed_base:
            return self._T_world_root
        position, xyzw = self._root()
        # Quicker than going through our own quaternions, and this runs in every step.
        R = np.array(self._p.getMatrixFromQuaternion(xyzw)).reshape(3, 3)
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = R, position
        return T

    def root_vector(self) -> Array:
        """The root's pose as ``[x, y, z, qw, qx, qy, qz]``."""
        if self._fixed_base:
            return pose_to_vector(self._T_world_root)
        position, q = self._root()
        return np.array([*position, q[3], q[0], q[1], q[2]])

    def _root(self) -> tuple[Any, Any]:
        found = self._p.getBasePositionAndOrientation(self._id, physicsClientId=self._client)
        return self._p.multiplyTransforms(*found, *self._com_root)

    def root_velocity(self) -> tuple[Array, Array]:
        """Velocity of the root's centre of mass and angular velocity, world axes, ``(3,)`` each."""
        linear, angular = self._p.getBaseVelocity(self._id, physicsClientId=self._client)
        return np.array(linear), np.array(angular)

    @property
    def root_center(self) -> Array:
        """Centre of mass of the root in its own frame ``(3,)``."""
        return self._T_root_com[:3, 3]

    def link_centers(self) -> Array:
        """Centres of mass of all links but the root, world frame ``(l, 3)``."""
        if not self._links:
            return np.zeros((0, 3))
        states = self._p.getLinkStates(self._id, self._links, False, True, self._client)
        return np.array([s[0] for s in states])

    def link_pose(self, link: int) -> Array:
        """``T_world_link`` ``(4, 4)`` of the link with that PyBullet's number."""
        state = self._p.getLinkState(self._id, link, False, True, self._client)
        return pose_of(np.array(state[4] + state[5]))

    def parents(self) -> list[int]:
        """PyBullet's number of the link that each of :attr:`links` hangs on; −1 is the root."""
        return [
            self._p.getJointInfo(self._id, link, physicsClientId=self._client)[16]
            for link in self._links
        ]

    def place(self, q: Array) -> None:
        """Put the joints at ``q`` without simulating; for looking, not for dynamics."""
        for joint, value in zip(self._joints, q, strict=True):
            self._p.resetJointState(self._id, joint, float(value), physicsClientId=self._client)

    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest corner of what can collide, world frame."""
        boxes = np.array(
            [
                self._p.getAABB(self._id, link, physicsClientId=self._client)
                for link in (-1, *self._links)
            ]
        )
        # A link without a shape has a box without an extent, wherever it is.
        solid = boxes[np.ptp(boxes, axis=1).max(axis=1) > 2 * _AABB_MARGIN]
        if not len(solid):
            points = np.vstack([self.link_centers(), self.root_pose()[:3, 3]])
            return points.min(axis=0), points.max(axis=0)
        return solid[:, 0].min(axis=0) + _AABB_MARGIN, solid[:, 1].max(axis=0) - _AABB_MARGIN

    def mobility(self) -> Array:
        """Inverse inertia between the movable joints at the present state ``(n, n)``."""
        q, _ = self._ordered(*self.joint_state())
        M = np.array(
            self._p.calculateMassMatrix(self._id, q.tolist(), physicsClientId=self._client)
        )
        n = len(q)
        order = np.argsort(np.argsort(self._joints))
        inverse = np.linalg.inv(M)[len(M) - n :, len(M) - n :]
        return inverse[np.ix_(order, order)]

    def inverse_dynamics(self, qdd: Array) -> Array:
        """Torques ``(n,)`` that give the joints accelerations ``qdd`` ``(n,)`` with a root at rest.

        Damping and dry friction of the joints are not part of it.
        """
        q, qd = self._ordered(*self.joint_state())
        (wanted,) = self._ordered(qdd)
        if not self._fixed_base:
            found = self._p.getBasePositionAndOrientation(self._id, physicsClientId=self._client)
            linear, angular = self.root_velocity()
            q = np.concatenate([found[0], found[1], q])
            qd = np.concatenate([angular, linear, qd])
            wanted = np.concatenate([np.zeros(6), wanted])
        torques = np.array(
            self._p.calculateInverseDynamics(
                self._id, q.tolist(), qd.tolist(), wanted.tolist(), physicsClientId=self._client
            )
        )
        order = np.argsort(np.argsort(self._joints))
        return torques[len(torques) - len(order) :][order]

    def _ordered(self, *arrays: Array) -> tuple[Array, ...]:
        """Arrays over the movable joints in PyBullet's order, which is not the description's."""
        order = np.argsort(self._joints)
        return tuple(np.asarray(a, dtype=np.float64)[order] for a in arrays)
