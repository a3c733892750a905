"""How long a stage elsewhere may take, and how often and after which pauses it is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields

from reel2sim.remote.breaker import BreakerPolicy
from reel2sim.scene.errors import (
    CancelledError,
    ExhaustedError,
    IntegrityError,
    NotFoundError,
    Reel2SimError,
    UnavailableError,
    UsageError,
)

_PASSING = (UnavailableError, ExhaustedError, NotFoundError, IntegrityError, CancelledError)


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Bounds on one stage of one run.

    Attributes:
        deadline_s: of the stage in all: waiting, retries and transfers included.
        patience_s: how long no server may be of use before the stage fails.
        home_s: how long a server on which the stage has begun is waited for before another is
            asked, which has to begin anew.
        silence_s: how long a running operation may tell nothing before it is cancelled and tried
            again.
        call_s: deadline of each short call.
        attempts: operations of a stage that may end in an error that may pass.
        first_pause_s: before the first retry, doubled with each failure in a row …
        longest_pause_s: … up to this; what is waited is half of it and a random share of the rest.
        breaker: when a server is left alone.
    """

    deadline_s: float = 24 * 3600.0
    patience_s: float = 600.0
    home_s: float = 30.0
    silence_s: float = 300.0
    call_s: float = 20.0
    attempts: int = 4
    first_pause_s: float = 0.2
    longest_pause_s: float = 20.0
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, (int, float)) and not value > 0:
                raise UsageError("must be positive", source="RetryPolicy", field=one.name)

    def pause_s(self, failures: int, chance: random.Random) -> float:
        """How long to wait after that many failures in a row (at least 1), seconds."""
        # 2**60 pauses are beyond every cap, and larger powers beyond floats.
        whole = min(self.first_pause_s * 2.0 ** min(failures - 1, 60), self.longest_pause_s)
        return whole * chance.uniform(0.5, 1.0)


def may_pass(error: Reel2SimError) -> bool:
    """Whether the same request may do better later or elsewhere.

    What is wrong with the input or with what a stage makes of it is not: it is told at once. A
    cancel that the caller did not ask for came from another run that shared the operation.
    """
    return isinstance(error, _PASSING)
