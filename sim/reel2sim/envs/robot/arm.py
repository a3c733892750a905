"""A robot arm with a gripper, as PyBullet holds it, and the arms that there are.

Frames: "base" is the arm's root link; "tool" is the point between the finger tips, z ahead, y
along which the fingers close.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reel2sim.envs.physics import engine
from reel2sim.envs.physics.poses import from_bullet, to_bullet
from reel2sim.envs.robot.kinematics import Chain, read_chain
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

_GAIN = 0.2
"""Share of a position error that an arm's drive removes in one physics step."""

_COUPLING, _COUPLING_FORCE = 0.5, 500.0
"""Share of a difference between fingers that is removed in one physics step, and with what force at
most, N of an arm of scale 1."""

_SETTLED = 0.01
"""The engine stops to solve a physics step once a sweep over all motors and contacts changes no
speed by more than this, rad/s or m/s of an arm of scale 1; its own habit is 0.0003. An arm that
moves freely then takes half of the 50 sweeps it may. Beside a solver that takes 600, joints are off
by half a milliradian, with the engine's habit by a quarter. Small arms have slower fingers, and
gravity turns large ones by less in a step: both are told more exactly."""


@dataclass(frozen=True)
class ArmModel:
    """What is to be known of an arm beyond its robot description; lengths at scale 1.

    Attributes:
        urdf: robot description, in PyBullet's data.
        tool_link: name of the link that carries the fingers.
        tool_ahead: from there to the tool along z, metres.
        rest: a posture with the hand in front of the arm, radians.
        fingers: names of the fingers' joints, all of which open alike.
        finger_travel: of each, metres.
        finger_force: N.
        finger_half: half of a finger's width and thickness, metres.
        hand_links: names of the links that surround the tool.
        reach: distance from the base's axis at which the arm works best, metres.
        base_drop: how much higher than its base an arm likes to work, metres, lowest first.
    """

    urdf: str
    tool_link: str
    tool_ahead: float
    rest: tuple[float, ...]
    fingers: tuple[str, ...]
    finger_travel: float
    finger_force: float
    finger_half: float
    hand_links: tuple[str, ...]
    reach: float
    base_drop: tuple[float, ...]


PANDA = ArmModel(
    urdf="franka_panda/panda.urdf",
    tool_link="panda_hand",
    tool_ahead=0.105,
    rest=(0.0, -0.4, 0.0, -2.1, 0.0, 1.9, 0.785),
    fingers=("panda_finger_joint1", "panda_finger_joint2"),
    finger_travel=0.04,
    finger_force=20.0,
    finger_half=0.011,
    hand_links=("panda_hand", "panda_leftfinger", "panda_rightfinger"),
    reach=0.55,
    base_drop=(0.1, 0.3, 0.5, -0.1),
)

ARMS = {"panda": PANDA}
"""Arms by the name of the option."""


class Arm:
    """An arm that stands in a world; a :class:`reel2sim.envs.physics.world.Guest`.

    A scaled arm is a similar one under the same gravity: masses go with the cube of the length,
    torques with its fourth power and forces with its cube, so that it is as nimble for its size.

    Args:
        model: which one.
        scale: of its lengths.

    Attributes:
        chain: its kinematics.
        names: of its joints.
        effort: torque limits ``(n,)``, N·m.
        speed: speed limits ``(n,)``, rad/s.
        T_world_base: where it stands; takes effect at the next reset, as all that follows.
        q: its posture ``(n,)``, radians.
        opening: how far its fingers are open, 0..1.
    """

    def __init__(self, model: ArmModel, *, scale: float) -> None:
        import pybullet_data

        self._p = engine.pybullet()
        self.model = model
        self.scale = scale
        self._urdf = Path(pybullet_data.getDataPath()) / model.urdf
        ahead = np.eye(4)
        ahead[2, 3] = model.tool_ahead
        self.chain: Chain
        self.chain, self.names = read_chain(
            self._urdf, model.tool_link, ahead, model.rest, scale=scale
        )
        self.T_world_base = np.eye(4)
        self.q: Array = np.array(model.rest)
        self.opening = 1.0
        self.effort: Array = np.zeros(len(self.q))
        self.speed: Array = np.ones(len(self.q))
        self._client = self._id = -1

    @property
    def hand(self) -> list[int]:
        """PyBullet's numbers of the links around the tool."""
        return self._hand

    @property
    def id(self) -> int:
        """PyBullet's number of the arm, until the next reset."""
        return self._id

    def load(self, client: int, *, visuals: bool) -> None:
        """Put the arm into a world."""
        p, model = self._p, self.model
        self._client = client
        # The arm's files never change, unlike a bundle's: PyBullet may keep them between resets.
        p.setPhysicsEngineParameter(enableFileCaching=1, physicsClientId=client)
        position, orientation = to_bullet(self.T_world_base)
        self._id = p.loadURDF(
            str(self._urdf),
            basePosition=position,
            baseOrientation=orientation,
            useFixedBase=True,
            globalScaling=self.scale,
            flags=0 if visuals else p.URDF_IGNORE_VISUAL_SHAPES,
            physicsClientId=client,
        )
        p.setPhysicsEngineParameter(
            enableFileCaching=0,
            solverResidualThreshold=(_SETTLED * min(self.scale, 1 / self.scale)) ** 2,
            physicsClientId=client,
        )
        infos = [
            p.getJointInfo(self._id, i, physicsClientId=client)
            for i in range(p.getNumJoints(self._id, physicsClientId=client))
        ]
        index = {info[1].decode(): i for i, info in enumerate(infos)}
        self._joints = [index[name] for name in self.names]
        self._fingers = [index[name] for name in model.fingers]
        self._hand = [i for i, info in enumerate(infos) if info[12].decode() in model.hand_links]
        self._links = list(range(-1, len(infos)))
        self.effort = np.array([infos[i][10] for i in self._joints]) * self.scale**4
        self.speed = np.array([infos[i][11] for i in self._joints])
        self._movable = self._joints + self._fingers
        # The first finger carries the others along and has the force of all: a motor of their own
        # would tell the engine twice, and never quite alike, where they are to be.
        self._driven = [*self._joints, self._fingers[0]]
        grip = model.finger_force * len(self._fingers) * self.scale**3
        self._forces = [*self.effort.tolist(), grip]
        self._gains = [_GAIN] * len(self._driven), [1.0] * len(self._driven)
        self._T_base_com = from_bullet(*p.getDynamicsInfo(self._id, -1, client)[3:5])
        self._bulk()
        self._couple()
        self.place(self.q, self.opening)
        self.drive(self.q, self.opening)

    def _bulk(self) -> None:
        """Masses and inertia of a similar arm, no damping of PyBullet's own."""
        p, client, bulk = self._p, self._client, self.scale**3
        for link in self._links:
            p.changeDynamics(
                self._id, link, linearDamping=0, angularDamping=0, physicsClientId=client
            )
            mass = p.getDynamicsInfo(self._id, link, physicsClientId=client)[0]
            # In a call of its own: told of damping as well, the engine forgets the mass. Inertia
            # follows from the shapes.
            p.changeDynamics(self._id, link, mass=mass * bulk, physicsClientId=client)

    def _couple(self) -> None:
        """Make fingers move alike, as those of real grippers do.

        Fingers by themselves would give way sideways with no more force than they grip with.
        """
        p, leader = self._p, self._fingers[0]
        for finger in self._fingers[1:]:
            p.setJointMotorControl2(
                self._id, finger, p.VELOCITY_CONTROL, force=0, physicsClientId=self._client
            )
            gear = p.createConstraint(
                self._id, finger, self._id, leader, p.JOINT_GEAR,
                [1, 0, 0], [0, 0, 0], [0, 0, 0], physicsClientId=self._client,
            )  # fmt: skip
            p.changeConstraint(
                gear,
                gearRatio=-1,
                erp=_COUPLING,
                maxForce=_COUPLING_FORCE * self.scale**3,
                physicsClientId=self._client,
            )

    def place(self, q: Array, opening: float) -> None:
        """Put the joints where they are to be without simulating."""
        p, client = self._p, self._client
        for joint, value in zip(self._joints, q.tolist(), strict=True):
            p.resetJointState(self._id, joint, value, 0.0, physicsClientId=client)
        for joint in self._fingers:
            travel = opening * self.model.finger_travel * self.scale
            p.resetJointState(self._id, joint, travel, 0.0, physicsClientId=client)

    def stand(self, T_world_base: Array) -> None:
        """Move the whole arm as it is posed; only for looking."""
        # The engine moves a base by its centre of mass.
        self._p.resetBasePositionAndOrientation(
            self._id, *to_bullet(T_world_base @ self._T_base_com), physicsClientId=self._client
        )

    def place_tool(self, T_world_tool: Array) -> None:
        """Move the whole arm, as it is posed, so that its tool is somewhere; only for looking."""
        self.stand(T_world_tool @ invert(self.chain.tool_pose(self.q)))

    def drive(self, q: Array, opening: float) -> None:
        """Drive the joints towards ``q`` and the fingers towards ``opening`` until told again."""
        travel = opening * self.model.finger_travel * self.scale
        place, speed = self._gains
        self._p.setJointMotorControlArray(
            self._id,
            self._driven,
            self._p.POSITION_CONTROL,
            targetPositions=[*q.tolist(), travel],
            forces=self._forces,
            positionGains=place,
            velocityGains=speed,
            physicsClientId=self._client,
        )

    def state(self) -> tuple[Array, Array, float]:
        """Positions and velocities of the joints ``(n,)`` each, and the fingers' opening, 0..1."""
        n, fingers = len(self._joints), len(self._fingers)
        found = self._p.getJointStates(self._id, self._movable, self._client)
        q, qd, _, _ = zip(*found)  # noqa: B905 - all have four
        opening = sum(q[n:]) / fingers / (self.model.finger_travel * self.scale)
        x = np.array(q + qd)
        return x[:n], x[n + fingers : -fingers], opening

    def tool_pose(self, q: Array) -> Array:
        """``T_world_tool`` ``(4, 4)`` at positions ``q`` ``(n,)``."""
        return self.chain.tool_pose(q, self.T_world_base)

    def hand_in(self, body: int) -> bool:
        """Whether the hand is in the body with that PyBullet's number."""
        return any(
            self._p.getClosestPoints(
                self._id, body, 0.0, linkIndexA=link, physicsClientId=self._client
            )
            for link in self._hand
        )
