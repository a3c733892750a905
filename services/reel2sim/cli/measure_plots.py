"""Charts of a bench of reconstructions, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from reel2sim.cli.measure_results import Run, by_folder, by_name, means
from reel2sim.pipeline.scores import Drawing, HeldOut
from reel2sim.scene.arrays import Array

_DPI = 110
_BAR = 0.8
_CONTACTS = 4
_GREY = 0.16


def draw_charts(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Draw bars per object, quality over time and quality against seconds into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = {"psnr": _bars(runs), "psnr_over_time": _over_time(runs)}
    if any(run.seconds for run in runs):
        charts["quality_seconds"] = _against_seconds(runs)
    paths = []
    for name, figure in charts.items():
        paths.append(folder / f"{name}.png")
        save_figure(figure, paths[-1])
    return paths


def draw_contact_sheet(
    run: Run, held_out: HeldOut, drawings: Sequence[Drawing], path: Path
) -> None:
    """Truth, drawing, error and normals of a few held-out views, one row each."""
    chosen = np.unique(np.linspace(0, len(drawings) - 1, _CONTACTS).round().astype(int))
    shape = any(drawing.normal is not None for drawing in drawings)
    titles = ["truth", "drawn", "error ×2"] + (["true normals", "normals"] if shape else [])
    figure = Figure(figsize=(2.1 * len(titles), 2.1 * len(chosen) + 0.4), layout="constrained")
    axes = figure.subplots(len(chosen), len(titles), squeeze=False)
    for row, index in enumerate(chosen):
        drawing, view = drawings[index], run.score.views[index]
        pictures = [
            _over_grey(held_out.rgb[index], held_out.alpha[index]),
            _over_grey(drawing.rgb, drawing.alpha),
            _error(drawing.rgb, held_out.rgb[index]),
        ]
        if shape:
            camera = held_out.cameras[index].T_camera_world[:3, :3]
            pictures.append(_coloured(held_out.normal[index], camera))
            given = drawing.normal if drawing.normal is not None else 0 * drawing.rgb
            pictures.append(_coloured(given, camera))
        for column, picture in enumerate(pictures):
            _bare(axes[row, column]).imshow(np.clip(picture, 0, 1), interpolation="nearest")
            if row == 0:
                axes[row, column].set_title(titles[column], fontsize=9)
        label = f"{view.time_s:.2f} s  {view.psnr_db:.1f} dB"
        axes[row, 0].set_ylabel(label, fontsize=8)
    figure.suptitle(f"{run.capture}: {run.name}", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_figure(figure, path)


def _bars(runs: Sequence[Run]) -> Figure:
    """A row of bars for each folder of captures."""
    folders = by_folder(runs) or {"": list(runs)}
    names = list(by_name(runs))
    most = 1 + max(len({run.capture for run in part}) for part in folders.values())
    size = 1.6 + 0.95 * most, 1.4 + 2.8 * len(folders)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(folders), 1, squeeze=False, sharey=True)[:, 0]
    for axis, (folder, part) in zip(axes, folders.items(), strict=True):
        _bar_row(axis, part, names, told=axis is axes[0])
        axis.set_title(folder, fontsize=9, loc="left")
        clean_axis(axis)
    figure.supylabel("PSNR of held-out views [dB]", fontsize=9)
    if any(run.failure for run in runs):
        words = "Hatched: failed; what is missing counts as black"
        figure.supxlabel(words, fontsize=8, color="0.35")
    _legend(figure, len(names))
    return figure


def _bar_row(axis: Any, runs: Sequence[Run], names: Sequence[str], *, told: bool) -> None:
    """Bars of each capture, one for each of ``names``, and of the means; in the legend if told."""
    captures = list(dict.fromkeys(run.capture for run in runs))
    width = _BAR / len(names)
    # Means of different captures say nothing about each other.
    each = [{run.capture for run in runs if run.name == name} for name in names]
    common = set(captures).intersection(*(had for had in each if had))
    for k, name in enumerate(names):
        group = [run for run in runs if run.name == name]
        known = {run.capture: run for run in group}
        offset = (k - (len(names) - 1) / 2) * width
        at = [i for i, capture in enumerate(captures) if capture in known]
        heights = [known[captures[i]].score.psnr_db for i in at]
        shared = [run for run in group if run.capture in common]
        heights.append(means(shared)["psnr_db"] or 0.0)
        at.append(len(captures))
        label = name if told else None
        bars = axis.bar(np.array(at) + offset, heights, width, label=label, color=_colour(k))
        for i, bar in zip(at[:-1], bars, strict=False):
            if known[captures[i]].failure:
                bar.set_hatch("///")
                bar.set_alpha(0.5)
    axis.axvline(len(captures) - 0.5, color="0.6", linewidth=0.8)
    of = "" if len(common) == len(captures) else f" of {len(common)}"
    labels = [*(capture.rpartition("/")[2] for capture in captures), f"mean{of}"]
    axis.set_xticks(range(len(labels)), labels, rotation=25, ha="right", fontsize=8)


def _over_time(runs: Sequence[Run]) -> Figure:
    groups = by_name(runs)
    captures = list(dict.fromkeys(run.capture for run in runs))
    columns = min(len(captures), 5)
    rows = -(-len(captures) // columns)
    figure = Figure(figsize=(2.6 * columns + 0.6, 2.1 * rows + 0.7), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for cell in axes.flat[len(captures) :]:
        cell.set_visible(False)
    for cell, capture in zip(axes.flat, captures, strict=False):
        for k, group in enumerate(groups.values()):
            for run in (run for run in group if run.capture == capture):
                times = np.array([view.time_s for view in run.score.views])
                levels = np.array([view.psnr_db for view in run.score.views])
                every = np.unique(times)
                mean = [levels[times == time].mean() for time in every]
                cell.plot(every, mean, "o-", color=_colour(k), markersize=2.5, linewidth=1)
        cell.set_title(capture, fontsize=8)
        clean_axis(cell)
    for k, name in enumerate(groups):
        axes[0, 0].plot([], [], "o-", color=_colour(k), markersize=2.5, label=name)
    figure.supxlabel("time of the motion [s]", fontsize=9)
    figure.supylabel("PSNR of held-out views [dB]", fontsize=9)
    _legend(figure, len(groups))
    return figure


def _against_seconds(runs: Sequence[Run]) -> Figure:
    figure = Figure(figsize=(5.6, 4.2), layout="constrained")
    axis = figure.subplots()
    shown = 0
    for k, (name, group) in enumerate(by_name(runs).items()):
        points = np.array([(run.seconds, run.score.psnr_db) for run in group if run.seconds])
        if not len(points):
            continue
        shown += 1
        axis.scatter(*points.T, s=14, color=_colour(k), alpha=0.45, linewidths=0)
        middle = points.mean(axis=0)
        axis.scatter(*middle, s=110, color=_colour(k), edgecolors="k", label=name, zorder=3)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(lambda seconds, _: f"{seconds:g}")
    axis.set_xlabel("wall time [s]; large: means")
    axis.set_ylabel("PSNR of held-out views [dB]")
    clean_axis(axis)
    _legend(figure, shown)
    return figure


def _colour(index: int) -> Any:
    return matplotlib.colormaps["tab10"](index % 10)


def clean_axis(axis: Any) -> None:
    """Leave an axis two spines and a light grid."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="0.9", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=8)


def _legend(figure: Figure, groups: int) -> None:
    figure.legend(loc="outside upper center", ncols=min(groups, 6), fontsize=8, frameon=False)


def _bare(axis: Any) -> Any:
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
    return axis


def _over_grey(rgb: Array, alpha: Array) -> Array:
    return rgb + _GREY * (1 - alpha[..., None])


def _error(rgb: Array, true_rgb: Array) -> Array:
    """Mean difference of the channels, doubled, as colours."""
    difference = np.abs(rgb - true_rgb).mean(axis=2)
    return matplotlib.colormaps["magma"](np.clip(2 * difference, 0, 1))[..., :3]


def _coloured(normal: Array, R_camera_world: Array) -> Array:
    """Normals as colours: x right is red, y up is green, towards the camera is blue."""
    n = normal.astype(np.float64) @ R_camera_world.T * [1, -1, -1]
    length = np.linalg.norm(n, axis=2, keepdims=True)
    return np.where(length > 0.3, 0.5 + 0.5 * n / np.maximum(length, 1e-9), _GREY)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG whose bytes depend on the figure alone."""
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
