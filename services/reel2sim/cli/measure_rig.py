"""Rigs captures whose truth is known, each in a process of its own, and scores what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reel2sim.cli.measure_captures import Capture
from reel2sim.cli.measure_jobs import Job, Jobs
from reel2sim.cli.measure_process import Ended
from reel2sim.cli.measure_results import Results
from reel2sim.cli.measure_variants import Variant
from reel2sim.generation.truth import load_truth
from reel2sim.pipeline.evaluation import nothing_found, score
from reel2sim.pipeline.rig_score import RigScore
from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import InputError, UsageError
from reel2sim.scene.progress import Progress
from reel2sim.scene.store import load_asset

RIG_NEEDS = ("truth.json", "truth_points.npz")
"""Files of a capture without which no rig can be scored."""


@dataclass(frozen=True)
class RigRun:
    """One capture under one variant of the rigging.

    Attributes:
        capture: label of the capture, its folder's name included.
        digest: sha256 of the capture's content.
        name: of the variant.
        score: against the truth; of a failed run, that of an object that never moves.
        surfels: sha256 of the stored reconstruction it started from, or "".
        overrides: settings of the variant.
        seconds: wall time of the process.
        peak_memory_mb: its largest resident memory, MiB.
        metrics: figures of the rig, and the seconds of each stage.
        links: of the rig.
        fixed_base: whether the rig says that its root stood still.
        notes: what the rig says about itself.
        failure: what went wrong, or "".
    """

    capture: str
    digest: str
    name: str
    score: RigScore
    surfels: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seconds: float = 0.0
    peak_memory_mb: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    links: int = 0
    fixed_base: bool = True
    notes: tuple[str, ...] = ()
    failure: str = ""

    @property
    def protocol(self) -> str:
        """The folder of the capture, by which runs are grouped."""
        return self.capture.rpartition("/")[0]

    @property
    def subject(self) -> str:
        """The capture's own name."""
        return self.capture.rpartition("/")[2]

    @property
    def asked(self) -> tuple[Any, ...]:
        """What must be the same for this run to stand for another."""
        return self.capture, self.digest, self.name, dict(self.overrides), self.surfels

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> RigRun:
        """What :func:`dataclasses.asdict` made of one, also after JSON."""
        score_, notes = RigScore.from_dict(record["score"]), tuple(record["notes"])
        return cls(**{**record, "score": score_, "notes": notes})


@dataclass(frozen=True)
class _Task:
    capture: Capture
    variant: Variant
    surfels: Path | None
    surfels_digest: str


def find_surfels(captures: Sequence[Capture], folders: Sequence[Path]) -> dict[str, Path | None]:
    """Stored reconstructions by the captures' labels, as ``bench reconstruct --out`` keeps them.

    A capture ``…/orbit/drawer`` has ``orbit/drawer.npz`` or, unless another capture has that name
    too, ``drawer.npz`` in one of the folders. All are None without folders.

    Raises:
        UsageError: if a capture has none.
    """
    found: dict[str, Path | None] = {}
    names = [capture.folder.name for capture in captures]
    for capture in captures:
        parts = capture.folder.parts
        least = 1 if names.count(parts[-1]) == 1 else 2
        paths = [
            folder.joinpath(*parts[-depth:-1], f"{parts[-1]}.npz")
            for depth in range(min(4, len(parts) - 1), least - 1, -1)
            for folder in folders
        ]
        found[capture.label] = next((path for path in paths if path.is_file()), None)
        if folders and found[capture.label] is None:
            raise UsageError(
                f"has no surfels of {capture.label}",
                source=folders[0],
                field="--surfels",
                remedy="make them with `reel2sim bench reconstruct --out`",
            )
    return found


class Rigs:
    """Every capture under every variant of the rigging.

    Args:
        results: receives the runs; those that it recalls are not run again.
        options: preset, seed and device; with ``noise`` true points take the place of pictures.
        surfels: stored reconstruction of each capture, by label; None: reconstruct it.
        finished: told of every run.
        progress: told how far all of it is.
    """

    def __init__(
        self,
        results: Results[RigRun],
        options: Mapping[str, Any],
        *,
        surfels: Mapping[str, Path | None],
        finished: Callable[[RigRun], None],
        progress: Progress,
    ) -> None:
        self._results = results
        self._options = dict(options)
        self._surfels = surfels
        self._finished = finished
        self._progress = progress

    def run(self, captures: Sequence[Capture], variants: Sequence[Variant], *, jobs: int) -> None:
        """Run what has not been run yet, ``jobs`` at a time."""
        for variant in variants:
            variant.config(self._options)
        todo: list[_Task] = []
        for capture in captures:
            surfels = self._surfels[capture.label]
            digest = "" if surfels is None else digest_file(surfels)
            for variant in variants:
                overrides = dict(variant.overrides)
                asked = (capture.label, capture.digest, variant.name, overrides, digest)
                if not self._results.recall(asked):
                    todo.append(_Task(capture, variant, surfels, digest))

        def ended(index: int, end: Ended, metrics: dict[str, float]) -> None:
            run = self._scored(todo[index], end, metrics)
            self._results.add(run)
            self._finished(run)

        Jobs(self._progress).run([self._job(task) for task in todo], at_once=jobs, ended=ended)

    def _path(self, task: _Task) -> Path:
        return self._results.folder / "rigs" / task.variant.name / f"{task.capture.label}.npz"

    def _job(self, task: _Task) -> Job:
        path = self._path(task)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        request = {
            **self._options,
            "task": "rig" if self._options.get("noise") is None else "tracks",
            "capture": str(task.capture.folder),
            "surfels": None if task.surfels is None else str(task.surfels.resolve()),
            "out": str(path.resolve()),
            "overrides": dict(task.variant.overrides),
        }
        return Job(f"{task.capture.label} {task.variant.name}", request)

    def _scored(self, task: _Task, ended: Ended, metrics: dict[str, float]) -> RigRun:
        truth, failure = load_truth(task.capture.folder), ended.failure
        made, rig = nothing_found(truth), {}
        if failure:
            self._path(task).with_suffix(".log").write_text(ended.words, encoding="utf-8")
        else:
            try:
                asset = load_asset(self._path(task))
                made = score(asset, truth)
                rig = {
                    "links": len(asset.links),
                    "fixed_base": asset.fixed_base,
                    "notes": tuple(asset.notes),
                }
            except InputError as error:
                failure = f"its result is not usable: {error}"
        return RigRun(
            capture=task.capture.label,
            digest=task.capture.digest,
            name=task.variant.name,
            score=made,
            surfels=task.surfels_digest,
            overrides=dict(task.variant.overrides),
            seconds=ended.seconds,
            peak_memory_mb=ended.peak_memory_mb,
            metrics=metrics,
            failure=failure,
            **rig,
        )
