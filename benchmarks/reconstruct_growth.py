"""How the reconstruction's time and memory grow with surfels, picture size and frames.

One setting grows at a time, from a small one; every fit has a process and a single thread of its
own. Time is that of the processor, so that a busy machine changes little; exponents are slopes of
straight lines through the logarithms, of all points and of the last two: fixed costs, such as the
libraries in memory, pull them down where the problem is small.

Example::

    python benchmarks/render_captures.py --out captures --objects mw_drawer
    python benchmarks/reconstruct_growth.py captures/mw_drawer --report growth.json
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import tyro
from matplotlib.figure import Figure

from reel2sim.cli.measure_process import Children
from reel2sim.reconstruction import ReconstructionConfig

_ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_STEPS = [f.name for f in fields(ReconstructionConfig) if f.name.endswith("_steps")]
_TITLES = {"surfels": "surfels", "image_px": "picture edge [px]", "frames": "frames"}


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        capture: a capture folder.
        surfels: numbers of surfels.
        image_px: picture edges, pixels; none above that of the capture.
        share: shares of the capture's frames.
        steps: of each optimiser; surfels neither grow nor move to where more are needed.
        rounds: times that each fit is made; the least time and memory count.
        picture: where the chart goes.
        report: also write all figures to this file (JSON).
    """

    capture: tyro.conf.Positional[Path]
    surfels: tuple[int, ...] = (500, 2000, 8000)
    image_px: tuple[int, ...] = (48, 96, 192)
    share: tuple[float, ...] = (0.25, 0.5, 1.0)
    steps: int = 40
    rounds: int = 2
    picture: Path = Path(__file__).parents[1] / "docs" / "images" / "reconstruct_growth.png"
    report: Path | None = None


@dataclass(frozen=True)
class Fit:
    """One fit: the setting that varied, its value, and what it took."""

    varied: str
    value: float
    cpu_s: float
    peak_memory_mb: float


def thinned(capture: Path, folder: Path, share: float) -> int:
    """Copy an even share of the instants, and of the views at each; returns the frames left."""
    record = json.loads((capture / "transforms.json").read_text(encoding="utf-8"))
    streams: dict[str, list[Any]] = {}
    for frame in record["frames"]:
        streams.setdefault(frame.get("stream", ""), []).append(frame)
    kept: list[Any] = []
    for frames in streams.values():
        chosen = np.linspace(0, len(frames) - 1, max(2, round(share * len(frames))))
        kept += [frames[i] for i in np.unique(chosen.round().astype(int))]
    for frame in kept:
        path = folder / frame["file_path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(capture / frame["file_path"], path)
    (folder / "transforms.json").write_text(json.dumps({**record, "frames": kept}))
    return len(kept)


def fit(capture: Path, settings: Mapping[str, Any], out: Path) -> tuple[float, float]:
    """Processor seconds and peak MiB of one fit in a process of its own."""
    metrics: dict[str, float] = {}

    def heard(line: str) -> None:
        metrics.update(json.loads(line).get("metrics", {}))

    request = {
        "capture": str(capture), "out": str(out), "preset": "draft", "seed": 0, "device": "cpu",
        "overrides": dict(settings),
    }  # fmt: skip
    ended = Children().run(
        [sys.executable, "-m", "reel2sim.cli.measure_child"],
        request=json.dumps(request),
        heard=heard,
        environment={**os.environ, **dict.fromkeys(_ONE_THREAD, "1")},
    )
    if ended.failure:
        raise SystemExit(f"{capture}: {ended.failure}")
    return metrics["fit_cpu_s"], ended.peak_memory_mb


def measure(options: Options, work: Path) -> list[Fit]:
    """All fits, told as they come."""
    base = {
        "surfels": options.surfels[len(options.surfels) // 2],
        "image_px": options.image_px[len(options.image_px) // 2],
        **dict.fromkeys(_STEPS, options.steps),
        "densify": 0.0,
        "track_rounds": 1,
        "bones": 8,
        "hull_resolution": 48,
    }
    half = work / "half"
    thinned(options.capture, half, 0.5)
    out = work / "surfels.npz"
    fit(half, base, out)  # the first one compiles the kernels
    plan: list[tuple[str, float, Path, dict[str, Any]]] = [
        (name, value, half, {**base, name: value})
        for name in ("surfels", "image_px")
        for value in getattr(options, name)
    ]
    for share in options.share:
        folder = work / f"share{share}"
        plan.append(("frames", thinned(options.capture, folder, share), folder, base))
    fits: list[Fit] = []
    for varied, value, folder, settings in plan:
        spent = np.min([fit(folder, settings, out) for _ in range(options.rounds)], axis=0)
        fits.append(Fit(varied, value, *spent.tolist()))
        print(f"{varied} {value:g}: {fits[-1].cpu_s:.1f} s, {fits[-1].peak_memory_mb:.0f} MiB")
    return fits


def exponent(fits: list[Fit], figure: str) -> float:
    """Slope of the logarithm of a figure over that of the setting."""
    x, y = np.log([(f.value, getattr(f, figure)) for f in fits]).T
    return float(np.polyfit(x, y, 1)[0])


def draw(fits: list[Fit], path: Path) -> None:
    """Two rows, time and memory; a column for each setting."""
    chart = Figure(figsize=(9, 5), layout="constrained")
    axes = chart.subplots(2, len(_TITLES), sharey="row")
    rows = (("cpu_s", "processor time [s]"), ("peak_memory_mb", "peak memory [MiB]"))
    for row, (figure, label) in enumerate(rows):
        axes[row, 0].set_ylabel(label)
        for column, (name, title) in enumerate(_TITLES.items()):
            own = [f for f in fits if f.varied == name]
            axis = axes[row, column]
            x = np.array([f.value for f in own])
            y = np.array([getattr(f, figure) for f in own])
            p = exponent(own, figure)
            level = np.exp(np.mean(np.log(y) - p * np.log(x)))
            colour = matplotlib.colormaps["tab10"](row)
            axis.loglog(x, y, "o", color=colour, markersize=5)
            axis.loglog(x, level * x**p, "-", color=colour, alpha=0.5)
            last = exponent(own[-2:], figure)
            axis.set_title(f"exponent {p:.2f}, last step {last:.2f}", fontsize=10)
            axis.set_xticks(x, [f"{v:g}" for v in x], minor=False)
            axis.minorticks_off()
            axis.spines[["top", "right"]].set_visible(False)
            axis.grid(color="0.9", linewidth=0.7)
            if row == len(rows) - 1:
                axis.set_xlabel(title)
        values = [getattr(f, figure) for f in fits]
        ticks = [n * 10**k for k in range(-1, 5) for n in (1, 1.5, 2, 3, 5, 7)]
        low, high = min(values) / 1.2, max(values) * 1.2
        shown = [tick for tick in ticks if low <= tick <= high]
        for axis in axes[row]:
            axis.set_ylim(low, high)
            axis.set_yticks(shown, [f"{tick:g}" for tick in shown])
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.savefig(path, dpi=110, metadata={"Software": None})


def main(options: Options) -> None:
    """Measure, draw and say the exponents."""
    with tempfile.TemporaryDirectory(prefix="reel2sim-growth-") as work:
        fits = measure(options, Path(work))
    draw(fits, options.picture)
    exponents = {
        name: {
            f"{figure}{when}": exponent([f for f in fits if f.varied == name][since:], figure)
            for figure in ("cpu_s", "peak_memory_mb")
            for when, since in (("", 0), ("_last", -2))
        }
        for name in _TITLES
    }
    for name, found in exponents.items():
        print(name, ", ".join(f"{key} ^{value:.2f}" for key, value in found.items()))
    if options.report is not None:
        record = {"fits": [asdict(f) for f in fits], "exponents": exponents}
        options.report.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
