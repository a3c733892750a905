"""A circuit breaker: leaves alone, for a while, a server that fails again and again.

Closed, every call is let through. After ``threshold`` failures in a row it opens and lets none
through until ``rest_s`` have passed. Then it is half open: one call may probe. A good probe closes
it; a bad one opens it again, for twice as long as before up to ``longest_rest_s``. (M. Nygard,
*Release It!*, "Circuit Breaker".)

States are values and time is an argument, so that every rule can be checked without a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

State = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, kw_only=True)
class BreakerPolicy:
    """When a breaker opens and for how long.

    Attributes:
        threshold: failures in a row that open it.
        rest_s: how long it stays open the first time, seconds.
        longest_rest_s: how long at most.
    """

    threshold: int = 3
    rest_s: float = 5.0
    longest_rest_s: float = 60.0


@dataclass(frozen=True)
class Breaker:
    """What is known about one server.

    Attributes:
        policy: the rules.
        failures: in a row, up to now.
        opened_s: when it last opened; None while it is closed.
        rest_s: how long it stays open then.
        probed_s: when the probe began whose outcome is not known yet, if there is one.
    """

    policy: BreakerPolicy
    failures: int = 0
    opened_s: float | None = None
    rest_s: float = 0.0
    probed_s: float | None = None

    def state(self, now_s: float) -> State:
        """What it is at ``now_s``."""
        if self.opened_s is None:
            return "closed"
        return "open" if now_s < self.opened_s + self.rest_s else "half-open"

    def wait_s(self, now_s: float) -> float:
        """How long after ``now_s`` the next call is let through at the latest; 0 if at once."""
        if self.opened_s is None:
            return 0.0
        # A probe that never tells how it went, because its process was killed, blocks for one
        # rest only.
        since = self.opened_s if self.probed_s is None else self.probed_s
        return max(0.0, since + self.rest_s - now_s)

    def admitted(self, now_s: float) -> Breaker | None:
        """The breaker after a call was let through at ``now_s``, or None if none is."""
        if self.wait_s(now_s) > 0.0:
            return None
        return self if self.opened_s is None else replace(self, probed_s=now_s)

    def succeeded(self) -> Breaker:
        """The breaker after a call that was answered."""
        return Breaker(self.policy)

    def failed(self, now_s: float) -> Breaker:
        """The breaker after a call that failed at ``now_s``."""
        failures = self.failures + 1
        if self.state(now_s) == "open" or failures < self.policy.threshold:
            # A call that was let through before it opened tells nothing new.
            return replace(self, failures=failures)
        longer = 2.0 * self.rest_s if self.opened_s is not None else self.policy.rest_s
        rest = min(longer, self.policy.longest_rest_s)
        return Breaker(self.policy, failures, opened_s=now_s, rest_s=rest)
