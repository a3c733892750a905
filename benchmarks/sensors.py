"""How many frames a second sensors give.

For each bundle and size: readings a second of each sensor alone at the motion's states, on one
thread, by processor time, so that what else a machine does matters little; and as a multiple of the
camera that PyBullet's renderer draws, which takes turns with each.

Example::

    python benchmarks/sensors.py bundles/* --seconds 2 --report sensors.json
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from reel2sim.envs import CameraSensor, PointCloudSensor, SceneEnv, SplatSensor
from reel2sim.scene.errors import Reel2SimError

_TURNS = 5
"""Turns that a sensor and the camera take."""


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        bundles: bundle folders, of objects or scenes.
        sizes: edges of the pictures, pixels.
        seconds: of processor time for each figure.
        report: also write the figures to this file (JSON).
    """

    bundles: tyro.conf.Positional[tuple[Path, ...]]
    sizes: tuple[int, ...] = (84, 128)
    seconds: float = 1.0
    report: Path | None = None


@dataclass(frozen=True)
class Speed:
    """Figures of one sensor.

    Attributes:
        bundle: its folder.
        surfels: of all objects and the background.
        size: edge of the pictures, pixels.
        sensor: which.
        fps: readings a second of processor time.
        share: that as a multiple of the camera's.
        fault: why there are no figures, or "".
    """

    bundle: str
    surfels: int
    size: int
    sensor: str
    fps: float = float("nan")
    share: float = float("nan")
    fault: str = ""


def kinds(edge: int) -> dict[str, object]:
    """Sensors by name; the first is what others are compared with."""
    size = (edge, edge)
    return {
        "camera rgb": CameraSensor("s", size),
        "camera rgbd": CameraSensor("s", size, kind="rgbd"),
        "camera segmentation": CameraSensor("s", size, kind="segmentation"),
        "splats rgb": SplatSensor("s", size),
        "splats rgbd": SplatSensor("s", size, kind="rgbd"),
        "512 points, surface": PointCloudSensor("s"),
        "512 points, camera": PointCloudSensor("s", size, source="camera"),
    }


class Reading:
    """A sensor of an environment, read at the states of the recovered motion."""

    def __init__(self, bundle: Path, sensor: object) -> None:
        self._env = SceneEnv(bundle, sensors=(sensor,))
        self._env.reset(seed=0)
        self._states, self._at = self._env.setting.q, 0
        self._rig = self._env._rig
        self.once()  # compiles what is not compiled yet

    def once(self) -> None:
        self._env.body.place(self._states[self._at % len(self._states)])
        self._at += 1
        self._rig.added({})

    def rate(self, seconds: float) -> float:
        count, start = 0, time.process_time()
        while (spent := time.process_time() - start) < seconds:
            self.once()
            count += 1
        return count / spent

    def close(self) -> None:
        self._env.close()


def surfels_of(bundle: Path) -> int:
    """How many surfels a bundle's ``splats.ply`` holds."""
    with (bundle / "splats.ply").open("rb") as file:
        header = file.read(4096).split(b"end_header")[0].decode("ascii").split()
    return int(header[header.index("vertex") + 1])


def measure(bundle: Path, edge: int, options: Options) -> list[Speed]:
    count, found = surfels_of(bundle), []
    camera = Reading(bundle, kinds(edge)["camera rgb"])
    for name, sensor in kinds(edge).items():
        try:
            reading = Reading(bundle, sensor)
        except Reel2SimError as fault:
            found.append(Speed(str(bundle), count, edge, name, fault=str(fault)))
            continue
        turn = options.seconds / _TURNS
        rates = np.array([(reading.rate(turn), camera.rate(turn)) for _ in range(_TURNS)])
        share = float(np.median(rates[:, 0] / rates[:, 1]))
        found.append(Speed(str(bundle), count, edge, name, float(np.median(rates[:, 0])), share))
        reading.close()
    camera.close()
    return found


def main(options: Options) -> None:
    found = [x for b in options.bundles for n in options.sizes for x in measure(b, n, options)]
    table = Table("bundle", "surfels", "size", "sensor", "fps", "of camera")
    for x in found:
        figures = (x.fault, "") if x.fault else (f"{x.fps:,.0f}", f"{x.share:.2f}×")
        table.add_row(Path(x.bundle).name, f"{x.surfels:,}", f"{x.size}²", x.sensor, *figures)
    Console().print(table)
    if options.report is not None:
        options.report.write_text(json.dumps([asdict(x) for x in found], indent=1) + "\n")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
