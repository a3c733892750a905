"""How much memory a stretch of work needed."""

from __future__ import annotations

import resource
import sys
import threading
from types import TracebackType

import psutil

_MIB = 1024.0 * 1024.0


def lifetime_peak_mb() -> float:
    """Largest resident memory of this process so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MIB if sys.platform == "darwin" else peak / 1024.0


class PeakMemory:
    """Context manager that watches this process's resident memory.

    The kernel keeps only the peak since the process began. If that rose meanwhile it is exact;
    otherwise samples taken every 50 ms stand for it.

    Attributes:
        peak_mb: largest resident memory between entry and exit, MiB; valid after exit.
    """

    def __init__(self, *, interval_s: float = 0.05) -> None:
        self.peak_mb = 0.0
        self._interval_s = interval_s
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)
        self._before_mb = 0.0

    def __enter__(self) -> PeakMemory:
        self._before_mb = lifetime_peak_mb()
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()
        after_mb = lifetime_peak_mb()
        if after_mb > self._before_mb:
            self.peak_mb = max(self.peak_mb, after_mb)

    def _sample(self) -> None:
        self.peak_mb = max(self.peak_mb, self._process.memory_info().rss / _MIB)

    def _watch(self) -> None:
        while not self._stop.wait(self._interval_s):
            self._sample()
