"""A training that was killed goes on where it was."""

from __future__ import annotations

import ast
import contextlib
import logging
import os
import time
from pathlib import Path
from typing import Any

import torch

_log = logging.getLogger(__name__)


STATE_VERSION = 2
"""Raised when what a state holds changes, so that no training goes on from another layout."""


class Checkpoint:
    """A file that holds the last state of one training.

    Args:
        path: of the file; written aside and renamed, so that it is whole at any time.
        key: what the training is of; a file with another key is not continued.
        every_s: seconds between two states.
    """

    def __init__(self, path: Path, *, key: str, every_s: float = 15.0) -> None:
        self._path = path
        self._key = key
        self._every_s = every_s
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether it is time for another state."""
        return time.monotonic() - self._last >= self._every_s

    def save(self, state: dict[str, object]) -> None:
        """Replace the state. A disk that cannot take it is reported in the log, not raised."""
        aside = self._path.with_name(f"{self._path.name}.{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            torch.save({"key": self._key, **state}, aside)
            aside.replace(self._path)
        except (OSError, RuntimeError) as cause:  # torch reports a full disk as the latter
            _log.warning("cannot keep the state of the training in %s: %s", self._path, cause)
        finally:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state, or None if there is none of this training."""
        if not self._path.is_file():
            return None
        try:
            state = torch.load(self._path, weights_only=True)
        except Exception:  # a damaged file costs the progress it held, not the run
            return None
        if not isinstance(state, dict) or state.get("key") != self._key:
            return None
        return state

    def discard(self) -> None:
        """Remove the file: the training is over."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    @staticmethod
    def random_state(text: str) -> dict[str, Any]:
        """A generator's state from its ``repr``."""
        return ast.literal_eval(text)
