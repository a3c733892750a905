"""Attempts in processes of this machine, where no cluster is needed."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from reel2sim.batch.attempt import Job, JobRunner, Outcome, Places, attempt
from reel2sim.batch.steps import Step
from reel2sim.scene.lifeline import die_with


@dataclass
class ProcessExecutor:
    """Runs attempts in spawned processes, each of which does one at a time.

    A process that dies costs the one attempt that it ran.

    Attributes:
        steps: of every job; they and the jobs must be picklable.
        places: where a job lives.
        workers: processes.
    """

    steps: Sequence[Step]
    places: Callable[[Job], Places]
    workers: int
    _idle: list[_Worker] = field(default_factory=list["_Worker"])
    _busy: dict[Connection, tuple[_Worker, int]] = field(
        default_factory=dict[Connection, "tuple[_Worker, int]"]
    )
    _count: int = 0

    def room(self, step: int) -> bool:
        """Whether another attempt may be handed over."""
        return len(self._busy) < self.workers

    def start(self, step: int, job: Job) -> Hashable:
        """Hand one over."""
        worker = self._idle.pop() if self._idle else _Worker(self.steps)
        worker.pipe.send((step, job, self.places(job)))
        self._count += 1
        self._busy[worker.pipe] = (worker, self._count)
        return self._count

    def wait(self, seconds: float) -> Sequence[tuple[Hashable, Outcome]]:
        """Those that ended, as soon as one has or after ``seconds``."""
        if not self._busy:
            time.sleep(seconds)
            return []
        found: list[tuple[Hashable, Outcome]] = []
        for pipe in wait(list(self._busy), timeout=seconds):
            worker, key = self._busy.pop(pipe)  # pyright: ignore[reportArgumentType]
            outcome = worker.answer()
            if worker.alive:
                self._idle.append(worker)
            found.append((key, outcome))
        return found

    def stop(self) -> None:
        """Stop what runs, and all processes."""
        for worker in [*self._idle, *(worker for worker, _ in self._busy.values())]:
            worker.stop()
        self._idle.clear()
        self._busy.clear()


class _Worker:
    """A process and the pipe to it."""

    def __init__(self, steps: Sequence[Step]) -> None:
        # Forking a process that has threads hangs; spawn.
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.alive = True
        self._process = context.Process(
            target=_serve, args=(theirs, tuple(steps), os.getpid()), daemon=True
        )
        self._process.start()
        theirs.close()

    def answer(self) -> Outcome:
        """What it sent, or that it died."""
        try:
            return self.pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            self.stop()
            return Outcome(
                made=None,
                reason="WORKER_DIED",
                message=f"the process ended with {code}",
                exit_code=1,
                retryable=True,
            )

    def stop(self) -> None:
        self.alive = False
        self.pipe.close()
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, steps: Sequence[Step], parent: int) -> None:
    """Do what comes through ``pipe`` until its other end is gone."""
    die_with(parent)
    held: dict[int, JobRunner] = {}
    while True:
        try:
            index, job, places = pipe.recv()
        except EOFError:
            return
        step = steps[index]
        if index not in held:
            work: Any = step.work
            held[index] = work() if step.holds else work
        last = index == len(steps) - 1
        outcome = attempt(held[index], job, places, last=last, limit_s=step.limit_s)
        try:
            pipe.send(outcome)
        except OSError:
            return
