"""Wakes whoever waits for something to change, inside one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Hub:
    """Listeners by key.

    A listener clears its event, looks at the state, and waits: a change between the look and the
    wait leaves the event set, so none is missed.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def listen(self, key: str) -> Iterator[asyncio.Event]:
        """An event that :meth:`notify` sets, until the block ends."""
        event = asyncio.Event()
        self._listeners.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            self._listeners[key].discard(event)
            if not self._listeners[key]:
                del self._listeners[key]

    def notify(self, key: str) -> None:
        """Wake the listeners of ``key``."""
        for event in self._listeners.get(key, ()):
            event.set()

    def notify_all(self) -> None:
        """Wake everybody: something may have changed unseen."""
        for events in self._listeners.values():
            for event in events:
                event.set()


async def wait(event: asyncio.Event, timeout_s: float) -> None:
    """Wait for ``event``, at most ``timeout_s``."""
    # Not asyncio.wait_for, which loses a cancel that comes together with the event.
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
