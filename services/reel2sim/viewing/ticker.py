"""What has to happen again and again, in a thread of its own."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable

TICKS_PER_S = 30.0
"""As often as people see it: poses go to browsers no more often."""


class Ticker:
    """Calls functions about thirty times a second, with the seconds since the last time.

    Attributes:
        tasks: called in order, in the ticker's thread. One that raises is left out from then on.
    """

    def __init__(self) -> None:
        self.tasks: list[Callable[[float], None]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ticker", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after what is being done at the moment."""
        self._over.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.wait(1 / TICKS_PER_S):
            now = time.monotonic()
            for task in list(self.tasks):
                try:
                    task(now - last)
                except Exception:
                    # The rest of the viewer goes on without it, and says why.
                    traceback.print_exc()
                    self.tasks.remove(task)
            last = now
