"""Runs reconstructions of captures in processes of their own and scores what was held out."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel2sim.cli.measure_peers import Peer, load_pictures
from reel2sim.cli.measure_process import Children, Ended
from reel2sim.cli.measure_results import Results, Run
from reel2sim.cli.measure_variants import Variant
from reel2sim.pipeline.scores import (
    Drawing,
    HeldOut,
    blank,
    draw,
    load_held_out,
    nothing_reconstructed,
    score_drawings,
    score_sequence,
)
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import InputError, UsageError
from reel2sim.scene.progress import Progress
from reel2sim.scene.store import load_sequence

Finished = Callable[[Run, HeldOut, Sequence[Drawing]], None]
"""Told of every run, with the truth and what was drawn."""


@dataclass(frozen=True)
class Capture:
    """A capture folder under a label that no other one has."""

    label: str
    folder: Path
    digest: str


@dataclass(frozen=True)
class _Job:
    capture: Capture
    variant: Variant

    @property
    def title(self) -> str:
        return f"{self.capture.label} {self.variant.name}"


def name_captures(folders: Sequence[Path]) -> tuple[Capture, ...]:
    """Label capture folders by their names, with their parents' where names are not enough.

    Raises:
        UsageError: if a folder comes twice or keeps nothing from the fit.
    """
    whole = [folder.resolve() for folder in folders]
    for folder, path in zip(folders, whole, strict=True):
        if whole.count(path) > 1:
            raise UsageError("comes twice", source=folder, field="captures")
        for name in ("heldout.json", "shape.npz"):
            if not (path / name).is_file():
                raise UsageError(
                    f"has no {name}",
                    source=folder,
                    remedy="make captures with benchmarks/render_captures.py",
                )
    depth = 1
    while len({path.parts[-depth:] for path in whole}) < len(whole):
        depth += 1
    return tuple(Capture("/".join(p.parts[-depth:]), p, digest_tree(p)) for p in whole)


class Reconstructions:
    """Every capture under every variant.

    Args:
        results: receives the runs; those that it recalls are not run again.
        options: preset, seed and device.
        finished: told of every run.
        progress: told how far all of it is.
    """

    def __init__(
        self,
        results: Results,
        options: Mapping[str, Any],
        *,
        finished: Finished,
        progress: Progress,
    ) -> None:
        self._results = results
        self._options = dict(options)
        self._finished = finished
        self._progress = progress
        self._children = Children()
        self._lock = threading.Lock()
        self._fractions: dict[str, float] = {}
        self._total = 1

    def run(self, captures: Sequence[Capture], variants: Sequence[Variant], *, jobs: int) -> None:
        """Run what has not been run yet, ``jobs`` at a time."""
        for variant in variants:
            variant.config(self._options)
        todo = [
            _Job(capture, variant)
            for capture in captures
            for variant in variants
            if not self._results.recall(
                capture.label, capture.digest, variant.name, variant.overrides
            )
        ]
        self._total = max(1, len(todo))
        threads = max(1, (os.cpu_count() or 1) // jobs)
        with ThreadPoolExecutor(jobs) as pool:
            futures = {pool.submit(self._fit, job, threads): job for job in todo}
            try:
                # Scores are made here alone: the renderer's threads must not meet another's.
                for future in as_completed(futures):
                    self._score(futures[future], future.result())
            except BaseException:
                self._children.kill()
                pool.shutdown(cancel_futures=True)
                raise
        self._progress("bench", 1.0)

    def _path(self, job: _Job) -> Path:
        return self._results.folder / "runs" / job.variant.name / f"{job.capture.label}.npz"

    def _fit(self, job: _Job, threads: int) -> tuple[Ended, dict[str, float]]:
        path = self._path(job)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        metrics: dict[str, float] = {}

        def heard(line: str) -> None:
            said = json.loads(line)
            metrics.update(said.get("metrics", {}))
            self._tell(job.title, said.get("fraction", 1.0), said.get("message", ""))

        request = {
            **self._options,
            "capture": str(job.capture.folder),
            "out": str(path),
            "overrides": dict(job.variant.overrides),
        }
        self._tell(job.title, 0.0, "starting")
        program = [sys.executable, "-m", "reel2sim.cli.measure_child"]
        environment = {"NUMBA_NUM_THREADS": str(threads), **os.environ}
        ended = self._children.run(
            program, request=json.dumps(request), heard=heard, environment=environment
        )
        self._tell(job.title, 1.0, "")
        return ended, metrics

    def _tell(self, title: str, fraction: float, message: str) -> None:
        with self._lock:
            self._fractions[title] = fraction
            done = sum(self._fractions.values()) / self._total
            self._progress("bench", min(done, 0.999), f"{title} {message}".strip())

    def _score(self, job: _Job, outcome: tuple[Ended, dict[str, float]]) -> None:
        ended, metrics = outcome
        held_out, failure = load_held_out(job.capture.folder), ended.failure
        score, drawings = nothing_reconstructed(held_out), list(blank(held_out))
        if failure:
            self._path(job).with_suffix(".log").write_text(ended.words, encoding="utf-8")
        else:
            try:
                sequence = load_sequence(self._path(job))
                score = score_sequence(sequence, held_out)
                drawings = list(draw(sequence, held_out))
            except InputError as error:
                failure = f"its result is not usable: {error}"
        run = Run(
            capture=job.capture.label,
            digest=job.capture.digest,
            name=job.variant.name,
            score=score,
            overrides=dict(job.variant.overrides),
            seconds=ended.seconds,
            peak_memory_mb=ended.peak_memory_mb,
            metrics=metrics,
            failure=failure,
        )
        self._results.add(run)
        self._finished(run, held_out, drawings)


def score_peers(
    captures: Sequence[Capture], peers: Sequence[Peer], results: Results, finished: Finished
) -> None:
    """Score the pictures that peers give of the captures."""
    for peer in peers:
        for capture in captures:
            held_out = load_held_out(capture.folder)
            given = load_pictures(peer.folder / capture.label, held_out)
            run = Run(
                capture=capture.label,
                digest=capture.digest,
                name=peer.name,
                score=score_drawings(given.drawings, held_out),
                peer=True,
                seconds=given.seconds,
                peak_memory_mb=given.peak_memory_mb,
                note=given.note,
                failure=given.failure,
            )
            results.add(run)
            finished(run, held_out, given.drawings)
