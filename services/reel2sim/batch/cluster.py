"""Attempts on a Ray cluster: tasks, and actors for steps that hold a model."""

from __future__ import annotations

import importlib.util
import logging
import os
import time
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reel2sim.batch.attempt import Job, Outcome, Places, attempt
from reel2sim.batch.steps import Step
from reel2sim.scene.errors import MissingDependencyError, UnavailableError

_AHEAD = 2
"""Attempts handed over for each that can run, so that none waits for the driver."""
_STARTS, _SLOW = 3, "timed out during startup"
"""How often a start of Ray is tried, and what Ray says of one that took too long."""

T = TypeVar("T")


@dataclass
class RayExecutor:
    """Runs attempts on Ray.

    Ray's own retries are off: deaths of workers, of machines and passing errors are then all seen
    and counted by the schedule.

    Attributes:
        ray: the module, connected.
        steps: of every job.
        places: where a job lives.
        workers: attempts at a step that run at a time; None takes one a demanded core.
    """

    ray: Any
    steps: Sequence[Step]
    places: Callable[[Job], Places]
    workers: int | None = None
    _tasks: list[Any] = field(default_factory=list[Any])
    _actors: list[list[Any]] = field(default_factory=list[list[Any]])
    _flying: dict[Any, tuple[int, Any]] = field(default_factory=dict[Any, tuple[int, Any]])

    def __post_init__(self) -> None:
        for i, step in enumerate(self.steps):
            work = self.ray.put(step.work)
            more = {"last": i == len(self.steps) - 1, "limit_s": step.limit_s}
            self._tasks.append((self._remote(step), work, more))
            self._actors.append(self._hold(step, work) if step.holds else [])

    def _remote(self, step: Step) -> Any:
        options = {**step.demand.options, "max_retries": 0}
        return self.ray.remote(**options)(attempt)

    def _hold(self, step: Step, work: Any) -> list[Any]:
        gpus = float(self.ray.cluster_resources().get("GPU", 0))
        # Ray itself starts an actor anew where there is room, once its machine is gone.
        kind = self.ray.remote(**step.demand.options, max_restarts=-1, max_task_retries=0)(_Holder)
        return [kind.remote(work) for _ in range(step.pool(gpus=gpus, workers=self._capacity()))]

    def _capacity(self, cpus: float = 1.0) -> int:
        if self.workers is not None:
            return self.workers
        # Machines come and go, so the size is asked for again each time.
        total = float(self.ray.cluster_resources().get("CPU", 1))
        return max(1, int(total / cpus)) if cpus else max(1, int(total))

    def room(self, step: int) -> bool:
        """Whether another attempt at this step may be handed over."""
        held = self._actors[step]
        able = len(held) or self._capacity(self.steps[step].demand.cpus)
        return sum(at == step for at, _ in self._flying.values()) < _AHEAD * able

    def start(self, step: int, job: Job) -> Hashable:
        """Hand one over."""
        task, work, more = self._tasks[step]
        actor = None
        if held := self._actors[step]:
            busy = [a for _, a in self._flying.values()]
            actor = min(held, key=lambda a: sum(a is b for b in busy))
            reference = actor.attempt.remote(job, self.places(job), **more)
        else:
            reference = task.remote(work, job, self.places(job), **more)
        self._flying[reference] = (step, actor)
        return reference

    def wait(self, seconds: float) -> Sequence[tuple[Hashable, Outcome]]:
        """Those that ended, as soon as one has or after ``seconds``."""
        if not self._flying:
            time.sleep(seconds)
            return []
        count = len(self._flying)
        ready, _ = self.ray.wait(list(self._flying), num_returns=1, timeout=seconds)
        if ready and count > 1:  # whatever else is there by now
            ready, _ = self.ray.wait(list(self._flying), num_returns=count, timeout=0)
        found: list[tuple[Hashable, Outcome]] = []
        for reference in ready:
            del self._flying[reference]
            found.append((reference, self._outcome(reference)))
        return found

    def stop(self) -> None:
        """Stop what runs."""
        for reference, (_, actor) in self._flying.items():
            if actor is None:
                self.ray.cancel(reference, force=True)
        for actor in (a for held in self._actors for a in held):
            self.ray.kill(actor)
        self._flying.clear()

    def _outcome(self, reference: Any) -> Outcome:
        errors = self.ray.exceptions
        try:
            return self.ray.get(reference)
        except errors.RayError as error:
            lines = str(error).strip().splitlines()
            said = lines[0] if lines else "the worker died"
            lost = _machine_lost(error, errors)
            return Outcome(
                made=None,
                reason="MACHINE_LOST" if lost else "WORKER_DIED",
                message=f"{type(error).__name__}: {said}",
                exit_code=1,
                retryable=True,
                lost=lost,
            )


class _Holder:
    """Actor that does every job with what it loaded once."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._run = work()

    def attempt(self, job: Job, places: Places, **more: Any) -> Outcome:
        """As :func:`attempt`."""
        return attempt(self._run, job, places, **more)


def _machine_lost(error: Exception, errors: Any) -> bool:
    """Whether the machine went away, and not only the process on it."""
    if isinstance(error, errors.NodeDiedError):
        return True
    gone = (errors.ActorDiedError, errors.ActorUnavailableError, errors.WorkerCrashedError)
    return isinstance(error, gone) and "node" in str(error).lower().split("worker exit detail")[0]


@contextmanager
def connected(address: str, workers: int | None) -> Generator[Any]:
    """Ray, connected; a local instance is stopped afterwards.

    Args:
        address: of a cluster; "" starts Ray on this machine.
        workers: cores of a local instance; None takes all.

    Raises:
        MissingDependencyError: if Ray is not installed.
        UnavailableError: if it cannot be reached.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingDependencyError(
            "Ray is not installed", source="batch", remedy="pip install 'reel2sim[ray]'"
        )
    # Ray's watchdog retries a job that outgrows the memory without counting; we count.
    os.environ.setdefault("RAY_task_oom_retries", "0")
    import ray

    ours = not ray.is_initialized()
    if ours:
        common: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
        try:
            if address:
                ray.init(address=address, **common)
            else:
                local = {"address": "local", "include_dashboard": False, "num_cpus": workers}
                local |= {"_node_ip_address": "127.0.0.1", **common}
                patiently(lambda: ray.init(**local), ray.shutdown)
        except Exception as cause:  # Ray raises bare ones, too
            raise UnavailableError(
                f"Ray cannot be reached: {cause}", source=address or "local Ray"
            ) from cause
    try:
        yield ray
    finally:
        if ours:
            ray.shutdown()


def patiently(start: Callable[[], T], undo: Callable[[], None]) -> T:
    """What ``start`` gives, tried again where Ray's 30 s for it are too few on a busy machine."""
    for _ in range(_STARTS - 1):
        try:
            return start()
        except Exception as cause:
            if _SLOW not in str(cause):
                raise
            undo()
    return start()
