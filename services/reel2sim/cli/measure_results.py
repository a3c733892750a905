"""The file that keeps the runs of a bench, and the figures of reconstructions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import numpy as np

from reel2sim.pipeline.atomic import write_atomically
from reel2sim.pipeline.scores import ReconstructionScore, ViewScore
from reel2sim.scene.errors import UsageError

RESULTS_FILE = "results.json"
_VERSION = 1

FIGURES = (
    "psnr_db", "psnr_full_db", "ssim", "ssim_full", "flip",
    "chamfer_frac", "chamfer_m", "normal_deg", "track_frac", "track_floor_frac",
)  # fmt: skip
"""Fields of a score that have a mean."""


@dataclass(frozen=True)
class Run:
    """One capture under one variant, or a peer's pictures of it.

    Attributes:
        capture: label of the capture.
        digest: sha256 of the capture's content.
        name: of the variant or peer.
        score: against the truth; of a failed run, that of nothing.
        peer: whether the pictures came from elsewhere.
        overrides: settings of the variant.
        seconds: wall time of the process, if known.
        peak_memory_mb: its largest resident memory in MiB, if known.
        metrics: figures that the fit states itself.
        note: what a peer says about itself.
        failure: what went wrong, or "".
    """

    capture: str
    digest: str
    name: str
    score: ReconstructionScore
    peer: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict[str, Any])
    seconds: float | None = None
    peak_memory_mb: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    note: str = ""
    failure: str = ""

    @property
    def asked(self) -> tuple[Any, ...]:
        """What must be the same for this run to stand for another."""
        return self.capture, self.digest, self.name, dict(self.overrides), self.peer

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Run:
        """What :func:`dataclasses.asdict` made of one."""
        score = dict(record["score"])
        score["views"] = tuple(ViewScore(**view) for view in score["views"])
        return cls(**{**record, "score": ReconstructionScore(**score)})


class Kept(Protocol):
    """What :class:`Results` must know of a run, which is a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def capture(self) -> str:
        """Label of the capture."""
        ...

    @property
    def name(self) -> str:
        """Of the variant."""
        ...

    @property
    def failure(self) -> str:
        """What went wrong, or ""."""
        ...

    @property
    def asked(self) -> tuple[Any, ...]:
        """What must be the same for one run to stand for another."""
        ...


R = TypeVar("R", bound=Kept)


class Results(Generic[R]):
    """All runs of a bench; every run is on disk as soon as it is added.

    Args:
        folder: where ``results.json`` lies.
        options: what all runs have in common, such as the preset.
        sums: what to say of several runs, by the name it is kept under.
    """

    def __init__(
        self,
        folder: Path,
        options: Mapping[str, Any],
        runs: Iterable[R] = (),
        *,
        sums: Callable[[Sequence[R]], Mapping[str, Any]],
    ) -> None:
        self.folder = folder
        self.options = dict(options)
        self._sums = sums
        self._kept = list(runs)
        self.runs: list[R] = []

    @classmethod
    def open(
        cls,
        folder: Path,
        options: Mapping[str, Any],
        *,
        resume: bool,
        read: Callable[[Mapping[str, Any]], R],
        sums: Callable[[Sequence[R]], Mapping[str, Any]],
    ) -> Results[R]:
        """Start in ``folder``, or go on with what is there, each run taken in by ``read``.

        Raises:
            UsageError: if there are results and they are not to be resumed, or have other options.
        """
        path = folder / RESULTS_FILE
        if not path.exists():
            return cls(folder, options, sums=sums)
        if not resume:
            raise UsageError(
                "already holds results",
                source=folder,
                remedy="add --resume to go on with them, or name another --out",
            )
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            known = {key: record[key] for key in ("version", *options)}
            runs = [read(run) for run in record["runs"]]
        except (OSError, ValueError, KeyError, TypeError) as cause:
            raise UsageError(f"is not a file of results: {cause}", source=path) from cause
        for key, value in {"version": _VERSION, **options}.items():
            if known[key] != value:
                raise UsageError(
                    f"its results have {key} {known[key]!r}, not {value!r}",
                    source=folder,
                    remedy="name another --out",
                )
        return cls(folder, options, runs, sums=sums)

    def recall(self, asked: tuple[Any, ...]) -> bool:
        """Take over an earlier run that went well, if the same was asked then."""
        for run in self._kept:
            if run.asked == asked and not run.failure:
                self.runs.append(run)
                return True
        return False

    def add(self, run: R) -> None:
        """Keep a run."""
        self.runs.append(run)
        self.save()

    def save(self) -> None:
        """Write ``results.json``."""
        # Runs of an earlier call that this one has not come to must outlive its being stopped.
        mine = {(run.capture, run.name) for run in self.runs}
        waiting = [run for run in self._kept if (run.capture, run.name) not in mine]
        record = self.record([*self.runs, *waiting])
        text = json.dumps(record, indent=1) + "\n"
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / RESULTS_FILE
        write_atomically(path, lambda to: to.write_text(text, encoding="utf-8"))

    def record(self, runs: Sequence[R] | None = None) -> dict[str, Any]:
        """Options, sums and runs as plain values."""
        chosen = self.runs if runs is None else runs
        return {
            "version": _VERSION,
            **self.options,
            **self._sums(chosen),
            "runs": [asdict(run) for run in chosen],
        }


def reconstruction_results(
    folder: Path, options: Mapping[str, Any], *, resume: bool
) -> Results[Run]:
    """Results of reconstructions; see :meth:`Results.open`."""

    def sums(runs: Sequence[Run]) -> dict[str, Any]:
        return {"means": {name: means(group) for name, group in by_name(runs).items()}}

    return Results.open(folder, options, resume=resume, read=Run.from_dict, sums=sums)


def by_name(runs: Iterable[R]) -> dict[str, list[R]]:
    """Runs of each variant and peer, in the order they first came."""
    found: dict[str, list[R]] = {}
    for run in runs:
        found.setdefault(run.name, []).append(run)
    return found


def by_folder(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Runs of the captures of each folder; none if their labels name fewer than two folders."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        folder, _, _ = run.capture.rpartition("/")
        found.setdefault(folder, []).append(run)
    return found if len(found) > 1 else {}


def means(runs: Sequence[Run]) -> dict[str, float | None]:
    """Means over captures, failures included; None for what no run has."""
    found: dict[str, float | None] = {"captures": len(runs)}
    found["failed"] = sum(bool(run.failure) for run in runs)
    for name in FIGURES:
        found[name] = _mean([getattr(run.score, name) for run in runs])
    found["seconds"] = _mean([run.seconds for run in runs])
    found["peak_memory_mb"] = _mean([run.peak_memory_mb for run in runs])
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
