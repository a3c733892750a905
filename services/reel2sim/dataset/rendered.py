"""A dataset of animated objects that somebody has: every object drawn, judged and packed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reel2sim.batch import BatchConfig, ResultRow
from reel2sim.dataset.job import VERSION, ObjectJob
from reel2sim.dataset.produce import Dataset, Kind, Packing, produce
from reel2sim.dataset.recipe import SERIES
from reel2sim.dataset.render import CAMERA_FILE, MOTION_FILE, OBJECT_FILE, render_object
from reel2sim.dataset.shards import Sample
from reel2sim.scene.progress import Progress, silent


def render_dataset(
    jobs: Sequence[ObjectJob],
    out: Path,
    *,
    config: BatchConfig | None = None,
    packing: Packing | None = None,
    progress: Progress = silent,
) -> Dataset:
    """Draw every object under ``out/objects/<id>``, and pack those that pass.

    As :func:`~reel2sim.dataset.produce.produce`; the same objects and recipe give the same bytes.

    Args:
        jobs: the objects.
        out: folder of the dataset.
        config: where and how the jobs run; processes of this machine if None.
        packing: shards, and the demand of a job.
        progress: told after each object.

    Raises:
        ConflictError: if ``out`` holds something else, or is being worked on.
    """
    recipe = asdict(jobs[0].recipe) if jobs else {}

    def record(dataset: Dataset) -> dict[str, Any]:
        return {"version": VERSION, "recipe": recipe, **_ends(dataset)}

    kind = Kind(
        name="objects",
        folder="objects",
        work=render_object,
        pack=_sample,
        title=_title,
        record=record,
    )
    begun = {"version": VERSION}
    return produce(kind, jobs, out, config=config, packing=packing, begun=begun, progress=progress)


def _sample(folder: Path) -> Sample:
    names = ((name, folder / name) for name in SERIES)
    files = [
        (f"{name}_{path.name}", path)
        for name, series in names
        for path in sorted(series.glob("*.png"))
    ]
    record = json.loads((folder / OBJECT_FILE).read_text(encoding="utf-8"))
    for field, file in (("cameras", CAMERA_FILE), ("motion", MOTION_FILE)):
        record[field] = json.loads((folder / file).read_text(encoding="utf-8"))
    return Sample(folder.name, tuple(files), record)


def _title(row: ResultRow) -> str:
    if row.facts.get("verdict") == "passed":
        return f"{row.id}   motion {row.facts['motion']:.3f}"
    return f"{row.id}: {row.facts['why']}"


def _ends(dataset: Dataset) -> dict[str, Any]:
    return {
        "objects": len(dataset.rows),
        "passed": [row.id for row in dataset.passed],
        "rejected": {row.id: row.facts.get("why") for row in dataset.rejected},
        "failed": {
            row.id: {"reason": row.reason, "message": row.message} for row in dataset.failed
        },
    }
