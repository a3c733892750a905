"""How fast environments step beside those of panda-gym and Gymnasium-Robotics, on one core.

All take turns, each time in a process of its own, and time is the processor's, so that a busy
machine slows all alike. Resets are not counted. Ratios are of steps a second and, in brackets, of
the lower quartiles of a step's time, which other work disturbs less. The peers are installed into
an environment of their own, which is kept.

Example::

    python benchmarks/env_peers.py bundles/drawer --report peers.json
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table
from validators_study.environments import Environment, chosen_folder, prepare

PEERS = Environment(
    "peers",
    # Models of Gymnasium-Robotics do not load in newer versions of MuJoCo.
    ("panda-gym==3.0.7", "gymnasium-robotics==1.4.2", "mujoco==3.2.7"),
    shown=("panda-gym", "gymnasium-robotics", "mujoco"),
)
_SCRIPT = Path(__file__).with_name("outside") / "env_rate.py"


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        bundle: bundle folder.
        tasks: ours.
        peers: ids of theirs.
        seconds: processor time of each turn.
        turns: of each.
        venvs: folder that keeps the peers' environment.
        report: also write the figures to this file (JSON).
    """

    bundle: tyro.conf.Positional[Path]
    tasks: tuple[str, ...] = ("OpenJoint", "Manipulate")
    peers: tuple[str, ...] = (
        "PandaReach-v3",
        "PandaPush-v3",
        "FetchReach-v4",
        "FetchPush-v4",
        "AdroitHandDoor-v1",
        "FrankaKitchen-v1",
    )
    seconds: float = 2.0
    turns: int = 5
    venvs: Path = Path.home() / ".cache" / "reel2sim" / "peers"
    report: Path | None = None


@dataclass(frozen=True)
class Subject:
    """An environment and where it runs."""

    name: str
    python: Path
    modules: str
    options: dict[str, str]

    def rate(self, seconds: float) -> tuple[float, float]:
        """Steps a second, and by the lower quartile of their time; NaN if it does not run."""
        single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            command = [self.python, _SCRIPT, report, self.modules, self.name]
            done = subprocess.run(
                [*map(str, command), json.dumps(self.options), str(seconds)],
                capture_output=True,
                text=True,
                check=False,
                env={**os.environ, **single},
            )
            if not report.is_file():
                print(f"{self.name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
                return float("nan"), float("nan")
            found = json.loads(report.read_text())
            return float(found["steps_per_s"]), 1 / float(found["quick_step_s"])


def main(options: Options) -> None:
    """Measure all in turns and print the ratios."""
    under = chosen_folder(options.venvs)
    theirs = prepare(PEERS, under, print) / "bin" / "python"
    here = {"bundle": str(options.bundle.resolve())}
    ours = [
        Subject(f"Reel2Sim/{task}-v0", Path(sys.executable), "reel2sim.envs", here)
        for task in options.tasks
    ]
    others = [
        Subject(name, theirs, "panda_gym" if "Panda" in name else "gymnasium_robotics", {})
        for name in options.peers
    ]
    found: dict[str, list[tuple[float, float]]] = {subject.name: [] for subject in (*ours, *others)}
    for _ in track(range(options.turns), description="turns"):
        for subject in (*ours, *others):
            found[subject.name].append(subject.rate(options.seconds))
    table = Table("environment", "steps/s", *(f"{x.name} over it" for x in ours))
    for subject in (*ours, *others):
        rates = np.array(found[subject.name])
        ratios = [np.median(np.array(found[x.name]) / rates, axis=0) for x in ours]
        shown = (f"{mean:.2f}× ({quick:.2f}×)" for mean, quick in ratios)
        table.add_row(subject.name, f"{np.median(rates[:, 0]):,.0f}", *shown)
    Console().print(table)
    if options.report is not None:
        options.report.write_text(json.dumps(found, indent=1) + "\n")
    raise SystemExit(any(np.isnan(rates).any() for rates in found.values()))


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
