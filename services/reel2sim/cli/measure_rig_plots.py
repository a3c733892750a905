"""Charts of a bench of rigs, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from reel2sim.cli.measure_plots import clean_axis, save_figure
from reel2sim.cli.measure_results import by_name
from reel2sim.cli.measure_rig import RigRun
from reel2sim.cli.measure_rig_sums import by_protocol, calibration, has_joints


def draw_rig_charts(runs: Sequence[RigRun], folder: Path) -> list[Path]:
    """Draw reliability and the spread of axis errors of every variant into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, group in by_name(runs).items():
        charts: dict[str, Figure] = {}
        if any(run.score.verdicts for run in group):
            charts["reliability"] = _reliability(group, name)
        if any(map(has_joints, group)):
            charts["axis"] = _axis_errors(group, name)
        for chart, figure in charts.items():
            paths.append(folder / f"{chart}_{name}.png")
            save_figure(figure, paths[-1])
    return paths


def _reliability(runs: Sequence[RigRun], name: str) -> Figure:
    """Share of right joints over their confidence; areas are numbers of joints."""
    figure = Figure(figsize=(8.6, 4.4), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    told = calibration(runs)
    for axis, (which, part) in zip(axes, told.items(), strict=True):
        axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
        bins = [b for b in part["bins"] if b["count"]]
        for b in bins:
            gap = sorted((b["confidence"], b["right"]))
            axis.plot([b["confidence"]] * 2, gap, color="tab:red", linewidth=1.2, alpha=0.6)
            axis.annotate(
                f"{b['count']}",
                (b["confidence"], b["right"]),
                xytext=(6, 4),
                textcoords="offset points",
                fontsize=7,
                color="0.35",
            )
        axis.scatter(
            [b["confidence"] for b in bins],
            [b["right"] for b in bins],
            s=[20 + 12 * b["count"] for b in bins],
            color="tab:blue",
            alpha=0.8,
            zorder=3,
        )
        error = part["expected_calibration_error"]
        known = "" if error is None else f", calibration error {error:.3f}"
        axis.set_title(f"{which} joints: {part['joints']}{known}", fontsize=9)
        axis.set_xlabel("confidence", fontsize=9)
        axis.set_xlim(-0.03, 1.03)
        axis.set_ylim(-0.05, 1.05)
        clean_axis(axis)
    axes[0].set_ylabel("share of joints that are right", fontsize=9)
    figure.suptitle(name, fontsize=10)
    return figure


def _axis_errors(runs: Sequence[RigRun], name: str) -> Figure:
    """Which share of the true joints has its axis within an angle, by protocol."""
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axis: Any = figure.subplots()
    for k, (protocol, group) in enumerate(by_protocol(filter(has_joints, runs)).items()):
        errors = np.sort([joint.axis_deg for run in group for joint in run.score.joints])
        shares = np.arange(1, len(errors) + 1) / len(errors)
        colour = matplotlib.colormaps["tab10"](k % 10)
        label = f"{protocol or 'captures'}: {len(errors)} joints"
        axis.step(np.maximum(errors, 0.01), shares, where="post", color=colour, label=label)
    axis.set_xscale("log")
    axis.set_xlim(0.01, 100)
    axis.set_ylim(0, 1.02)
    axis.xaxis.set_major_formatter(lambda angle, _: f"{angle:g}°")
    axis.set_xlabel("axis error; a joint that was missed has 90°", fontsize=9)
    axis.set_ylabel("share of true joints within it", fontsize=9)
    axis.set_title(name, fontsize=10)
    clean_axis(axis)
    axis.legend(fontsize=8, frameon=False)
    return figure
