"""What other people's validators say of bundles.

Makes an environment for each group of validators (they cannot share one), runs all of them on
every bundle and prints a table: a row for each bundle, a column for each check, in it ``ok`` or the
number of findings. The findings are listed below it.

    Pixar       OpenUSD's own validators on scene.usda and scene.usdz, in both appearances
    NVIDIA      nvidia_usd_validate, default rules; it visits every variant
    VG.035      the same with the rule for splats
    SimReady    the profile Robotics-Prop
    check_urdf  ROS's parser (Debian: liburdfdom-tools)
    Newton      poses at rest as in USD, at random states as in the URDF; 200 finite steps
    kinematics  yourdfpy, PyBullet and MuJoCo agree at random states
    converter   NVIDIA's URDF-to-USD converter and our stage say the same
    glTF        Khronos' validator: no error and no warning

A scene of several assets is one row; the checks of URDFs go over all of its assets. Exits with 1 if
there is any finding, a validator that cannot be run being one. Python packages come from PyPI,
the glTF validator from npm.

Example::

    python benchmarks/validators.py bundles/* --report validators.json
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console
from validators_study.bundles import Subject
from validators_study.checks import CHECKS, Check
from validators_study.environments import Say, chosen_folder, installed, prepare
from validators_study.results import Row, lines, record, table

from reel2sim.scene.errors import Reel2SimError, UsageError


@dataclass(frozen=True)
class Options:
    """What to check.

    Attributes:
        bundles: folders of bundles, or of scenes with bundles under assets/.
        venvs: folder that keeps the environments.
        checks: names of columns; all if none.
        jobs: how many validators run at a time.
        most: how many findings of each check to list.
        json: print everything as JSON and no table.
        report: also write it to this file (JSON).
    """

    bundles: tyro.conf.Positional[tuple[Path, ...]]
    venvs: Path = Path.home() / ".cache" / "reel2sim" / "validators"
    checks: tuple[str, ...] = ()
    jobs: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    most: int = 10
    json: bool = False
    report: Path | None = None


def chosen(names: Sequence[str]) -> list[Check]:
    """The checks of these names; all if there are none.

    Raises:
        UsageError: if a name is of no check.
    """
    known = {check.name.lower(): check for check in CHECKS}
    for name in names:
        if name.lower() not in known:
            remedy = f"choose from {', '.join(check.name for check in CHECKS)}"
            raise UsageError(f"{name!r} is no check", field="--checks", remedy=remedy)
    wanted = {name.lower() for name in names} or set(known)
    return [check for name, check in known.items() if name in wanted]


def examine(
    subjects: Sequence[Subject], checks: Sequence[Check], *, under: Path, jobs: int, say: Say
) -> list[Row]:
    """Run all checks on all subjects."""
    pairs = [(subject, check) for subject in subjects for check in checks]

    def one(pair: tuple[Subject, Check]):
        subject, check = pair
        outcome = check.run(subject, under)
        say(f"{subject.name} · {check.name}: {outcome.cell} ({outcome.seconds:.0f} s)")
        return outcome

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        outcomes = list(pool.map(one, pairs))
    width = len(checks)
    return [
        Row(subject.name, tuple(outcomes[i * width : (i + 1) * width]))
        for i, subject in enumerate(subjects)
    ]


def main(options: Options) -> int:
    """Check everything and show it; 1 if anything was found, other codes for wrong use."""
    console, told = Console(width=150), Console(stderr=True, highlight=False)
    try:
        if not options.bundles:
            raise UsageError("no bundles are given", field="BUNDLES")
        checks = chosen(options.checks)
        subjects = [Subject.of(folder) for folder in options.bundles]
        under = chosen_folder(options.venvs)
        found: dict[str, dict[str, str]] = {}
        for needs in dict.fromkeys(check.needs for check in checks):
            folder = prepare(needs, under, told.print)
            found[needs.name] = installed(needs, folder)
    except Reel2SimError as error:
        told.print(f"[red]{error}[/red]", markup=True)
        return error.exit_code
    rows = examine(subjects, checks, under=under, jobs=options.jobs, say=told.print)
    whole = record(rows, found)
    if options.report is not None:
        options.report.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(json.dumps(whole, indent=1))
    else:
        console.print(table(rows))
        for line in lines(rows, most=options.most):
            console.print(line, markup=False, soft_wrap=True)
        console.print(f"{whole['findings']} findings", markup=False)
        for name, packages in found.items():
            told_versions = ", ".join(f"{x} {version}" for x, version in packages.items())
            console.print(f"{name}: {told_versions or 'of the system'}", markup=False)
    return int(whole["findings"] > 0)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,))))
