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
from reel2sim.parallel.line import RUNG, Line
from reel2sim.parallel.member import STEP
from reel2sim.parallel.memory import Memory

_DONE = pickle.dumps((True, None), protocol=5)


def main() -> None:
    """Serve orders until there are no more."""
    # Ctrl-C reaches the whole group; the parent decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe, file, watch = map(int, sys.argv[1:])
    line = Line(Connection(pipe), watch=bool(watch))
    work = _Work(file, line)
    try:
        while True:
            order = line.receive()
            answer = _answer(work, order)
            if order == RUNG and answer == _DONE:
                line.ring()
            else:
                line.send(answer)
    except (EOFError, OSError):
        return
    finally:
        work.close()


class _Work:
    """What the orders are about."""

    def __init__(self, file: int, line: Line) -> None:
        self._file, self._line = file, line
        self._batch = Batch([])
        self._dtype = np.dtype(np.float32)

    def make(self, env_fns: Any) -> None:
        self._batch = Batch([wrapped.fn for wrapped in env_fns])

    def join(
        self, count: int, index: int, start: int, like: tuple[Any, Any], autoreset: bool
    ) -> None:
        memory = Memory(*like, count, file=self._file)
        theirs, ours = memory.bells[index]
        self._line.hang_bell(ours, theirs)
        self._batch.join(memory, start, like, autoreset=autoreset)

    def step(self, dtype: bytes) -> Any:
        self._dtype = np.dtype(dtype.decode())
        return self._batch.step(self._dtype)

    def step_again(self) -> Any:
        return self._batch.step(self._dtype)

    def do(self, name: str, *args: Any) -> Any:
        if name in ("make", "join"):
            return getattr(self, name)(*args)
        return getattr(self._batch, name)(*args)

    def close(self) -> None:
        self._batch.close()


def _answer(work: _Work, order: bytes) -> bytes:
    try:
        if order == RUNG:
            found = work.step_again()
        elif order[:1] == STEP:
            found = work.step(order[1:])
        else:
            found = work.do(*pickle.loads(order))
        return _DONE if found is None else pickle.dumps((True, found), protocol=5)
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
