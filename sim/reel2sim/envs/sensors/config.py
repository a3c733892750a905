"""Options of sensors, and where their cameras are."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, get_args

from reel2sim.envs.options import build, either, flags, listed, number, require
from reel2sim.scene.errors import UsageError

CameraKind = Literal["rgb", "depth", "rgbd", "segmentation"]
SplatKind = Literal["rgb", "depth", "rgbd"]

STATE = "state"
"""Key of what the task itself observes, where that is no dictionary."""

DEPTH = "_depth"
"""What is added to the name of a sensor of kind ``rgbd`` for the key of its depth."""

_TAKEN = (STATE, "observation", "achieved_goal", "desired_goal")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


@dataclass(frozen=True)
class LookAt:
    """A camera that looks at a point.

    Attributes:
        eye: where it is, world frame, metres.
        target: what is in the middle of its pictures.
        up: direction that points up in them.
        fov_deg: vertical field of view, degrees.
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    fov_deg: float = 45.0

    def __post_init__(self) -> None:
        for name in ("eye", "target", "up"):
            _triple(self, name)
        apart = [a - b for a, b in zip(self.eye, self.target, strict=True)]
        require(math.hypot(*apart) > 1e-9, "eye", self, "somewhere else than target")
        require(math.hypot(*self.up) > 1e-9, "up", self, "a direction")
        require(1 <= number(self.fov_deg) <= 170, "fov_deg", self, "in 1..170")


@dataclass(frozen=True)
class Pinhole:
    """A camera as captures write it: a frame of ``transforms.json`` with its intrinsics.

    Attributes:
        transform_matrix: camera to world, OpenGL axes (x right, y up, looks along −z), rows of
            ``(4, 4)``, metres.
        w: width of the pictures that the intrinsics are of, pixels; pictures of another size show
            the same.
        h: their height.
        fl_x: focal length along x, pixels.
        fl_y: along y.
        cx: principal point; None is the middle.
        cy: see above.
    """

    transform_matrix: tuple[tuple[float, ...], ...]
    w: float
    h: float
    fl_x: float
    fl_y: float
    cx: float | None = None
    cy: float | None = None

    def __post_init__(self) -> None:
        rows = [tuple(listed(r, "row")) for r in listed(self.transform_matrix, "transform_matrix")]
        object.__setattr__(self, "transform_matrix", tuple(rows))
        square = len(rows) == 4 and all(len(row) == 4 for row in rows)
        finite = all(math.isfinite(number(x)) for row in rows for x in row)
        require(square and finite, "transform_matrix", self, "4 rows of 4 finite numbers")
        for name in ("w", "h", "fl_x", "fl_y"):
            require(0 < number(getattr(self, name)) < math.inf, name, self, "positive")
        for name in ("cx", "cy"):
            value = getattr(self, name)
            known = value is None or math.isfinite(number(value))
            require(known, name, self, "a finite number or None")


View = str | LookAt | Pinhole | None
"""Where a camera is: None holds all motions, a name is a camera of the scene."""


@dataclass(frozen=True)
class _Seeing:
    """What all sensors with a camera share.

    Attributes:
        name: key of the observation.
        size: width and height, pixels.
        view: where the camera is; None is a view that holds all motions, text the name of a camera
            of the scene.
    """

    name: str
    size: tuple[int, int] = (84, 84)
    view: View = None

    def __post_init__(self) -> None:
        _named(self)
        object.__setattr__(self, "size", tuple(listed(self.size, "size")))
        fits = all(isinstance(n, Integral) and 1 <= n <= 2048 for n in self.size)
        require(fits and len(self.size) == 2, "size", self, "width and height in 1..2048")
        if isinstance(self.view, Mapping):
            kind = Pinhole if "transform_matrix" in self.view else LookAt
            object.__setattr__(self, "view", build(kind, dict(self.view)))
        known = self.view is None or isinstance(self.view, (str, LookAt, Pinhole))
        require(known, "view", self, "None, the name of a camera, a LookAt or a Pinhole")


@dataclass(frozen=True)
class CameraSensor(_Seeing):
    """The meshes of all that is in the world, drawn by PyBullet's software renderer.

    ============ ============ ==================================================================
    rgb          uint8        colours ``(h, w, 3)``
    depth        float32      along the optical axis ``(h, w, 1)``, metres; 0 where nothing is
    rgbd         both         colours under the name, depth under the name and ``_depth``
    segmentation uint8        ``(h, w, 1)``: 0 where nothing is, else 1 and up the links of all
                              objects in turn, 255 the floor and all else
    ============ ============ ==================================================================

    Attributes:
        name: key of the observation.
        size: width and height, pixels.
        view: where the camera is; None is a view that holds all motions, text the name of a camera
            of the scene.
        kind: what it gives.
        shadow: whether things cast shadows.
    """

    kind: CameraKind = "rgb"
    shadow: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.kind in get_args(CameraKind), "kind", self, either(get_args(CameraKind)))
        flags(self, "shadow")


@dataclass(frozen=True)
class SplatSensor(_Seeing):
    """The splats of all objects and of the background, as they look in their reel.

    What has no splats, such as a robot's arm, is drawn by PyBullet's renderer in its place; the
    floor is not.

    Attributes:
        name: key of the observation.
        size: width and height, pixels.
        view: where the camera is; None is a view that holds all motions, text the name of a camera
            of the scene.
        kind: ``"rgb"``, ``"depth"`` or ``"rgbd"``, as of :class:`CameraSensor`.
        background: colour behind the splats, 0..1.
    """

    kind: SplatKind = "rgb"
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.kind in get_args(SplatKind), "kind", self, either(get_args(SplatKind)))
        _triple(self, "background")
        require(all(0 <= x <= 1 for x in self.background), "background", self, "three in 0..1")


@dataclass(frozen=True)
class PointCloudSensor(_Seeing):
    """Points on surfaces ``(points, 3 or 4)`` float32, world frame, metres.

    With ``source="surface"`` they are spread evenly over the area of all objects' meshes, seen or
    not, and move with the links: row by row the same points in every step and episode. With
    ``source="camera"`` they are what a depth camera of ``size`` and ``view`` meets, evenly taken
    from its pixels; rows are zero if it meets nothing.

    Attributes:
        name: key of the observation.
        size: of the depth camera, pixels.
        view: where it is.
        points: how many.
        labels: whether a fourth column says what each is on: 1 and up the links of all objects in
            turn, 255 the floor and all else, 0 nothing.
        source: ``"surface"`` or ``"camera"``.
        seed: of the points on surfaces.
    """

    points: int = 512
    labels: bool = False
    source: Literal["surface", "camera"] = "surface"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        count = isinstance(self.points, Integral) and 1 <= self.points <= 1_000_000
        require(count, "points", self, "a number in 1..1000000")
        flags(self, "labels")
        require(self.source in ("surface", "camera"), "source", self, "surface or camera")
        require(isinstance(self.seed, Integral) and self.seed >= 0, "seed", self, "0 or more")


Sensor = CameraSensor | SplatSensor | PointCloudSensor

_TYPES: dict[str, type[Any]] = {
    "camera": CameraSensor,
    "splat": SplatSensor,
    "points": PointCloudSensor,
}


def sensors_from(given: Any) -> tuple[Sensor, ...]:
    """Sensors as they are given.

    Args:
        given: configurations, or mappings such as ``{"type": "camera", "name": "front"}``.

    Raises:
        UsageError: if one is not allowed, or two want the same key.
    """
    if isinstance(given, (str, Mapping)) or not hasattr(given, "__iter__"):
        raise UsageError(f"is {given!r}, expected several sensors", source="sensors")
    sensors = tuple(_sensor(item, f"[{i}]") for i, item in enumerate(given))
    keys = [key for sensor in sensors for key in keys_of(sensor)]
    for key in keys:
        if key in _TAKEN or keys.count(key) > 1:
            whose = "is what the task observes" if key in _TAKEN else "is there twice"
            raise UsageError(whose, source="sensors", field=key, remedy="name the sensor otherwise")
    return sensors


def keys_of(sensor: Sensor) -> tuple[str, ...]:
    """Keys of a sensor's observations."""
    both = getattr(sensor, "kind", None) == "rgbd"
    return (sensor.name, sensor.name + DEPTH) if both else (sensor.name,)


def needs_visuals(sensors: tuple[Sensor, ...]) -> bool:
    """Whether meshes that only matter to pictures must be loaded."""
    return any(
        not (isinstance(sensor, PointCloudSensor) and sensor.source == "surface")
        for sensor in sensors
    )


def _sensor(item: Any, at: str) -> Sensor:
    if isinstance(item, get_args(Sensor)):
        return item
    if not isinstance(item, Mapping) or item.get("type") not in _TYPES:
        raise UsageError(
            f"is {item!r}, expected a sensor",
            source="sensors",
            field=at,
            remedy=f'give one, or a mapping whose "type" is {either(_TYPES)}',
        )
    return build(_TYPES[item["type"]], {k: v for k, v in item.items() if k != "type"})


def _named(config: Any) -> None:
    good = isinstance(config.name, str) and _NAME.match(config.name) is not None
    require(good, "name", config, "a letter, then letters, digits and underscores")


def _triple(config: Any, name: str) -> None:
    values = tuple(listed(getattr(config, name), name))
    object.__setattr__(config, name, values)
    finite = len(values) == 3 and all(math.isfinite(number(x)) for x in values)
    require(finite, name, config, "three finite numbers")
    object.__setattr__(config, name, tuple(float(x) for x in values))


def as_mapping(sensor: Sensor) -> dict[str, Any]:
    """The sensor as a mapping that :func:`sensors_from` takes, for specs that travel as JSON."""
    kind = next(name for name, found in _TYPES.items() if type(sensor) is found)
    return {"type": kind, **dataclasses.asdict(sensor)}
