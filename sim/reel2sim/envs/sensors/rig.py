"""All sensors of an environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from gymnasium import spaces

from reel2sim.envs.loading import LoadedScene
from reel2sim.envs.physics.body import Body
from reel2sim.envs.physics.world import World
from reel2sim.envs.sensors.assets import Appearance, appearances, background
from reel2sim.envs.sensors.config import (
    STATE,
    CameraSensor,
    PointCloudSensor,
    Sensor,
    SplatSensor,
)
from reel2sim.envs.sensors.links import Labels
from reel2sim.envs.sensors.look import Look
from reel2sim.envs.sensors.views import Viewpoint, viewpoint
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError


class Reader(Protocol):
    """One sensor at work."""

    spaces: dict[str, spaces.Space]

    def begin(self, look: Look) -> None:
        """Called when an episode has been set up."""

    def read(self) -> dict[str, Array]:
        """The observations of the present state, one for each of :attr:`spaces`."""
        ...


class SensorRig:
    """Sensors at work in a world.

    Args:
        sensors: what to observe.
        scene: what the world holds.
        world: loaded.
        bodies: the objects by name.
        lower: lowest corner of all motions ``(3,)``, world frame.
        upper: highest corner ``(3,)``.

    Raises:
        BundleError: if a bundle lacks what a sensor needs.
        UsageError: if a camera is not there.
    """

    def __init__(
        self,
        sensors: Sequence[Sensor],
        *,
        scene: LoadedScene,
        world: World,
        bodies: Mapping[str, Body],
        lower: Array,
        upper: Array,
    ) -> None:
        self._scene, self._world, self._bodies = scene, world, bodies
        self._box = (lower, upper)
        self._labels = Labels(world, bodies)
        self._readers = [self._reader(sensor) for sensor in sensors]

    @cached_property
    def _parts(self) -> dict[str, Appearance]:
        return appearances(self._scene, self._world, self._bodies)

    @cached_property
    def _splats(self) -> Any:
        from reel2sim.envs.sensors.splats import SplatScene

        return SplatScene(self._parts, background(self._scene))

    def _reader(self, sensor: Sensor) -> Reader:
        seen = self._viewpoint(sensor)
        if isinstance(sensor, CameraSensor):
            from reel2sim.envs.sensors.cameras import CameraReader

            return CameraReader(sensor, world=self._world, labels=self._labels, seen=seen)
        if isinstance(sensor, SplatSensor):
            from reel2sim.envs.sensors.splats import SplatReader

            splats, world, bodies = self._splats, self._world, self._bodies
            return SplatReader(sensor, world=world, bodies=bodies, splats=splats, seen=seen)
        from reel2sim.envs.sensors.clouds import DepthReader, SurfaceReader

        assert isinstance(sensor, PointCloudSensor)
        if sensor.source == "surface":
            return SurfaceReader(sensor, parts=self._parts, labels=self._labels)
        return DepthReader(sensor, world=self._world, labels=self._labels, seen=seen)

    def _viewpoint(self, sensor: Sensor) -> Viewpoint:
        lower, upper = self._box
        return viewpoint(sensor.view, sensor.size, lower=lower, upper=upper, scene=self._scene)

    def space(self, own: spaces.Space) -> spaces.Dict:
        """The space of a task's ``own`` observations and those of the sensors.

        Raises:
            UsageError: if a sensor is called like something that the task observes.
        """
        found = dict(own.spaces) if isinstance(own, spaces.Dict) else {STATE: own}
        for reader in self._readers:
            for key, space in reader.spaces.items():
                if key in found:
                    raise UsageError(
                        "is what the task observes",
                        source="sensors",
                        field=key,
                        remedy="name the sensor otherwise",
                    )
                found[key] = space
        return spaces.Dict(found)

    def begin(self, look: Look) -> None:
        """Take the look of an episode whose world has been built."""
        for reader in self._readers:
            reader.begin(look)

    def added(self, observation: Any) -> dict[str, Any]:
        """``observation`` of a task with those of the sensors."""
        found: dict[str, Any] = (
            dict(observation) if isinstance(observation, Mapping) else {STATE: observation}
        )
        for reader in self._readers:
            found.update(reader.read())
        return found
