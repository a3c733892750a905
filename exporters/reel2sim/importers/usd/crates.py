"""Crate files made safe to open, by a process that may fail on them."""

from __future__ import annotations

import selectors
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from reel2sim.scene.errors import InputError
from reel2sim.scene.lifeline import script_command

_START_S = 60.0
_PATIENCE_S, _BYTES_PER_S = 2.5, 8 * 2**20
_BUSY = 20.0
"""Times as long by the clock as its work takes: how slow a busy machine may make a process."""


class CrateWasher:
    """Writes crates anew by USD in a process of its own, which starts when it is needed."""

    def __init__(self) -> None:
        self._worker: subprocess.Popen[bytes] | None = None

    def wash(self, source: Path, target: Path, shown: str) -> None:
        """Write what USD reads from ``source`` to ``target``, both .usdc.

        Raises:
            InputError: if it cannot be read, or not in time.
        """
        if self._worker is None:
            self._worker = self._started()
        assert self._worker.stdin is not None
        patience = _PATIENCE_S + source.stat().st_size / _BYTES_PER_S
        try:
            self._worker.stdin.write(f"{source}\t{target}\n".encode())
            self._worker.stdin.flush()
            answer = self._answer(patience)
        except OSError:
            answer = ""
        if answer != "ok":
            if answer != "error":
                self.close()  # crashed or hangs
            raise InputError("is a damaged crate file", source=shown, remedy="save it again")

    def close(self) -> None:
        """End the process."""
        if self._worker is None:
            return
        self._worker.kill()
        for pipe in (self._worker.stdin, self._worker.stdout):
            if pipe is not None:
                with suppress(OSError):  # it died with something unread
                    pipe.close()
        self._worker.wait()
        self._worker = None

    def _started(self) -> subprocess.Popen[bytes]:
        worker = Path(__file__).with_name("crate_worker.py")
        self._worker = subprocess.Popen(
            script_command(worker),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if self._answer(_START_S) != "ready":
            self.close()
            raise InputError("the reader of crate files does not start", source=worker)
        return self._worker

    def _answer(self, patience: float) -> str:
        """One line of the process; empty if it ends or takes longer.

        Longer both by the clock and by the work it did, so that it is not blamed for others' work;
        one that neither works nor answers ends after a multiple of that time.
        """
        assert self._worker is not None
        assert self._worker.stdout is not None
        process, now = psutil.Process(self._worker.pid), time.monotonic()
        said, until, at_last = b"", now + patience, now + _BUSY * patience
        before_s = _work_s(process)
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._worker.stdout, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if not waiting.select(max(until - time.monotonic(), 0.0)):
                    left = before_s + patience - _work_s(process)
                    if left <= 0.0 or time.monotonic() >= at_last:
                        return ""
                    until = time.monotonic() + left
                    continue
                part = self._worker.stdout.read1(4096)  # type: ignore[attr-defined]
                if not part:
                    return ""
                said += part
        return said.decode("utf-8", "replace").strip()


def _work_s(process: psutil.Process) -> float:
    """Processor time that it has had, seconds."""
    times = process.cpu_times()
    return times.user + times.system
