"""Where a command's words go: results to stdout, progress, notes and errors to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console as RichConsole
from rich.console import RenderableType

if TYPE_CHECKING:
    from reel2sim.scene.progress import Progress


class _Answer:
    """The real stdout, while whatever else writes there is sent to stderr.

    Native libraries greet on stdout as they load; a machine that reads JSON must not meet that.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)

    def write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def close(self) -> None:
        sys.stdout.flush()
        os.dup2(self._stream.fileno(), 1)
        self._stream.close()


class Console:
    """Output of one command.

    Args:
        json: results and errors are JSON objects on stdout.
        quiet: no progress and no notes.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        # A pipe has no width of its own; tables must not be squeezed into 80 columns there.
        self._out = RichConsole(width=None if sys.stdout.isatty() else 160)
        self._err = RichConsole(stderr=True)
        self._answer = _Answer() if json else None

    def result(self, record: Mapping[str, Any], *shown: RenderableType) -> None:
        """Give the command's answer: ``record`` to machines, ``shown`` to people."""
        if self.json:
            self._say(record)
            return
        for part in shown:
            self._out.print(part, highlight=False, markup=False, soft_wrap=isinstance(part, str))

    def note(self, text: str) -> None:
        """Say something in passing, on stderr."""
        if not self.quiet:
            print(text, file=sys.stderr)

    def error(self, text: str, facts: Mapping[str, Any] | None = None) -> None:
        """Say in one line on stderr what went wrong; with JSON also ``facts`` on stdout."""
        print(f"error: {' '.join(text.split())}", file=sys.stderr)
        if self.json and facts is not None:
            self._say({"error": dict(facts)})

    def close(self) -> None:
        """Give stdout back."""
        if self._answer is not None:
            self._answer.close()

    def _say(self, record: Mapping[str, Any]) -> None:
        text = json.dumps(record, indent=2, default=str)
        if self._answer is not None:
            self._answer.write(f"{text}\n")

    @contextmanager
    def progress(self) -> Generator[Progress]:
        """A :class:`~reel2sim.scene.progress.Progress` that shows itself on stderr."""
        from reel2sim.cli.progress import live_bars, plain_lines
        from reel2sim.scene.progress import silent

        if self.quiet:
            yield silent
        elif self._err.is_terminal:
            with live_bars(self._err) as report:
                yield report
        else:
            yield plain_lines(sys.stderr)
