"""Environments for programs that cannot share one: made once, kept in a folder, told apart by need.

An environment is complete when its ``ready`` file is there; what a stopped installation left
behind is removed and made anew. A change of what it holds gives it another folder.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reel2sim.scene.errors import MissingDependencyError, UsageError

_LIMIT_S = 1200.0
_READY = "ready"

Say = Callable[[str], None]
"""Told what goes on."""


@dataclass(frozen=True)
class Environment:
    """What some validators need.

    Attributes:
        name: of its folder.
        packages: requirements, of pip or npm.
        kind: ``"python"``, ``"node"`` or ``"system"``; the last is made by nobody here.
        shown: packages whose versions are worth telling.
    """

    name: str
    packages: tuple[str, ...]
    kind: str = "python"
    shown: tuple[str, ...] = ()

    def folder(self, under: Path) -> Path:
        """Where it is kept under ``under``."""
        need = json.dumps([self.kind, sorted(self.packages), sys.version_info[:2]])
        return under / f"{self.name}-{hashlib.sha256(need.encode()).hexdigest()[:8]}"

    def program(self, under: Path, name: str) -> Path:
        """A program in it."""
        return self.folder(under) / "bin" / name


STAGE = Environment(
    "stage",
    ("usd-core==26.11", "usd-validation-nvidia", "numpy"),
    shown=("usd-core", "usd-validation-nvidia"),
)
SIMREADY = Environment(
    "simready",
    ("simready-validate", "simready-foundation-tier-core"),
    shown=("simready-validate", "simready-foundation-tier-core"),
)
NEWTON = Environment(
    "newton",
    ("newton[sim]==1.8", "usd-core==26.11", "newton-usd-schemas", "scipy", "trimesh", "yourdfpy"),
    shown=("newton", "warp-lang", "mujoco"),
)
KINEMATICS = Environment(
    "kinematics",
    ("yourdfpy", "pybullet", "mujoco", "numpy"),
    shown=("yourdfpy", "pybullet", "mujoco"),
)
CONVERTER = Environment("converter", ("urdf-usd-converter",), shown=("urdf-usd-converter",))
GLTF = Environment("gltf", ("gltf-validator",), "node", ("gltf-validator",))
SYSTEM = Environment("system", ("liburdfdom-tools",), "system")


def prepare(environment: Environment, under: Path, say: Say) -> Path:
    """Make ``environment`` if it is not there yet; its folder.

    Raises:
        MissingDependencyError: if it cannot be installed; with the installer's last words.
    """
    folder = environment.folder(under)
    if environment.kind == "system" or (folder / _READY).is_file():
        return folder
    say(f"making {environment.name}: {' '.join(environment.packages)}")
    start = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in _commands(environment, folder):
        _must(command, environment)
    (folder / _READY).write_text(json.dumps(versions(environment, folder)), encoding="utf-8")
    say(f"made {environment.name} in {time.monotonic() - start:.0f} s")
    return folder


def _commands(environment: Environment, folder: Path) -> list[list[str]]:
    if environment.kind == "node":
        return [["npm", "install", "--no-fund", "--prefix", str(folder), *environment.packages]]
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), *install, *environment.packages],
    ]


def _must(command: list[str], environment: Environment) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
        fault = "" if done.returncode == 0 else done.stderr.strip()[-600:]
    except (OSError, subprocess.TimeoutExpired) as cause:
        fault = str(cause)
    if fault:
        raise MissingDependencyError(
            f"cannot be made: {fault}",
            source=environment.name,
            remedy=f"see whether `{' '.join(command)}` works here, or leave its checks out",
        )


def installed(environment: Environment, folder: Path) -> dict[str, str]:
    """Versions as they were noted when the environment was made."""
    ready = folder / _READY
    return json.loads(ready.read_text(encoding="utf-8")) if ready.is_file() else {}


def versions(environment: Environment, folder: Path) -> dict[str, str]:
    """Versions of the packages worth telling, asked of the environment."""
    if environment.kind == "node":
        found = {}
        for name in environment.shown:
            facts = (folder / "node_modules" / name / "package.json").read_text(encoding="utf-8")
            found[name] = json.loads(facts)["version"]
        return found
    if environment.kind != "python":
        return {}
    code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    command = [str(folder / "bin" / "python"), "-c", code, *environment.shown]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return dict(zip(environment.shown, told, strict=True))


def chosen_folder(folder: Path) -> Path:
    """``folder`` as an absolute path, if environments can be kept there.

    Raises:
        UsageError: if it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError("is not a folder", source=folder, field="--venvs")
    return folder.expanduser().resolve()
