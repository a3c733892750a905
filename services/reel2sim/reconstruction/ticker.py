"""Progress that is frequent enough to cancel by and rare enough to cost nothing."""

from __future__ import annotations

import time

from reel2sim.scene.progress import Progress


class Ticker:
    """Calls a :class:`Progress` at most every ``every_s`` seconds, and on the last step.

    Args:
        progress: whom to tell.
        message: what is being done.
        every_s: seconds between two calls.
    """

    def __init__(self, progress: Progress, message: str, *, every_s: float = 0.4) -> None:
        self._progress = progress
        self._message = message
        self._every_s = every_s
        self._last = -float("inf")

    def __call__(self, done: int, total: int, **metrics: float) -> None:
        """Step ``done`` of ``total`` is finished."""
        now = time.monotonic()
        if now - self._last >= self._every_s or done >= total:
            self._last = now
            self._progress("reconstruction", done / max(total, 1), self._message, **metrics)
