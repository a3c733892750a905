"""A line between two processes of a crew: messages, and a bell for the one that comes most."""

from __future__ import annotations

import os
import platform
import select
import time
from multiprocessing.connection import Connection

import numpy as np

RUNG = b""
"""What is received when the bell rang."""

BELL_BYTES = 64
"""Memory of one end of a line: a processor's line of cache, so that ends do not disturb each
other."""

_SPIN_S = 3e-4
"""How long a message is watched for before the process sleeps until it comes.

To wake a process costs up to this much, which is as long as several environments take for a step;
whoever waits no longer than twice the cost of waking loses little by watching.
"""

_NAP_MS = 200
"""How long a process sleeps at most before it looks at the bell itself: a processor may let a look
pass a note of falling asleep, so that a ring goes unheard."""

_WAKE = b"w"
_COUNT, _ASLEEP = 0, 1
"""Where the bytes of an end are: how often it rang, modulo 256, and whether it sleeps."""

_IN_ORDER = platform.machine().lower() in ("x86_64", "amd64", "i686", "x86")
"""Whether other processors see what this one writes in the order in which it does: who hears a bell
must find what was written before it rang."""


class Line:
    """Sends and receives messages, one at a time in each direction.

    A message takes several calls of the system at both ends. The bell is a byte that both ends see,
    and takes none while the other end watches.

    Args:
        pipe: one end.
        watch: watch for messages a short while instead of sleeping at once. Where there are more
            processes than cores, this takes time from those that work.
    """

    def __init__(self, pipe: Connection, *, watch: bool) -> None:
        self._pipe = pipe
        self._spin_s = _SPIN_S if watch else 0.0
        self._poll = select.poll()
        self._poll.register(pipe.fileno(), select.POLLIN)
        self.send = pipe.send_bytes
        """Send a message; OSError if nobody is there."""
        self.close = pipe.close
        """Hang up; more calls do nothing."""
        self._ours = self._theirs = memoryview(bytearray(BELL_BYTES))
        self._heard = 0
        self.has_bell = False
        """Whether :meth:`ring` may be called."""

    def hang_bell(self, ours: np.ndarray, theirs: np.ndarray) -> None:
        """Use shared memory, zeros when both ends begin, ``(BELL_BYTES,)`` uint8 for each end."""
        self._ours, self._theirs = memoryview(ours), memoryview(theirs)  # pyright: ignore
        self.has_bell = _IN_ORDER

    def ring(self) -> None:
        """Send :data:`RUNG`; what was written to shared memory before is seen by who hears it."""
        ours = self._ours
        ours[_COUNT] = (ours[_COUNT] + 1) & 255
        if self._theirs[_ASLEEP]:
            self.send(_WAKE)

    def receive(self) -> bytes:
        """The next message.

        Raises:
            EOFError: if the other side has hung up.
            OSError: likewise.
        """
        ready, theirs, heard = self._poll.poll, self._theirs, self._heard
        end = time.perf_counter() + self._spin_s
        while theirs[_COUNT] == heard and not ready(0):
            if time.perf_counter() >= end:
                return self._receive_asleep()
            os.sched_yield()
        return self._next()

    def _receive_asleep(self) -> bytes:
        self._ours[_ASLEEP] = 1
        try:
            while self._theirs[_COUNT] == self._heard and not self._poll.poll(_NAP_MS):
                pass
        finally:
            self._ours[_ASLEEP] = 0
        return self._next()

    def _next(self) -> bytes:
        """The message that is there."""
        if self._theirs[_COUNT] != self._heard:
            self._heard = self._theirs[_COUNT]
            return RUNG
        message = self._pipe.recv_bytes()
        # A call to wake up belongs to a bell that has been heard, or is about to be.
        return self.receive() if message == _WAKE else message
