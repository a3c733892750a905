"""A scene in PyBullet that people can reach into: they pull links and drop balls.

Assets are what the URDF of their bundle makes of them, with damping as environments have it; the
floor is the scene's, or where its lowest asset ends.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.envs.bundle import BundleJoint, LoadedBundle
from reel2sim.envs.description import read_joints
from reel2sim.envs.physics.body import Body, StartState
from reel2sim.envs.physics.engine import pybullet
from reel2sim.envs.physics.gears import gears_of
from reel2sim.envs.physics.setting import setting_of, start_state
from reel2sim.envs.physics.world import TIMESTEP_S, World
from reel2sim.exporters.urdf import write_urdf
from reel2sim.scene import JointType, RiggedAsset, Scene
from reel2sim.scene.arrays import Array
from reel2sim.viewing.extent import Extent
from reel2sim.viewing.posture import Posture

MOST_BALLS = 40
"""Balls at a time; a further one takes the place of the oldest."""
_BALL_DENSITY = 300.0
_MOST_S = 0.1
"""Seconds that are made up for at once; a machine that is too slow shows slow motion instead."""
_PULL_WEIGHTS = 15.0
"""Largest force of a pull, in weights of what is pulled at."""
_PULL_RECOVERY = 0.2
"""Share of the distance to the hand that a pull closes in a step, as in the engine's own window."""
_HOLD_GAIN = 0.1


@dataclass(frozen=True)
class Ball:
    """A ball in the world.

    Attributes:
        number: never used twice.
        radius: metres.
        center: ``(3,)``, metres.
    """

    number: int
    radius: float
    center: tuple[float, float, float]


@dataclass(eq=False)
class _Player:
    """An asset in the world."""

    asset: RiggedAsset
    bundle: LoadedBundle
    body: Body


class Playground:
    """A physics world of a scene; not safe to use from several threads at once.

    Args:
        scene: what is in it.
        postures: where assets start, at rest.

    Raises:
        ExportError: if a joint cannot be said in URDF.
        BundleError: if PyBullet cannot load an asset.
    """

    def __init__(self, scene: Scene, postures: Mapping[str, Posture]) -> None:
        self._p = pybullet()
        self._folder = tempfile.TemporaryDirectory(prefix="reel2sim-view-")
        self._players = {
            asset.name: _player(asset, Path(self._folder.name) / asset.name)
            for asset in scene.assets
        }
        bodies = tuple(player.body for player in self._players.values())
        self._extent = Extent.of(scene)
        x, y, z = scene.gravity
        self._world = World(bodies, gravity=(float(x), float(y), float(z)))
        self._late_s = 0.0
        self._pull: Any = None
        self._pull_force = 0.0
        self._balls: dict[int, int] = {}
        self._thrown = 0
        self._rng = np.random.default_rng(0)
        try:
            self._build(postures)
        except BaseException:
            self.close()
            raise

    @property
    def ball_radius(self) -> float:
        """Of the balls that are dropped, metres."""
        return 0.05 * self._extent.size

    def close(self) -> None:
        """Free the world; more calls do nothing."""
        self._world.close()
        self._folder.cleanup()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._late_s = min(self._late_s + seconds, _MOST_S)
        steps = int(self._late_s / TIMESTEP_S)
        self._late_s -= steps * TIMESTEP_S
        self._world.step(steps)

    def postures(self) -> dict[str, Posture]:
        """How all assets stand."""
        found: dict[str, Posture] = {}
        for name, player in self._players.items():
            q, _ = player.body.joint_state()
            names = (joint.name for joint in player.bundle.joints)
            positions = dict(zip(names, q.tolist(), strict=True))
            found[name] = Posture(player.body.root_pose(), positions)
        return found

    def balls(self) -> tuple[Ball, ...]:
        """All balls that are there, oldest first."""
        where = self._p.getBasePositionAndOrientation
        client = self._world.client
        return tuple(
            Ball(number, self.ball_radius, where(body, physicsClientId=client)[0])
            for number, body in self._balls.items()
        )

    def set_gravity(self, gravity: Sequence[float]) -> None:
        """Change gravity ``(3,)``, m/s²."""
        self._p.setGravity(*gravity, physicsClientId=self._world.client)

    def drop_ball(self) -> Ball:
        """Let a ball fall on the scene, from above a place near its middle."""
        p, client, radius = self._p, self._world.client, self.ball_radius
        spread = 0.3 * (self._extent.upper - self._extent.lower)[:2]
        x, y = self._extent.center[:2] + spread * self._rng.uniform(-1, 1, 2)
        z = self._extent.upper[2] + 4 * radius
        if len(self._balls) >= MOST_BALLS:
            oldest = next(iter(self._balls))
            p.removeBody(self._balls.pop(oldest), physicsClientId=client)
        shape = p.createCollisionShape(p.GEOM_SPHERE, radius=radius, physicsClientId=client)
        mass = _BALL_DENSITY * 4 / 3 * np.pi * radius**3
        place = [float(x), float(y), float(z)]
        body = p.createMultiBody(mass, shape, -1, place, physicsClientId=client)
        p.changeDynamics(body, -1, restitution=0.5, rollingFriction=1e-3, physicsClientId=client)
        self._thrown += 1
        self._balls[self._thrown] = body
        return Ball(self._thrown, radius, (place[0], place[1], place[2]))

    def hold(self, targets: Mapping[str, Mapping[str, float]] | None) -> None:
        """Drive joints to positions, or leave all of them to themselves.

        Args:
            targets: of each asset, the position of each joint, radians or metres; None releases.
        """
        for name, player in self._players.items():
            wanted = {} if targets is None else targets.get(name, {})
            for n, joint in enumerate(player.bundle.joints):
                described = joint.description
                if described.mimic is not None:
                    continue
                if joint.name not in wanted:
                    player.body.release(n)
                    continue
                player.body.hold_position(
                    n, wanted[joint.name], 0.0, _HOLD_GAIN, described.effort, described.velocity
                )

    def grab(self, asset: str, link: int, point: Sequence[float]) -> bool:
        """Take hold of a link at a point of the world ``(3,)``; False if it is welded to it."""
        self.let_go()
        p, client = self._p, self._world.client
        player = self._players[asset]
        number = self._number(player, player.asset.links[link].name)
        if number < 0 and player.body.fixed_base:
            return False
        local = _inverse_transformed(p, *self._center(player, number), point)
        self._pull = p.createConstraint(
            player.body.id, number, -1, -1, p.JOINT_POINT2POINT,
            [0, 0, 0], local, list(point), physicsClientId=client,
        )  # fmt: skip
        self._pull_force = _PULL_WEIGHTS * 9.81 * player.body.mass()
        self.pull(point)
        return True

    def pull(self, point: Sequence[float]) -> None:
        """Move the hand that holds a link to a point of the world ``(3,)``."""
        if self._pull is not None:
            self._p.changeConstraint(
                self._pull,
                jointChildPivot=[float(v) for v in point],
                maxForce=self._pull_force,
                erp=_PULL_RECOVERY,
                physicsClientId=self._world.client,
            )

    def let_go(self) -> None:
        """Open the hand."""
        if self._pull is not None:
            self._p.removeConstraint(self._pull, physicsClientId=self._world.client)
        self._pull = None

    def _build(self, postures: Mapping[str, Posture]) -> None:
        players = self._players.values()
        self._world.reset([start_state(player.bundle) for player in players])
        for player in players:
            player.body.damping = setting_of(player.bundle, player.body).damping
        self._world.floor_z = self._extent.ground_z
        self._world.renew()
        starts = [_start(p, postures.get(name)) for name, p in self._players.items()]
        self._world.reset(starts)

    def _number(self, player: _Player, link: str) -> int:
        """PyBullet's number of a link, −1 for the root."""
        p, client, body = self._p, self._world.client, player.body
        for n in body.links:
            if p.getJointInfo(body.id, n, physicsClientId=client)[12].decode() == link:
                return n
        return -1

    def _center(self, player: _Player, number: int) -> tuple[Any, Any]:
        """Pose of a link's centre of mass: position and quaternion xyzw."""
        p, client, body = self._p, self._world.client, player.body.id
        if number < 0:
            return p.getBasePositionAndOrientation(body, physicsClientId=client)
        state = p.getLinkState(body, number, computeForwardKinematics=True, physicsClientId=client)
        return state[0], state[1]


def _inverse_transformed(
    p: Any, position: Sequence[float], xyzw: Sequence[float], point: Sequence[float]
) -> Sequence[float]:
    """A point of the world in the frame of a pose."""
    inverse = p.invertTransform(position, xyzw)
    return p.multiplyTransforms(*inverse, list(point), [0, 0, 0, 1])[0]


def _player(asset: RiggedAsset, folder: Path) -> _Player:
    folder.mkdir()
    path = folder / "scene.urdf"
    write_urdf(asset, path)
    known = {joint.name: joint for joint in asset.joints}
    joints = tuple(
        BundleJoint(found, known[found.name].confidence, known[found.name].observed)
        for found in read_joints(path)
        if found.type is not JointType.FIXED
    )
    bundle = LoadedBundle(folder, asset.name, asset.fixed_base, joints, asset.motion)
    body = Body(
        path,
        tuple(joint.name for joint in joints),
        fixed_base=asset.fixed_base,
        gears=gears_of(bundle),
    )
    return _Player(asset, bundle, body)


def _start(player: _Player, posture: Posture | None) -> StartState:
    start = start_state(player.bundle)
    if posture is None:
        return start
    joints = [joint.description for joint in player.bundle.joints]
    q: Array = np.array(
        [min(max(posture.positions.get(j.name, 0.0), j.lower), j.upper) for j in joints]
    )
    return StartState(posture.T_world_root, q, np.zeros_like(q), start.linear, start.angular)
