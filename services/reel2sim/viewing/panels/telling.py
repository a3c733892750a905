"""What went wrong, said to the person who did it."""

from __future__ import annotations

from typing import Any


def tell(event: Any, error: Exception) -> None:
    """Show an error on the page that an event came from; nothing if it came from none."""
    say(event, "That did not work", str(error), color="red")


def say(event: Any, title: str, text: str, *, color: Any = None) -> None:
    """Show a note on the page that an event came from; nothing if it came from none."""
    if event.client is not None:
        event.client.add_notification(title, text, color=color, auto_close_seconds=12.0)
