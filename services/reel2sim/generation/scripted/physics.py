"""What happens to objects that are dropped or pushed, by PyBullet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from reel2sim.generation.scripted.gaits import Stride
from reel2sim.generation.scripted.kinematics import ObjectSpec
from reel2sim.generation.scripted.urdf import write_urdf
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import MissingDependencyError
from reel2sim.scene.transforms import axis_rotation, matrix_from_quaternion, pose

_STEP_S: Final = 1 / 480
_G: Final = 9.81
_FRICTION: Final = 0.5


@contextmanager
def physics_world() -> Iterator[Any]:
    """PyBullet's functions bound to a fresh world without a window.

    Raises:
        MissingDependencyError: if PyBullet is not installed.
    """
    try:
        import pybullet
    except ImportError as cause:
        raise MissingDependencyError(
            "the scripted backend needs PyBullet", remedy="pip install pybullet"
        ) from cause
    world = pybullet.connect(pybullet.DIRECT)
    try:
        yield _Client(pybullet, world)
    finally:
        pybullet.disconnect(world)


class _Client:
    """PyBullet's functions bound to one world; its own class writes to stdout."""

    def __init__(self, module: Any, world: int) -> None:
        self._module = module
        self._world = world

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return partial(found, physicsClientId=self._world) if callable(found) else found


class Body:
    """An object in a physics world, spoken to in parts and frames of roots."""

    def __init__(self, client: Any, spec: ObjectSpec, folder: Path, *, fixed: bool = False) -> None:
        """Write ``spec`` into ``folder`` and load it."""
        client.setPhysicsEngineParameter(enableFileCaching=0, deterministicOverlappingPairs=1)
        flags = client.URDF_USE_INERTIA_FROM_FILE
        path = str(write_urdf(spec, folder))
        self._client = client
        self.number = client.loadURDF(path, useFixedBase=fixed, flags=flags)
        infos = [
            client.getJointInfo(self.number, j) for j in range(client.getNumJoints(self.number))
        ]
        self._joints = {info[12].decode(): j for j, info in enumerate(infos)}
        self._moving = {part.name: self._joints[part.name] for part in spec.movable}
        at, turn = client.getDynamicsInfo(self.number, -1)[3:5]
        self._root_inertial = (at, turn)

    def put(self, base: Array, positions: Mapping[str, float]) -> None:
        """Place the root's frame ``(4, 4)`` and the joints, at rest."""
        from reel2sim.scene.transforms import quaternion_from_matrix

        q = quaternion_from_matrix(base[:3, :3])
        # PyBullet places the centre of mass, not the frame.
        at, turn = self._client.multiplyTransforms(
            base[:3, 3].tolist(), q[[1, 2, 3, 0]].tolist(), *self._root_inertial
        )
        self._client.resetBasePositionAndOrientation(self.number, at, turn)
        for name, j in self._moving.items():
            self._client.resetJointState(self.number, j, positions.get(name, 0.0), 0.0)

    def hold(self, positions: Mapping[str, float], force: float) -> None:
        """Let motors of so much force or torque keep the joints at ``positions``."""
        for name, j in self._moving.items():
            self._client.setJointMotorControl2(
                self.number,
                j,
                self._client.POSITION_CONTROL,
                targetPosition=positions.get(name, 0.0),
                positionGain=0.2,
                force=force,
            )

    def base(self) -> Array:
        """``T_world_root`` ``(4, 4)``."""
        client = self._client
        at, turn = client.getBasePositionAndOrientation(self.number)
        at, turn = client.multiplyTransforms(
            at, turn, *client.invertTransform(*self._root_inertial)
        )
        x, y, z, w = turn
        return pose(matrix_from_quaternion(np.array([w, x, y, z])), np.array(at))

    def positions(self) -> dict[str, float]:
        """Of the joints of movable parts, radians or metres."""
        return {
            name: float(self._client.getJointState(self.number, j)[0])
            for name, j in self._moving.items()
        }

    def part_poses(self, spec: ObjectSpec) -> dict[str, Array]:
        """``T_world_part`` ``(4, 4)`` as the engine has them."""
        found = {spec.root.name: self.base()}
        for name, j in self._joints.items():
            state = self._client.getLinkState(self.number, j, computeForwardKinematics=True)
            x, y, z, w = state[5]
            found[name] = pose(matrix_from_quaternion(np.array([w, x, y, z])), np.array(state[4]))
        return found


def fall(
    spec: ObjectSpec,
    positions: Mapping[str, Array],
    times_s: Array,
    reach: float,
    rng: np.random.Generator,
) -> Stride:
    """Drop the object, a little tilted, from a height of about half of its own size."""
    low, high = _bounds(spec)
    tilt = axis_rotation(np.array([1.0, 0.0, 0.0]), rng.uniform(0.15, 0.4) * rng.choice([-1, 1]))
    height = 0.6 * reach * float(np.linalg.norm(high - low) / np.sqrt(3))
    middle = (low + high) / 2
    start = pose(tilt, middle - tilt @ middle)
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    sunk = float((corners @ tilt.T + start[:3, 3])[:, 2].min())
    start[2, 3] += height - sunk
    return _simulate(spec, positions, times_s, start, np.zeros(3))


def push(
    spec: ObjectSpec,
    positions: Mapping[str, Array],
    times_s: Array,
    reach: float,
    rng: np.random.Generator,
) -> Stride:
    """Give the object a shove sideways that friction stops after about half of its own size."""
    low, high = _bounds(spec)
    way = 0.6 * reach * float(np.linalg.norm((high - low)[:2]) / np.sqrt(2))
    speed = np.sqrt(2 * _FRICTION * _G * way)
    aside = rng.uniform(-0.3, 0.3)
    start = pose(translation=np.array([0.0, 0.0, -low[2]]))
    return _simulate(
        spec, positions, times_s, start, speed * np.array([np.sin(aside), np.cos(aside), 0.0])
    )


def _bounds(spec: ObjectSpec) -> tuple[Array, Array]:
    points = np.concatenate([s.vertices for part in spec.parts for s in part.solids])
    return points.min(axis=0), points.max(axis=0)


def _simulate(
    spec: ObjectSpec,
    positions: Mapping[str, Array],
    times_s: Array,
    start: Array,
    velocity: Array,
) -> Stride:
    """Let it go from ``start`` at ``velocity`` on the ground z = 0, its joints held softly."""
    base: list[Array] = []
    states: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="reel2sim-") as name, physics_world() as client:
        ground = client.createMultiBody(0, client.createCollisionShape(client.GEOM_PLANE))
        body = Body(client, spec, Path(name))
        client.setGravity(0, 0, -_G)
        for number in (ground, body.number):
            for j in range(-1, client.getNumJoints(number)):
                client.changeDynamics(
                    number, j, lateralFriction=np.sqrt(_FRICTION), restitution=0.1
                )
        body.put(start, {part: float(q[0]) for part, q in positions.items()})
        client.resetBaseVelocity(body.number, velocity.tolist(), [0.0, 0.0, 0.0])
        for i in range(len(times_s)):
            if i:
                _advance(client, body, positions, times_s[i - 1 : i + 1], i)
            base.append(body.base())
            states.append(body.positions())
    found = {part.name: np.array([s[part.name] for s in states]) for part in spec.movable}
    return Stride(np.array(base), found)


def _advance(client: Any, body: Body, positions: Mapping[str, Array], span: Array, i: int) -> None:
    """Step from one instant to the next while motors pursue ``positions``."""
    steps = max(1, round(float(span[1] - span[0]) / _STEP_S))
    client.setTimeStep(float(span[1] - span[0]) / steps)
    for k in range(steps):
        share = (k + 1) / steps
        goal = {n: float(q[i - 1] + share * (q[i] - q[i - 1])) for n, q in positions.items()}
        body.hold(goal, force=30.0)
        client.stepSimulation()
