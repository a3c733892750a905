"""PyBullet, imported when first needed and without its greeting."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from reel2sim.scene.errors import MissingDependencyError, UnavailableError


def pybullet() -> Any:
    """The module; its import prints a line to standard error, which is swallowed."""
    loaded = sys.modules.get("pybullet")
    return loaded if isinstance(loaded, ModuleType) else _first_import()


def has_display() -> bool:
    """Whether a window can be opened; without one PyBullet would end the whole process."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY"))


def connect(*, window: bool) -> int:
    """Start a physics server in this process and return its client id.

    Raises:
        UnavailableError: if there is no display for a window, or PyBullet has no room left.
    """
    engine = pybullet()
    if window and not has_display():
        raise UnavailableError(
            "there is no display to open a window on",
            source="render_mode",
            field="human",
            remedy='set DISPLAY, or use render_mode="rgb_array"',
        )
    client = engine.connect(engine.GUI if window else engine.DIRECT)
    if client < 0:
        raise UnavailableError(
            "PyBullet starts no further physics server",
            remedy="close environments that are no longer used; one window a process",
        )
    return client


def _first_import() -> ModuleType:
    try:
        with _quiet_stderr():
            import pybullet as module
    except ImportError as fault:
        raise MissingDependencyError(
            f"cannot be imported: {fault}", source="pybullet", remedy="pip install pybullet"
        ) from None
    return module


@contextmanager
def _quiet_stderr():
    """Point file descriptor 2 at nothing: the line is printed by C, past ``sys.stderr``."""
    try:
        kept = os.dup(2)
    except OSError:  # already closed
        yield
        return
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
