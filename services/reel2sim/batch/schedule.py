"""Which job runs next: bounded, step by step, again after what may pass."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from reel2sim.batch.attempt import Job, Outcome
from reel2sim.batch.steps import Step

_POLL_S = 1.0


class Executor(Protocol):
    """Where attempts run: a Ray cluster, or processes of this machine."""

    def room(self, step: int) -> bool:
        """Whether another attempt at this step may be handed over."""
        ...

    def start(self, step: int, job: Job) -> Hashable:
        """Hand one over; returns what :meth:`wait` will call it."""
        ...

    def wait(self, seconds: float) -> Sequence[tuple[Hashable, Outcome]]:
        """Those that ended, as soon as one has or after ``seconds``."""
        ...


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often failures are met again.

    Attributes:
        retries: further attempts after a worker died or something passing went wrong.
        losses: further attempts after the machine itself went away, as spot instances do.
        backoff_s: pause before the second attempt; doubles with each further one.
        longest_s: pause that it never grows beyond.
    """

    retries: int = 2
    losses: int = 20
    backoff_s: float = 1.0
    longest_s: float = 60.0

    def pause_s(self, failures: int) -> float:
        """Before the attempt that follows ``failures`` failed ones."""
        return min(self.backoff_s * 2 ** min(failures - 1, 30), self.longest_s)


@dataclass(frozen=True)
class _Ticket:
    """A job on its way.

    Attributes:
        job: what is asked for.
        step: that comes next, or runs.
        failures: attempts that ended badly.
        losses: attempts whose machine went away.
        seconds: spent on the earlier steps of this attempt.
    """

    job: Job
    step: int = 0
    failures: int = 0
    losses: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class End:
    """The end of a job: how its last attempt went, and how many there were."""

    job: Job
    outcome: Outcome
    attempts: int


@dataclass
class Schedule:
    """The jobs of a batch, waiting and in flight.

    Attributes:
        executor: where attempts run.
        steps: of every job.
        patience: how failures are met.
        clock: monotonic seconds.
    """

    executor: Executor
    steps: Sequence[Step]
    patience: Patience = Patience()
    clock: Callable[[], float] = time.monotonic
    _ready: list[deque[_Ticket]] = field(default_factory=list[deque[_Ticket]])
    _later: list[tuple[float, int, _Ticket]] = field(
        default_factory=list[tuple[float, int, _Ticket]]
    )
    _flying: dict[Hashable, _Ticket] = field(default_factory=dict[Hashable, _Ticket])
    _count: int = 0

    def run(self, jobs: Sequence[Job]) -> Generator[End]:
        """Yield the end of each job, as they come."""
        self._ready = [deque() for _ in self.steps]
        self._ready[0].extend(_Ticket(job) for job in jobs)
        while self._flying or self._later or any(self._ready):
            self._wake()
            self._launch()
            for key, outcome in self.executor.wait(self._idle_s()):
                ticket = self._flying.pop(key)
                end = self._judge(ticket, outcome)
                if end is not None:
                    yield end

    def _wake(self) -> None:
        """Have those whose pause is over stand in line again, in front: they are late already."""
        now = self.clock()
        while self._later and self._later[0][0] <= now:
            self._ready[0].appendleft(heapq.heappop(self._later)[2])

    def _launch(self) -> None:
        """Hand over what there is room for, the latest steps first, so that begun work ends."""
        for step in reversed(range(len(self.steps))):
            while self._ready[step] and self.executor.room(step):
                ticket = self._ready[step].popleft()
                self._flying[self.executor.start(step, ticket.job)] = ticket

    def _idle_s(self) -> float:
        if not self._later:
            return _POLL_S
        return min(_POLL_S, max(0.0, self._later[0][0] - self.clock()))

    def _judge(self, ticket: _Ticket, outcome: Outcome) -> End | None:
        """What follows from an outcome; the end of the job, if this is it."""
        spent = ticket.seconds + outcome.seconds
        if outcome.made is not None:
            if ticket.step + 1 < len(self.steps):
                onward = replace(ticket, step=ticket.step + 1, seconds=spent)
                self._ready[onward.step].append(onward)
                return None
            return self._end(ticket, replace(outcome, seconds=spent))
        if outcome.lost and ticket.losses < self.patience.losses:
            self._again(replace(ticket, losses=ticket.losses + 1))
        elif outcome.retryable and not outcome.lost and ticket.failures < self.patience.retries:
            self._again(replace(ticket, failures=ticket.failures + 1))
        else:
            return self._end(ticket, replace(outcome, seconds=spent))
        return None

    def _again(self, ticket: _Ticket) -> None:
        """From the first step, whose results are in scratch, after a pause."""
        pause = self.patience.pause_s(ticket.failures + ticket.losses)
        self._count += 1
        begun = replace(ticket, step=0, seconds=0.0)
        heapq.heappush(self._later, (self.clock() + pause, self._count, begun))

    @staticmethod
    def _end(ticket: _Ticket, outcome: Outcome) -> End:
        return End(ticket.job, outcome, ticket.failures + ticket.losses + 1)
