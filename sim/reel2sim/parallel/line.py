"""A line between two processes of a crew."""

from __future__ import annotations

import os
import select
import time
from multiprocessing.connection import Connection

_SPIN_S = 3e-4
"""How long a message is watched for before the process sleeps until it comes.

To wake a process costs up to this much, which is as long as several environments take for a step;
whoever waits no longer than twice the cost of waking loses little by watching.
"""


class Line:
    """Sends and receives messages.

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

    def receive(self) -> bytes:
        """The next message.

        Raises:
            EOFError: if the other side has hung up.
            OSError: likewise.
        """
        ready, end = self._poll.poll, time.perf_counter() + self._spin_s
        while not ready(0) and time.perf_counter() < end:
            os.sched_yield()
        return self._pipe.recv_bytes()
