"""A process of a crew: ``python -m reel2sim.parallel.worker PIPE MEMORY WATCH``.

PIPE and MEMORY are descriptors; started by :class:`reel2sim.parallel.member.Member` only. It
answers orders one by one and leaves when its pipe is closed, which is also what the death of its
parent looks like.
"""

from __future__ import annotations

import pickle
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from reel2sim.parallel.batch import Batch
from reel2sim.parallel.line import Line
from reel2sim.parallel.memory import Memory

STEP = b"s"
"""First byte of the order that comes most: the dtype of the actions follows."""


def main() -> None:
    """Serve orders until there are no more."""
    # Ctrl-C reaches the whole group; the parent decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe, file, watch = map(int, sys.argv[1:])
    line, work = Line(Connection(pipe), watch=bool(watch)), _Work(file)
    try:
        while True:
            line.send(_answer(work, line.receive()))
    except (EOFError, OSError):
        return
    finally:
        work.close()


class _Work:
    """What the orders are about."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._batch = Batch([])

    def make(self, env_fns: Any) -> None:
        self._batch = Batch([wrapped.fn for wrapped in env_fns])

    def join(self, count: int, start: int, like: tuple[Any, Any], autoreset: bool) -> None:
        memory = Memory(*like, count, file=self._file)
        self._batch.join(memory, start, like, autoreset=autoreset)

    def step(self, dtype: bytes) -> Any:
        return self._batch.step(np.dtype(dtype.decode()))

    def do(self, name: str, *args: Any) -> Any:
        if name in ("make", "join"):
            return getattr(self, name)(*args)
        return getattr(self._batch, name)(*args)

    def close(self) -> None:
        self._batch.close()


def _answer(work: _Work, order: bytes) -> bytes:
    try:
        found = work.step(order[1:]) if order[:1] == STEP else work.do(*pickle.loads(order))
        return pickle.dumps((True, found), protocol=5)
    except Exception as fault:
        return _told(fault)


def _told(fault: Exception) -> bytes:
    """A fault as bytes: itself if it survives the journey, else what it says."""
    text = "".join(traceback.format_exception(fault))
    try:
        told = pickle.dumps((False, (fault, text)), protocol=5)
        pickle.loads(told)
    except Exception:
        told = pickle.dumps((False, (None, text)), protocol=5)
    return told


if __name__ == "__main__":
    main()
