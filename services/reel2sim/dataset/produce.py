"""What all datasets have in common: jobs done once each, judged, packed and written down."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel2sim.batch import BatchConfig, Demand, Job, JobRunner, ResultRow, Step, run_batch
from reel2sim.dataset.shards import Sample, write_shards
from reel2sim.dataset.sheet import Cell, write_sheets
from reel2sim.dataset.storing import STRIP_FILE, write_json
from reel2sim.scene.errors import ConflictError
from reel2sim.scene.progress import Progress, silent

DATASET_FILE = "dataset.json"
SHARDS = "shards"


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How the samples are packed.

    Attributes:
        shard_mb: size at which a new shard is begun, MiB; 0 packs none.
        memory_mb: that each job reserves of its machine, MiB.
        limit_s: seconds that a job may take.
    """

    shard_mb: float = 256.0
    memory_mb: float = 0.0
    limit_s: float | None = 600.0


@dataclass(frozen=True)
class Dataset:
    """What was made.

    Attributes:
        rows: of every job, in their order.
        skipped: those that had been done before.
        shards: files of samples.
        sheets: pictures to look at.
    """

    rows: tuple[ResultRow, ...]
    skipped: int
    shards: tuple[Path, ...]
    sheets: tuple[Path, ...]

    @property
    def passed(self) -> tuple[ResultRow, ...]:
        """Those that are samples."""
        return tuple(row for row in self.rows if row.facts.get("verdict") == "passed")

    @property
    def rejected(self) -> tuple[ResultRow, ...]:
        """Those that the filters took out."""
        return tuple(row for row in self.rows if row.facts.get("verdict") == "rejected")

    @property
    def failed(self) -> tuple[ResultRow, ...]:
        """Those that could not be made."""
        return tuple(row for row in self.rows if row.status != "ok")


def _undivided(row: ResultRow) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What datasets of one kind do their own way.

    Attributes:
        name: said in ``dataset.json``.
        folder: of the folders of jobs.
        work: does one job; its facts have a ``verdict``, ``passed`` or ``rejected``, and ``why``.
        pack: a folder as a sample of a shard.
        title: what is written above its strip on a sheet.
        record: of ``dataset.json``, once all is done.
        division: folder of the shards that a sample belongs to.
        most_cells: strips shown on sheets, evenly chosen; None shows all.
    """

    name: str
    folder: str
    work: JobRunner
    pack: Callable[[Path], Sample]
    title: Callable[[ResultRow], str]
    record: Callable[[Dataset], Mapping[str, Any]]
    division: Callable[[ResultRow], str] = _undivided
    most_cells: int | None = None


def produce(
    kind: Kind,
    jobs: Sequence[Job],
    out: Path,
    *,
    config: BatchConfig | None = None,
    packing: Packing | None = None,
    begun: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Dataset:
    """Do every job under ``out/<folder>/<id>``, and pack those that pass.

    Beside them there are ``results.jsonl`` (and ``results.parquet``) with a row each, ``shards``
    of those that passed, contact sheets, and ``dataset.json``. Run again, it goes on where it was
    stopped. The same jobs give the same bytes, whoever did them, but for the seconds in the
    tables.

    Args:
        kind: what is made.
        jobs: one for each sample.
        out: folder of the dataset.
        config: where and how the jobs run; processes of this machine if None.
        packing: shards, and the demand of a job.
        begun: what ``dataset.json`` says until all is done, besides that it is not.
        progress: told after each job.

    Raises:
        ConflictError: if ``out`` holds something else, or is being worked on.
    """
    config = config or BatchConfig(ray=False)
    packing = packing or Packing()
    read_record(out, kind.name)
    out.mkdir(parents=True, exist_ok=True)
    head = {"kind": kind.name, **(begun or {}), "complete": False}
    write_json(out / DATASET_FILE, head)
    step = Step(
        name=kind.name,
        work=kind.work,
        demand=Demand(memory_mb=packing.memory_mb),
        limit_s=packing.limit_s,
    )
    summary = run_batch(
        jobs, out, config=config, steps=[step], folder=kind.folder, progress=progress
    )
    progress("pack", 0.0, "shards and sheets")
    dataset = Dataset(summary.rows, summary.skipped, (), ())
    shards = _shards(kind, dataset, out, packing) if packing.shard_mb else ()
    drawn = [row for row in summary.rows if row.status == "ok"]
    if kind.most_cells is not None and len(drawn) > kind.most_cells:
        count = kind.most_cells
        drawn = [drawn[i * len(drawn) // count] for i in range(count)]
    sheets = write_sheets(out, [_cell(kind, out, row) for row in drawn])
    dataset = Dataset(summary.rows, summary.skipped, shards, sheets)
    packed = {
        "shards": [str(path.relative_to(out / SHARDS)) for path in shards],
        "sheets": [path.name for path in sheets],
    }
    record = {"kind": kind.name, "complete": True, **kind.record(dataset), **packed}
    write_json(out / DATASET_FILE, record)
    progress("pack", 1.0, "done")
    return dataset


def read_record(out: Path, kind: str) -> dict[str, Any] | None:
    """``dataset.json`` of a dataset of that kind; None if nothing is there yet.

    Raises:
        ConflictError: if the folder holds something else.
    """
    path = out / DATASET_FILE
    if not path.is_file():
        if out.exists() and not (out.is_dir() and not any(out.iterdir())):
            raise ConflictError(
                "is not empty and holds no dataset", source=out, remedy="choose another folder"
            )
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found = record.get("kind", "objects")
    except (OSError, ValueError, AttributeError) as cause:
        raise ConflictError(f"cannot be read: {cause}", source=path) from cause
    if found != kind:
        raise ConflictError(
            f"holds a dataset of another kind: {found}", source=out, remedy="choose another folder"
        )
    return dict(record)


def _shards(kind: Kind, dataset: Dataset, out: Path, packing: Packing) -> tuple[Path, ...]:
    """Those of each division, in the order of rows."""
    divisions: dict[str, list[Path]] = {}
    for row in dataset.passed:
        divisions.setdefault(kind.division(row), []).append(out / kind.folder / row.id)
    for old in (out / SHARDS).glob("*/"):
        if old.name not in divisions:
            shutil.rmtree(old)
    size = int(packing.shard_mb * 2**20)
    return tuple(
        path
        for name in sorted(divisions or {"": []})
        for path in write_shards(
            out / SHARDS / name,
            (kind.pack(folder) for folder in divisions.get(name, [])),
            most_bytes=size,
        )
    )


def _cell(kind: Kind, out: Path, row: ResultRow) -> Cell:
    passed = row.facts.get("verdict") == "passed"
    return Cell(out / kind.folder / row.id / STRIP_FILE, kind.title(row), passed)
