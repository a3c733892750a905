"""Runs reconstructions of captures in processes of their own and scores what was held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reel2sim.cli.measure_captures import Capture
from reel2sim.cli.measure_jobs import Job, Jobs
from reel2sim.cli.measure_peers import Peer, load_pictures
from reel2sim.cli.measure_process import Ended
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
from reel2sim.scene.errors import InputError
from reel2sim.scene.progress import Progress
from reel2sim.scene.store import load_sequence

Finished = Callable[[Run, HeldOut, Sequence[Drawing]], None]
"""Told of every run, with the truth and what was drawn."""


RECONSTRUCT_NEEDS = ("heldout.json", "shape.npz")
"""Files of a capture without which nothing can be scored."""


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

    def run(self, captures: Sequence[Capture], variants: Sequence[Variant], *, jobs: int) -> None:
        """Run what has not been run yet, ``jobs`` at a time."""
        for variant in variants:
            variant.config(self._options)
        todo = [
            (capture, variant)
            for capture in captures
            for variant in variants
            if not self._results.recall(
                (capture.label, capture.digest, variant.name, dict(variant.overrides), False)
            )
        ]

        def ended(index: int, end: Ended, metrics: dict[str, float]) -> None:
            # Scores are made in one thread: the renderer's threads must not meet another's.
            self._score(*todo[index], end, metrics)

        requests = [self._job(*which) for which in todo]
        Jobs(self._progress).run(requests, at_once=jobs, ended=ended)

    def _path(self, capture: Capture, variant: Variant) -> Path:
        return self._results.folder / "runs" / variant.name / f"{capture.label}.npz"

    def _job(self, capture: Capture, variant: Variant) -> Job:
        path = self._path(capture, variant)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        request = {
            **self._options,
            "task": "reconstruct",
            "capture": str(capture.folder),
            "out": str(path),
            "overrides": dict(variant.overrides),
        }
        return Job(f"{capture.label} {variant.name}", request)

    def _score(
        self, capture: Capture, variant: Variant, ended: Ended, metrics: dict[str, float]
    ) -> None:
        held_out, failure = load_held_out(capture.folder), ended.failure
        path = self._path(capture, variant)
        score, drawings = nothing_reconstructed(held_out), list(blank(held_out))
        if failure:
            path.with_suffix(".log").write_text(ended.words, encoding="utf-8")
        else:
            try:
                sequence = load_sequence(path)
                score = score_sequence(sequence, held_out)
                drawings = list(draw(sequence, held_out))
            except InputError as error:
                failure = f"its result is not usable: {error}"
        run = Run(
            capture=capture.label,
            digest=capture.digest,
            name=variant.name,
            score=score,
            overrides=dict(variant.overrides),
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
