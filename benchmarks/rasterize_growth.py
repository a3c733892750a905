"""How time and memory of the surfel rasteriser grow with surfels, pixels and cameras.

    python benchmarks/rasterize_growth.py [--rounds 5] [--plot docs/images/rasterizer_growth.png]

One picture with its gradients, of a closed ball of surfels that shrink as they become more, so
that they always cover it. One axis grows at a time. Every point is a process of its own, whose
peak of resident memory is reset once the kernels are loaded and the scene is there: what counts is
what drawing adds. Time is processor time of all threads, the best of some rounds, so that what
else the machine does counts little. Exponents are slopes in the log-log plot, over all points and
over the last step; 1 is linear, and small problems, where the fixed cost of a call counts, pull
them down.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numba
import torch
from rasterize import sphere

from reel2sim.reconstruction.rasterize import rasterize_surfels, warm_up

SURFELS = (1_000, 3_000, 10_000, 30_000, 100_000)
SIZES = (64, 128, 256, 512, 1024)
CAMERAS = (1, 2, 4, 8, 16)
DEFAULT = {"surfels": 20_000, "size": 192, "cameras": 1}


@dataclass(frozen=True, kw_only=True)
class Point:
    """One measurement: processor seconds of a picture with gradients, and its peak memory, MB."""

    surfels: int
    size: int
    cameras: int
    seconds: float
    peak_mb: float


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Points along one axis."""

    axis: str
    amounts: list[float]
    points: list[Point]

    def exponents(self, figure: str) -> tuple[float, float]:
        """Slopes of ``figure`` in the log-log plot: over all points, and over the last step."""
        x = [math.log(amount) for amount in self.amounts]
        y = [math.log(max(getattr(point, figure), 1e-9)) for point in self.points]
        mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
        products = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
        overall = products / sum((a - mean_x) ** 2 for a in x)
        return overall, (y[-1] - y[-2]) / (x[-1] - x[-2])


def _resident_peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _forget_peak() -> None:
    """Start the peak anew from what is resident now, where the system can."""
    if os.access("/proc/self/clear_refs", os.W_OK):
        Path("/proc/self/clear_refs").write_text("5")


def draw_once(scene: list[torch.Tensor], views: torch.Tensor, K: torch.Tensor, size: int) -> None:
    out = rasterize_surfels(*scene, K=K, T_camera_world=views, width=size, height=size)
    images = (out.features, out.alpha, out.depth, out.normal)
    torch.autograd.backward(images, [torch.ones_like(image) for image in images])


def measure(surfels: int, size: int, cameras: int, rounds: int) -> Point:
    """Draw in this process."""
    torch.set_num_threads(numba.get_num_threads())
    warm_up()
    scene, view, K = sphere(size, surfels)
    views = view.repeat(cameras, 1, 1)
    turn = torch.linspace(0, 2 * math.pi, cameras + 1)[:-1]
    views[:, 0, 0], views[:, 0, 2] = turn.cos(), turn.sin()
    views[:, 2, 0], views[:, 2, 2] = -turn.sin(), turn.cos()
    draw_once(*sphere(32, 100), 32)  # loads what the first picture and its gradients load
    _forget_peak()
    before, best = _resident_peak_mb(), math.inf
    for _ in range(rounds):
        start = time.process_time()
        draw_once(scene, views, K, size)
        best = min(best, time.process_time() - start)
    peak = _resident_peak_mb() - before
    return Point(surfels=surfels, size=size, cameras=cameras, seconds=best, peak_mb=peak)


def in_its_own_process(rounds: int, **point: int) -> Point:
    command = [sys.executable, __file__, "--rounds", str(rounds), "--point", json.dumps(point)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Point(**json.loads(done.stdout.splitlines()[-1]))


def sweep(axis: str, values: tuple[int, ...], rounds: int) -> Sweep:
    points = [in_its_own_process(rounds, **{**DEFAULT, axis: value}) for value in values]
    for point in points:
        print(
            f"{point.surfels:>8} surfels {point.size:>5}² px {point.cameras:>3} cameras "
            f"{1e3 * point.seconds:>9.1f} ms {point.peak_mb:>8.1f} MB",
            flush=True,
        )
    amounts = [float(value**2 if axis == "size" else value) for value in values]
    result = Sweep(axis="pixels" if axis == "size" else axis, amounts=amounts, points=points)
    for figure in ("seconds", "peak_mb"):
        overall, last = result.exponents(figure)
        print(f"{figure} ~ {result.axis}^{overall:.2f}, last step ^{last:.2f}", flush=True)
    return result


def plot(sweeps: list[Sweep], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(sweeps), figsize=(10, 6), layout="constrained")
    for column, one in enumerate(sweeps):
        for row, (name, unit, factor) in enumerate((("seconds", "ms", 1e3), ("peak_mb", "MB", 1))):
            axis = axes[row, column]
            values = [factor * getattr(point, name) for point in one.points]
            linear = [values[-1] * amount / one.amounts[-1] for amount in one.amounts]
            overall, last = one.exponents(name)
            axis.loglog(one.amounts, values, "o-", color="#1f6f8b")
            axis.loglog(one.amounts, linear, ":", color="#999999", label="linear")
            axis.set_title(f"exponent {overall:.2f}, at the end {last:.2f}", fontsize=10)
            axis.set_xlabel(one.axis)
            axis.set_ylabel(unit)
            axis.legend(frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="write the curves here, as PNG")
    parser.add_argument("--point", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point:
        print(json.dumps(measure(**options.point, rounds=options.rounds).__dict__))
        return
    sweeps = [
        sweep("surfels", SURFELS, options.rounds),
        sweep("size", SIZES, options.rounds),
        sweep("cameras", CAMERAS, options.rounds),
    ]
    if options.plot:
        plot(sweeps, options.plot)


if __name__ == "__main__":
    main()
