"""Scripts that do in Chromium what a person does: Node, what `make node` installs, a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reel2sim.viewing.browser import find_browser

_SCRIPTS = Path(__file__).parent.parent / "browser"
_NODE = shutil.which("node")


def browser() -> str:
    """The browser to use; skips the test without one."""
    try:
        return find_browser()
    except Exception as error:
        pytest.skip(str(error))


def require_driver() -> None:
    """Skip the test where scripts cannot run."""
    if _NODE is None:
        pytest.skip("Node is not installed")
    if not (_SCRIPTS / "node_modules" / "playwright-core").is_dir():
        pytest.skip("`make node` was not run")


def driven(script: str, task: dict[str, Any], *, timeout: float) -> dict[str, Any]:
    """What ``script`` prints of ``task``."""
    require_driver()
    done = subprocess.run(
        [str(_NODE), script, json.dumps(task)],
        cwd=_SCRIPTS,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
