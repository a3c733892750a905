"""Processes that do not outlive the one that started them, however that ends.

On Linux the kernel kills them (``PR_SET_PDEATHSIG``), whatever they are doing. On other POSIX
systems a thread in them looks once a second whether their parent is still there; one that is
inside a compiled call that lets no other thread run ends after that call. On Windows nothing
watches them.

Run as a script, ``python -P lifeline.py PARENT SCRIPT [ARGUMENT …]``, it does so for another. It
imports nothing of the project, so that scripts that do not either start quickly.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_LOOK_S = 1.0


def script_command(script: Path | str, *arguments: str) -> list[str]:
    """The command line of a Python script that ends with this process.

    On Linux it ends with the *thread* that starts it: wait for it in that thread.
    """
    # -P keeps the script's folder off the import path.
    return [sys.executable, "-P", __file__, str(os.getpid()), str(script), *arguments]


def die_with(parent: int) -> None:
    """Arrange that this process ends when its parent does.

    Args:
        parent: process id of the parent; if it is gone already, this process ends now.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    elif sys.platform != "win32":
        threading.Thread(target=_look_after, args=(parent,), daemon=True).start()
    if sys.platform != "win32" and os.getppid() != parent:
        os._exit(0)


def _look_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(0)


if __name__ == "__main__":
    die_with(int(sys.argv[1]))
    del sys.argv[:2]
    runpy.run_path(sys.argv[0], run_name="__main__")
