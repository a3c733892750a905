"""Calls that are tried until they succeed, cannot succeed, or are given up."""

from __future__ import annotations

import contextvars
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from reel2sim.remote.board import Board
from reel2sim.remote.policy import RetryPolicy, may_pass
from reel2sim.scene.errors import Reel2SimError, StageError, UnavailableError
from reel2sim.scene.progress import Progress

T = TypeVar("T")
_BEAT_S = 0.5
_LEAVE_S = 0.5


class UnfitError(Exception):
    """A server answers but cannot do this stage; the message says why. Never leaves a call."""


@dataclass
class Course:
    """Where a call stands; what an attempt changes and the loop around it reads.

    Attributes:
        note: for people; shown with the progress.
        fraction: share of the stage that is done, 0..1.
        metrics: figures at that moment.
        home: address on which the stage has begun, if it has.
        ended: operations of the stage that ended in an error that may pass.
        failures: in a row, up to now.
        stop: set when nobody wants the result any more.
    """

    note: str = ""
    fraction: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    home: str | None = None
    ended: int = 0
    failures: int = 0
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Call(Generic[T]):
    """One thing to be done by one of several servers.

    Attributes:
        what: name of the stage, for messages.
        addresses: in the order in which they are asked.
        attempt: does it at one address. Blocks for as long as it likes, looks at ``stop`` where
            it can, and raises errors of the project's tree.
        leave: ends what attempts have left running elsewhere; quick, and may be called again.
        hang_up: makes an attempt that still blocks fail.
        policy: bounds and retries.
        board: the breakers.
    """

    what: str
    addresses: Sequence[str]
    attempt: Callable[[str, Course], T]
    leave: Callable[[], None]
    hang_up: Callable[[], None]
    policy: RetryPolicy
    board: Board

    def __call__(self, progress: Progress) -> T:
        """Do it.

        Everything that may block happens in a thread; this one passes progress on twice a
        second, so that whoever raises from ``progress`` is heard at once.

        Raises:
            UnavailableError: if no server was of use for too long.
            StageError: if the deadline passed, or no server is fit.
            Reel2SimError: what a server says about the request; whatever ``progress`` raises.
        """
        course, future = Course(), Future[T]()
        # What the caller's context holds, such as a trace, holds there too.
        settle = partial(contextvars.copy_context().run, self._settle, course, future)
        thread = threading.Thread(target=settle, name=self.what, daemon=True)
        deadline = time.monotonic() + self.policy.deadline_s
        thread.start()
        try:
            while True:
                thread.join(_BEAT_S)
                if future.done():
                    return future.result()
                if time.monotonic() > deadline:
                    raise self._late(course)
                progress(self.what, course.fraction, course.note, **course.metrics)
        finally:
            course.stop.set()
            self.leave()
            thread.join(_LEAVE_S)
            self.hang_up()

    def _settle(self, course: Course, future: Future[T]) -> None:
        try:
            future.set_result(self._persist(course))
        except BaseException as error:
            future.set_exception(error)

    def _persist(self, course: Course) -> T:
        """Try until it is done; what cannot pass is raised."""
        chance = random.Random()
        turn = list(self.addresses)
        unfit: set[str] = set()
        since: float | None = None
        while not course.stop.is_set():
            asked = self._asked(turn, course, since)
            address = self.board.choose(asked)
            if address is None:
                since = self._endured(since)
                course.note = f"waiting: {self.board.describe(asked)}"
                course.stop.wait(min(max(self.board.wait_s(asked), 0.05), 1.0))
                continue
            ended, failures = course.ended, course.failures
            try:
                return self.attempt(address, course)
            except UnfitError as error:
                fault = str(error)
                unfit.add(address)
            except Reel2SimError as error:
                fault = error.message
                unfit.discard(address)
                spent = course.ended > ended and course.ended >= self.policy.attempts
                if spent or course.stop.is_set() or not may_pass(error):
                    raise
            self.board.failed(address, fault)
            if unfit.issuperset(self.addresses):
                text = f"no server can do it: {self.board.describe(self.addresses)}"
                raise StageError(text, source=self.what)
            if course.failures < failures:
                since = None  # it went well for a while in between
            since = self._endured(since)
            course.failures += 1
            course.note = f"{address}: {fault}; trying again"
            turn.append(turn.pop(turn.index(address)))
            course.stop.wait(self.policy.pause_s(course.failures, chance))
        raise UnavailableError("given up", source=self.what)

    def _asked(self, turn: Sequence[str], course: Course, since: float | None) -> Sequence[str]:
        """Who may be asked now: where the stage has begun, for a while, else everyone in turn."""
        if since is not None and time.monotonic() - since > self.policy.home_s:
            course.home = None
        return turn if course.home is None else (course.home,)

    def _endured(self, since: float | None) -> float:
        """When the trouble began; raises once it has lasted too long."""
        now = time.monotonic()
        since = now if since is None else since
        if now - since > self.policy.patience_s:
            raise UnavailableError(
                f"no server was of use for {self.policy.patience_s:g} s: "
                f"{self.board.describe(self.addresses)}",
                source=self.what,
                remedy="see that these servers run and can be reached",
            )
        return since

    def _late(self, course: Course) -> StageError:
        return StageError(
            f"took longer than {self.policy.deadline_s:g} s elsewhere ({course.note}); "
            f"{self.board.describe(self.addresses)}",
            source=self.what,
            remedy="raise --stage-deadline, or choose a smaller preset",
        )
