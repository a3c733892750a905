"""What a run has shown so far: ``progress.json``, ``progress.csv`` and ``curve.png``."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from reel2sim.scene.files import whole, write_json
from reel2sim.training.evaluation import Evaluation

PROGRESS_FILE = "progress.json"
CURVE_FILE = "curve.png"
_STYLES = {"random": ":", "nothing": "--", "reference": "-."}


@dataclass(frozen=True)
class Mark:
    """One evaluation of a run.

    Attributes:
        steps: control steps that were trained on.
        wall_s: seconds since training began, evaluations included; of all sessions.
        cpu_s: processor seconds of the training process alone, likewise.
        evaluation: how the policy did.
    """

    steps: int
    wall_s: float
    cpu_s: float
    evaluation: Evaluation


def write_journal(
    folder: Path,
    marks: Sequence[Mark],
    references: Mapping[str, Evaluation],
    *,
    curve: bool = True,
) -> None:
    """Write all files anew; the picture, which takes longest, only with ``curve``."""
    rows = [_row(mark) for mark in marks]
    write_json(
        folder / PROGRESS_FILE,
        {"evaluations": rows, "baselines": {name: asdict(x) for name, x in references.items()}},
    )
    with whole(folder / "progress.csv") as part, part.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*_TIMES, *(item.name for item in fields(Evaluation))])
        writer.writeheader()
        writer.writerows(rows)
    if curve:
        draw(folder / CURVE_FILE, {"": [marks]}, references, title=folder.name)


def read_journal(folder: Path) -> tuple[list[Mark], dict[str, Evaluation]]:
    """The evaluations of a run and those of its baselines; none if it wrote none."""
    path = folder / PROGRESS_FILE
    if not path.is_file():
        return [], {}
    record = json.loads(path.read_text(encoding="utf-8"))
    marks = [
        Mark(**{name: row.pop(name) for name in _TIMES}, evaluation=Evaluation(**row))
        for row in record["evaluations"]
    ]
    return marks, {name: Evaluation(**x) for name, x in record["baselines"].items()}


_TIMES = ("steps", "wall_s", "cpu_s")


def _row(mark: Mark) -> dict[str, Any]:
    return {**{name: getattr(mark, name) for name in _TIMES}, **asdict(mark.evaluation)}


def draw(
    path: Path,
    runs: Mapping[str, Sequence[Sequence[Mark]]],
    references: Mapping[str, Evaluation],
    *,
    title: str = "",
) -> None:
    """Draw success and return over control steps.

    Args:
        path: of the PNG.
        runs: evaluations by a name for the legend; several runs are drawn as their mean, with a
            band from the worst to the best.
        references: baselines, drawn as lines.
        title: of the picture.
    """
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2)
    figure.suptitle(title)
    for panel, field, label in zip(
        panels, ("success", "mean_return"), ("success", "return"), strict=True
    ):
        for name, group in runs.items():
            known = [[m for m in run if getattr(m.evaluation, field) is not None] for run in group]
            count = min((len(run) for run in known), default=0)
            if not count:
                continue
            steps = np.mean([[m.steps for m in run[:count]] for run in known], axis=0)
            values = np.array(
                [[getattr(m.evaluation, field) for m in run[:count]] for run in known]
            )
            (line,) = panel.plot(steps, values.mean(axis=0), label=name or "policy")
            if len(values) > 1:
                low, high = values.min(axis=0), values.max(axis=0)
                panel.fill_between(steps, low, high, color=line.get_color(), alpha=0.2, lw=0)
        for name, reference in references.items():
            value = getattr(reference, field)
            if value is not None:
                panel.axhline(value, ls=_STYLES.get(name, "-"), c="0.5", lw=1, label=name)
        panel.set(xlabel="control steps", ylabel=label)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(-0.03, 1.03)
    panels[1].legend(frameon=False, fontsize=8)
    with whole(path) as part:
        figure.savefig(part, dpi=110, metadata={"Software": None})
