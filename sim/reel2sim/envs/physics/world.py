"""A physics world of its own for each environment: objects, guests, a floor, and time.

Frames: the world is the reel's, metres and seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from reel2sim.envs.physics import engine
from reel2sim.envs.physics.body import UNLIMITED, Body, StartState
from reel2sim.scene.arrays import Array

TIMESTEP_S = 1.0 / 240.0
"""Length of a physics step."""


class Guest(Protocol):
    """Something in a world that is no recovered object: a robot arm, a table."""

    def load(self, client: int, *, visuals: bool) -> None:
        """Put it into a world that has just been filled with its objects."""
        ...


class World:
    """A PyBullet server that holds objects and perhaps a floor.

    :meth:`reset` builds the world anew, which is what makes episodes repeat bit by bit: restoring a
    saved state keeps contact caches that differ. A world in which nothing can ever touch has no
    such caches; there joints are put back, which gives the same bits hundreds of times sooner.

    Args:
        bodies: the objects.
        gravity: ``(3,)``, m/s².
        window: open a window.
        visuals: load what only matters to pictures.
    """

    def __init__(
        self,
        bodies: Sequence[Body],
        *,
        gravity: tuple[float, float, float],
        window: bool = False,
        visuals: bool = False,
    ) -> None:
        self._p = engine.pybullet()
        self._bodies = tuple(bodies)
        self._gravity = gravity
        self._visuals = visuals or window
        self._client: int | None = engine.connect(window=window)
        self._built = False
        self.floor_z: float | None = None
        self.floor_id: int | None = None
        """PyBullet's number of the floor, if there is one."""
        self.guests: tuple[Guest, ...] = ()
        """Loaded after the objects from the next reset on."""

    @property
    def bodies(self) -> tuple[Body, ...]:
        """The objects."""
        return self._bodies

    @property
    def client(self) -> int:
        """PyBullet's id of this world."""
        assert self._client is not None, "the world is closed"
        return self._client

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._client is None

    def close(self) -> None:
        """Free the server; more calls do nothing."""
        if self._client is not None and self._p.isConnected(self._client):
            self._p.disconnect(self._client)
        self._client = None

    def reset(self, starts: Sequence[StartState]) -> None:
        """Put the objects into the given states, as if the world were new.

        Raises:
            BundleError: if PyBullet cannot load a robot description.
        """
        if self._built and self._untouchable() and self._bodies[0].stands(starts[0]):
            self._bodies[0].restart(starts[0])
            return
        self._build(starts)
        self._built = True

    def renew(self) -> None:
        """Have the next :meth:`reset` build the world anew, since something of it was changed."""
        self._built = False

    def _untouchable(self) -> bool:
        """Whether the world holds a single object, and welded to it, so that nothing can touch."""
        p, client, first = self._p, self.client, self._bodies[0]
        return (
            len(self._bodies) == 1
            and not self.guests
            and first.fixed_base
            and self.floor_z is None
            # Somebody may have put something of their own into the world.
            and p.getNumBodies(physicsClientId=client) == 1
            and p.getNumConstraints(physicsClientId=client) == len(first.gears)
        )

    def _build(self, starts: Sequence[StartState]) -> None:
        p, client = self._p, self.client
        p.resetSimulation(physicsClientId=client)
        p.setPhysicsEngineParameter(
            fixedTimeStep=TIMESTEP_S,
            enableFileCaching=0,
            deterministicOverlappingPairs=1,
            physicsClientId=client,
        )
        p.setGravity(*self._gravity, physicsClientId=client)
        if self.floor_z is not None:
            plane = p.createCollisionShape(p.GEOM_PLANE, physicsClientId=client)
            place = [0, 0, self.floor_z]
            self.floor_id = p.createMultiBody(0, plane, -1, place, physicsClientId=client)
        for body, start in zip(self._bodies, starts, strict=True):
            body.load(client, start, visuals=self._visuals)
        for guest in self.guests:
            guest.load(client, visuals=self._visuals)

    def step(self, count: int, torques: Sequence[tuple[Body, int, float]] = ()) -> None:
        """Advance by ``count`` physics steps.

        Args:
            count: of steps.
            torques: body, index of its joint, and torque or force that acts on it in all of them.
        """
        p, client = self._p, self.client
        step = p.stepSimulation
        if not torques:
            for _ in range(count):
                step(client)
            return
        push, mode = p.setJointMotorControl2, p.TORQUE_CONTROL
        applied = [(body.id, body.joints[n], torque) for body, n, torque in torques]
        for _ in range(count):
            for body, joint, torque in applied:  # the engine forgets them after each step
                push(body, joint, mode, 0.0, 0.0, torque, 0.0, 0.0, UNLIMITED, client)
            step(client)

    def picture(self, view: list[float], lens: list[float], size: tuple[int, int]) -> Array:
        """An image ``(h, w, 3)`` uint8 drawn by PyBullet's software renderer."""
        p = self._p
        width, height, pixels, *_ = p.getCameraImage(
            *size,
            viewMatrix=view,
            projectionMatrix=lens,
            renderer=p.ER_TINY_RENDERER,
            flags=p.ER_NO_SEGMENTATION_MASK,
            physicsClientId=self.client,
        )
        rgba = np.asarray(pixels, dtype=np.uint8).reshape(height, width, 4)
        return np.ascontiguousarray(rgba[:, :, :3])

    def look(self, target: Array, *, distance: float, yaw: float, pitch: float) -> None:
        """Point the window's camera; degrees."""
        self._p.resetDebugVisualizerCamera(
            distance, yaw, pitch, target.tolist(), physicsClientId=self.client
        )
