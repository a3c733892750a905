"""The figures of a training run: a table on disk, a curve to look at."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from reel2sim.pipeline.atomic import write_atomically

COLUMNS = (
    "phase", "step", "loss", "video", "text", "motion", "tracks", "magnitude", "psnr", "norm",
    "rate", "wall_s", "cpu_s",
)  # fmt: skip


class Journal:
    """Rows of figures, one a step.

    Args:
        path: CSV file; what is in it up to ``keep`` stays.
        keep: phase and step up to which rows stay; None begins anew.
    """

    def __init__(self, path: Path, keep: tuple[str, int] | None) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = []
        if keep is not None and path.is_file():
            with path.open(encoding="utf-8", newline="") as stream:
                self.rows = [row for row in csv.DictReader(stream) if _before(row, keep)]
        last = self.rows[-1] if self.rows else {}
        self._wall = time.monotonic() - float(last.get("wall_s") or 0)
        self._cpu = time.process_time() - float(last.get("cpu_s") or 0)

    def add(self, phase: str, step: int, figures: Mapping[str, float]) -> None:
        """Note the figures of a step."""
        wall, cpu = time.monotonic() - self._wall, time.process_time() - self._cpu
        row = {"phase": phase, "step": str(step), "wall_s": f"{wall:.2f}", "cpu_s": f"{cpu:.2f}"}
        row |= {name: f"{value:.6g}" for name, value in figures.items() if name in COLUMNS}
        self.rows.append(row)

    @property
    def cpu_s(self) -> float:
        """Processor seconds of all steps, those before a resume included."""
        return float(self.rows[-1]["cpu_s"]) if self.rows else 0.0

    def save(self) -> None:
        """Write the table."""

        def write(path: Path) -> None:
            with path.open("w", encoding="utf-8", newline="") as stream:
                table: csv.DictWriter[str] = csv.DictWriter(stream, COLUMNS, restval="")
                table.writeheader()
                table.writerows(self.rows)

        write_atomically(self.path, write)

    def series(self, phase: str, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of a figure in one phase."""
        rows = [row for row in self.rows if row["phase"] == phase and row.get(name)]
        steps = np.array([int(row["step"]) for row in rows])
        return steps, np.array([float(row[name]) for row in rows])


def _before(row: Mapping[str, str], keep: tuple[str, int]) -> bool:
    phase, step = keep
    order = ("autoencoder", "flow")
    here = row.get("phase")
    return here in order and (order.index(here), int(row["step"])) <= (order.index(phase), step)


def draw_curves(journal: Journal, path: Path) -> None:
    """Loss curves of both phases, each step faint and a running mean bold."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [
        ("autoencoder", "psnr", "autoencoder: PSNR of a batch, dB", False),
        ("flow", "video", "velocity of latents, mean squared error", True),
        ("flow", "text", "words, cross entropy in nats", True),
        ("flow", "magnitude", "motion magnitude, squared error", True),
    ]
    figure = Figure(figsize=(11, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2).ravel()
    for axis, (phase, name, title, logarithmic) in zip(axes, panels, strict=True):
        steps, values = journal.series(phase, name)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step", fontsize=8)
        axis.grid(alpha=0.3)
        if not len(values):
            continue
        axis.plot(steps, values, color="tab:blue", alpha=0.2, linewidth=0.7)
        span = max(1, len(values) // 40)
        mean = np.convolve(values, np.ones(span) / span, mode="valid")
        axis.plot(steps[span - 1 :], mean, color="tab:blue", linewidth=1.6)
        if logarithmic and (values > 0).all():
            axis.set_yscale("log")
    write_atomically(path, lambda aside: figure.savefig(aside, format="png", dpi=110))
