"""Ports of this machine that stay free until a test takes them."""

import itertools
import os
import socket

# Below those that the system hands out by itself: a connection of another test, begun between the
# choice of a port and its use, cannot take it, nor can it connect to itself.
_FIRST, _COUNT = 20_000, 10_000
_numbers = itertools.count(os.getpid() * 37)


def free_port() -> int:
    """A port of loopback on which nobody listens; another one at each call."""
    for number in _numbers:
        port = _FIRST + number % _COUNT
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError
