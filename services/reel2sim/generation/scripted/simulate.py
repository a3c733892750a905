"""Move an object by motors in PyBullet and photograph it from known cameras."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from reel2sim.generation.scripted.parts import ObjectSpec
from reel2sim.generation.scripted.spec import Movement, SceneSpec
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import MissingDependencyError
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import matrix_from_quaternion, pose

_STEP_S: Final = 1 / 240
_LIGHT: Final = (1.2, 0.7, 2.0)
_BACKDROP: Final = 255


class Stage:
    """A physics world that holds one object on a fixed base."""

    def __init__(self, client: Any, spec: ObjectSpec, urdf: Path) -> None:
        """Load ``urdf``, written for ``spec``, into ``client``."""
        self._client = client
        self._spec = spec
        client.setPhysicsEngineParameter(enableFileCaching=0, deterministicOverlappingPairs=1)
        client.setGravity(0, 0, -9.81)
        client.setTimeStep(_STEP_S)
        self._body = client.loadURDF(str(urdf), useFixedBase=True)
        names = [
            client.getJointInfo(self._body, j)[12].decode()
            for j in range(client.getNumJoints(self._body))
        ]
        self._joints = {name: j for j, name in enumerate(names)}

    def reset(self, positions: dict[str, float]) -> None:
        """Put the joints of parts at ``positions``, at rest."""
        for name, q in positions.items():
            self._client.resetJointState(self._body, self._joints[name], q, 0.0)

    def drive(
        self, targets: Callable[[float], dict[str, float]], start_s: float, stop_s: float
    ) -> None:
        """Let motors follow ``targets(time_s)`` from ``start_s`` to ``stop_s``."""
        steps = max(1, round((stop_s - start_s) / _STEP_S))
        step_s = (stop_s - start_s) / steps
        self._client.setTimeStep(step_s)
        for k in range(steps):
            goal = targets(start_s + (k + 1) * step_s)
            before = targets(start_s + k * step_s)
            for name, q in goal.items():
                self._client.setJointMotorControl2(
                    self._body,
                    self._joints[name],
                    self._client.POSITION_CONTROL,
                    targetPosition=q,
                    targetVelocity=(q - before[name]) / step_s,
                    positionGain=0.3,
                    velocityGain=1.0,
                    force=200.0,
                )
            self._client.stepSimulation()

    def positions(self) -> dict[str, float]:
        """State of the joint of every part but the root."""
        states = {n: self._client.getJointState(self._body, j) for n, j in self._joints.items()}
        return {name: float(state[0]) for name, state in states.items()}

    def poses(self) -> dict[str, Array]:
        """``T_world_part`` ``(4, 4)`` of every part; the root's is the identity."""
        found = {self._spec.parts[0].name: np.eye(4)}
        for name, j in self._joints.items():
            state = self._client.getLinkState(self._body, j, computeForwardKinematics=True)
            x, y, z, w = state[5]
            found[name] = pose(matrix_from_quaternion(np.array([w, x, y, z])), np.array(state[4]))
        return found

    def photograph(self, camera: Camera, factor: int) -> tuple[Array, Array]:
        """Picture ``(h, w, 3)`` and mask ``(h, w)``, uint8, ``factor`` times as large."""
        width, height = camera.width * factor, camera.height * factor
        fov = 2 * np.degrees(np.arctan(camera.height / 2 / camera.fy))
        projection = list(
            self._client.computeProjectionMatrixFOV(fov, camera.width / camera.height, 0.05, 20.0)
        )
        # The renderer samples a pixel at its lower left corner; move the picture so that it
        # samples the centre.
        projection[8] += 1 / width
        projection[9] += 1 / height
        view = np.diag([1.0, -1.0, -1.0, 1.0]) @ camera.T_camera_world
        _, _, rgba, _, ids = self._client.getCameraImage(
            width,
            height,
            view.T.ravel().tolist(),
            projection,
            renderer=self._client.ER_TINY_RENDERER,
            lightDirection=_LIGHT,
            lightColor=(1, 1, 1),
            lightAmbientCoeff=0.6,
            lightDiffuseCoeff=0.4,
            lightSpecularCoeff=0.0,
            shadow=0,
        )
        picture = np.asarray(rgba, dtype=np.uint8).reshape(height, width, 4)[..., :3]
        seen = np.asarray(ids).reshape(height, width) >= 0
        return np.where(seen[..., None], picture, _BACKDROP).astype(np.uint8), seen * np.uint8(255)


class _Client:
    """PyBullet's functions bound to one world.; its own class writes to stdout."""

    def __init__(self, module: Any, world: int) -> None:
        self._module = module
        self._world = world

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return partial(found, physicsClientId=self._world) if callable(found) else found


@contextmanager
def staged(spec: ObjectSpec, urdf: Path) -> Iterator[Stage]:
    """A :class:`Stage` in a world of its own.

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
        yield Stage(_Client(pybullet, world), spec, urdf)
    finally:
        pybullet.disconnect(world)


def profile(
    spec: SceneSpec, thing: ObjectSpec, seconds: float
) -> Callable[[float], dict[str, float]]:
    """Wanted joint positions of all movable parts over time.

    Parts start one after another and overlap; each follows a minimum-jerk curve.
    """
    chosen = {(m.noun, m.index): (k, m) for k, m in enumerate(spec.movements)}
    count = len(spec.movements)
    share = 1.0 if count == 1 else 0.65

    def at(time_s: float) -> dict[str, float]:
        positions: dict[str, float] = {}
        for part in thing.parts:
            if part.joint is JointType.FIXED or part.noun is None:
                continue
            k, movement = chosen.get((part.noun, part.index), (0, None))
            begin = (1 - share) * k / max(1, count - 1)
            phase = np.clip((time_s / seconds - begin) / share, 0, 1)
            positions[part.name] = part.travel * _openness(movement, float(phase))
        return positions

    return at


def _openness(movement: Movement | None, phase: float) -> float:
    """How far a part is open, 0..1, at ``phase`` 0..1 of its movement."""
    if movement is None:
        return 0.0
    if movement.returns:
        phase = 2 * phase if phase < 0.5 else 2 - 2 * phase
    smooth = phase**3 * (10 - 15 * phase + 6 * phase**2)
    return movement.start + (movement.stop - movement.start) * smooth
