"""Silence for libraries that print through C."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager

_LOCK = threading.RLock()


@contextmanager
def quiet() -> Generator[None]:
    """Send file descriptors 1 and 2 nowhere while the block runs.

    Replacing ``sys.stdout`` would not reach what engines print from C. The descriptors are the
    process's own, so threads take turns.
    """
    with _LOCK:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        kept = {}
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            for number in (1, 2):
                try:
                    kept[number] = os.dup(number)
                except OSError:  # closed by whoever started us
                    continue
                os.dup2(nowhere, number)
            yield
        finally:
            for stream in (sys.stdout, sys.stderr):
                if stream is not None:
                    stream.flush()
            for number, saved in kept.items():
                os.dup2(saved, number)
                os.close(saved)
            os.close(nowhere)
