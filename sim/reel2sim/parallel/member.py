"""One process of a crew, as its parent sees it."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from multiprocessing.connection import Pipe
from typing import Any

import numpy as np

from reel2sim.parallel.line import RUNG, Line
from reel2sim.scene.errors import StageError, UnavailableError

STEP = b"s"
"""First byte of the order to step: the dtype of the actions follows. A bell means the same again;
one in answer, that all there is to say is in the memory."""

_PATIENCE_S = 5.0
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Member:
    """A process that takes orders.

    It is a new interpreter, neither a fork, which threads of this process would not survive, nor
    one that runs the caller's script again.

    Args:
        memory: descriptor of the file that the crew shares.
        watch: see :class:`reel2sim.parallel.line.Line`; at both ends.
    """

    def __init__(self, memory: int, *, watch: bool) -> None:
        ours, theirs = Pipe()
        self._line = Line(ours, watch=watch)
        with theirs:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "reel2sim.parallel.worker"),
                    *(str(theirs.fileno()), str(memory), str(int(watch))),
                ],
                pass_fds=(theirs.fileno(), memory),
                stdin=subprocess.DEVNULL,
                env=_environment(),
            )
        self._owes = 0
        self._last = b""
        """The last order to step; a bell means the same again."""

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def order(self, *order: Any) -> None:
        """Send an order; its answer must be fetched with :meth:`answer`."""
        self.send(pickle.dumps(order, protocol=5))

    def send(self, order: bytes) -> None:
        """Send an order as bytes.

        Raises:
            UnavailableError: if the process is gone.
        """
        try:
            while self._owes:  # of a call that was interrupted
                self._receive()
            if order == self._last and self._line.has_bell:
                self._line.ring()
            else:
                self._line.send(order)
        except (OSError, EOFError):
            raise self._death() from None
        self._owes += 1
        if order[:1] == STEP:
            self._last = order

    def hang_bell(self, ours: np.ndarray, theirs: np.ndarray) -> None:
        """Use a bell from now on, see :meth:`reel2sim.parallel.line.Line.hang_bell`."""
        self._line.hang_bell(ours, theirs)

    def answer(self) -> Any:
        """What the process answers to the last order.

        Raises:
            UnavailableError: if the process is gone.
            Exception: what the order raised there.
        """
        try:
            answer = self._receive()
        except (OSError, EOFError):
            raise self._death() from None
        if answer == RUNG:
            return None
        good, found = pickle.loads(answer)
        if good:
            return found
        fault, text = found
        if fault is None:
            raise StageError(f"an environment failed:\n{text}")
        fault.add_note(f"In the process of the environment:\n{text}")
        raise fault

    def dismiss(self) -> None:
        """Let the process end once it is done with what it does."""
        self._line.close()

    def close(self) -> None:
        """End the process and wait for it; more calls do nothing."""
        self.dismiss()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the process without waiting for what it does."""
        self._line.close()
        self._process.kill()
        self._process.wait()

    def _receive(self) -> bytes:
        answer = self._line.receive()
        self._owes -= 1
        return answer

    def _death(self) -> UnavailableError:
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(_PATIENCE_S)
        how = "is out of reach" if code is None else f"ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was ended by signal {-code}"
        return UnavailableError(
            f"{how}, and its environments with it",
            source=f"process {self.pid}",
            remedy="close the environment and make a new one",
        )


def _environment() -> dict[str, str]:
    """Variables of the process: the same modules are found, and cores are for environments."""
    path = os.pathsep.join(place or os.getcwd() for place in sys.path)  # noqa: PTH109
    threads = {name: "1" for name in _THREADS if name not in os.environ}
    return {**os.environ, **threads, "PYTHONPATH": path}
