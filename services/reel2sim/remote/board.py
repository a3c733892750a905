"""The breakers of this process, one an address, shared by all its calls."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from reel2sim.remote.breaker import Breaker, BreakerPolicy

_log = logging.getLogger(__name__)


class Board:
    """What is known about each server.

    Args:
        policy: of every breaker.
    """

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy = policy
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}
        self._faults: dict[str, str] = {}

    def choose(self, addresses: Sequence[str]) -> str | None:
        """The first address that may be called now, or None."""
        now = time.monotonic()
        with self._lock:
            for address in addresses:
                before = self._get(address)
                admitted = before.admitted(now)
                if admitted is None:
                    continue
                self._breakers[address] = admitted
                if admitted is not before:
                    _log.info("%s: half-open, trying one call", address)
                return address
        return None

    def wait_s(self, addresses: Sequence[str]) -> float:
        """How long until one of ``addresses`` may be called, seconds."""
        now = time.monotonic()
        with self._lock:
            return min(self._get(address).wait_s(now) for address in addresses)

    def succeeded(self, address: str) -> None:
        """Note that ``address`` answered."""
        with self._lock:
            before = self._get(address)
            self._breakers[address] = before.succeeded()
            self._faults.pop(address, None)
        if before.opened_s is not None:
            _log.info("%s: closed again after %d failures", address, before.failures)

    def failed(self, address: str, fault: str) -> None:
        """Note that ``address`` failed, and how."""
        now = time.monotonic()
        with self._lock:
            before = self._get(address)
            after = self._breakers[address] = before.failed(now)
            self._faults[address] = fault
        state = after.state(now)
        rest = f" for {after.rest_s:g} s" if state == "open" else ""
        _log.warning(
            "%s: %s%s after %d failures in a row: %s",
            *(address, state, rest, after.failures, fault),
        )

    def describe(self, addresses: Sequence[str]) -> str:
        """The state of each address, and what was wrong with it last, for people."""
        now = time.monotonic()
        with self._lock:
            return "; ".join(self._line(address, now) for address in addresses)

    def _line(self, address: str, now: float) -> str:
        breaker = self._get(address)
        state: str = breaker.state(now)
        if state == "open":
            state = f"open for {breaker.wait_s(now):.0f} s"
        fault = self._faults.get(address)
        return f"{address} {state}" + (f" ({fault})" if fault else "")

    def _get(self, address: str) -> Breaker:
        return self._breakers.setdefault(address, Breaker(self._policy))


_boards: dict[BreakerPolicy, Board] = {}
_boards_lock = threading.Lock()


def board_of(policy: BreakerPolicy) -> Board:
    """The board of this process: what one job learned about a server, the next one knows."""
    with _boards_lock:
        return _boards.setdefault(policy, Board(policy))
