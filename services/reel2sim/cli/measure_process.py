"""Child processes whose wall time and peak memory are their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_LAUNCHER = Path(__file__).with_name("measure_launch.py")


@dataclass(frozen=True)
class Ended:
    """How a child process ended.

    Attributes:
        failure: exit code and last words, or "" if it ended well.
        seconds: wall time.
        peak_memory_mb: largest resident memory, MiB.
        words: all that it wrote to stderr.
        exit_code: of the process; negative if a signal ended it, or nothing was started.
    """

    failure: str
    seconds: float
    peak_memory_mb: float
    words: str = ""
    exit_code: int = 0


class Children:
    """Child processes that can be run from several threads and ended together."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def run(
        self,
        program: Sequence[str],
        *,
        request: str = "",
        heard: Callable[[str], None] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run ``program`` and wait for it.

        Args:
            program: command and arguments.
            request: what it reads on stdin.
            heard: told of every line that it writes to stdout.
            environment: its variables; those of this process if None.
        """
        began = time.perf_counter()
        reader, writer = os.pipe()
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as words,
            os.fdopen(reader, encoding="ascii") as answer,
        ):
            try:
                child = self._start(program, writer, words, environment)
            finally:
                os.close(writer)
            if child is None:
                return Ended("not started", 0.0, 0.0, exit_code=-1)
            try:
                _listen(child, request, heard)
            except BaseException:
                _kill(child)
                child.wait()
                raise
            finally:
                with self._lock:
                    self._running.discard(child)
            code, peak = (int(x) for x in (answer.read() or f"{child.returncode} 0").split())
            words.seek(0)
            said = words.read()
        peak_mb = peak / (1024.0**2 if sys.platform == "darwin" else 1024.0)
        return Ended(_failure(code, said), time.perf_counter() - began, peak_mb, said, code)

    def kill(self) -> None:
        """End all that run, and start no more."""
        with self._lock:
            self._ended = True
            for child in self._running:
                _kill(child)

    def _start(
        self,
        program: Sequence[str],
        writer: int,
        words: IO[str],
        environment: Mapping[str, str] | None,
    ) -> subprocess.Popen[str] | None:
        """A launcher with the program below it, in a process group of their own."""
        with self._lock:
            if self._ended:
                return None
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_LAUNCHER), str(writer), *program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                env=environment,
                pass_fds=(writer,),
                process_group=0,
            )
            self._running.add(child)
            return child


def _listen(
    child: subprocess.Popen[str], request: str, heard: Callable[[str], None] | None
) -> None:
    """Talk to a child until it ends."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(request)
        child.stdin.close()
    except BrokenPipeError:  # it ended before it read: its exit code says why
        pass
    for line in child.stdout:
        if heard is not None:
            heard(line)
    child.stdout.close()
    child.wait()


def _kill(child: subprocess.Popen[str]) -> None:
    """End a launcher and what runs below it."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _failure(code: int, words: str) -> str:
    if code == 0:
        return ""
    lines = [line for line in words.splitlines() if line.strip()]
    return f"exit {code}: {lines[-1] if lines else 'no message'}"
