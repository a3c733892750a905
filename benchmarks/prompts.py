"""Whether rigs have the joints that prompts asked for: held-back prompts, filmed and rigged.

    python benchmarks/prompts.py --out prompts --count 100 --preset draft --jobs 2 [--family …]

Prompts are drawn from the scripted backend's grammar, all kinds of objects alike; none is looked at
while anything is tuned. A rig agrees if its observed joints are as many of each type as moved, and
is exact if each also explains the motion of its true joint. What fails counts as not agreeing. Some
prompts ask for what no picture shows, such as a plate that turns in a closed oven: so it is also
said how many rigs agree as far as can be seen, and miss none but such joints. OUT keeps captures
and rigs: started again, it goes on, and more prompts add to those that were run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sight import joints_in_sight

from reel2sim.cli.measure_results import RESULTS_FILE
from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.say import random_scene, say

_HELD_BACK = 0x0DD5
"""Sets these prompts apart from those of any training set."""


@dataclass(frozen=True)
class Asked:
    """A prompt and what its run is called."""

    name: str
    family: str
    prompt: str
    seed: int


@dataclass(frozen=True)
class Answer:
    """What became of a prompt.

    Attributes:
        asked: the prompt.
        wanted: joints that moved, by type.
        in_sight: those of them that pictures show to move, by type.
        found: observed joints of the rig, by type.
        exact: whether each true joint is matched with its type, and none is invented.
        matched: true joints that are matched with their type.
        seconds: of reconstruction and rig.
        failure: what went wrong, or "".
    """

    asked: Asked
    wanted: Counter[str]
    in_sight: Counter[str]
    found: Counter[str]
    exact: bool
    matched: int
    seconds: float
    failure: str

    @property
    def agrees(self) -> bool:
        """Whether types and counts are those asked for."""
        return not self.failure and self.wanted == self.found

    @property
    def agrees_in_sight(self) -> bool:
        """Whether nothing that pictures show is missing, and nothing is invented."""
        return not self.failure and self.in_sight <= self.found <= self.wanted


def held_back(count: int, families: tuple[str, ...]) -> Iterator[Asked]:
    """The first of a fixed sequence of prompts, families in turn."""
    names = families or tuple(FAMILIES)
    for k in range(count):
        rng = np.random.default_rng([_HELD_BACK, k])
        order = np.random.default_rng([_HELD_BACK, k // len(names)]).permutation(len(names))
        family = names[int(order[k % len(names)])]
        scene = random_scene(rng, families=(family,))
        yield Asked(f"{k:04d}-{family}", family, say(scene), k)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--family", nargs="*", default=[], choices=sorted(FAMILIES))
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--jobs", type=int, default=1, help="prompts at a time, a core each")
    parser.add_argument("--seed", type=int, default=0, help="of reconstruction and rig")
    options = parser.parse_args()
    answers: list[Answer] = []
    prompts = held_back(options.count, tuple(options.family))
    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            for answer in pool.map(partial(_run, options=options), prompts):
                answers.append(answer)
                print(_line(answer), flush=True)
                (options.out / "table.md").write_text(table(answers))
        finally:
            pool.shutdown(cancel_futures=True)
    print(table(answers))
    record = [
        {
            "name": a.asked.name, "prompt": a.asked.prompt,
            "agrees": a.agrees, "agrees_in_sight": a.agrees_in_sight, "exact": a.exact,
            "wanted": a.wanted, "in_sight": a.in_sight, "found": a.found,
            "seconds": a.seconds, "failure": a.failure,
        }
        for a in answers
    ]  # fmt: skip
    (options.out / "prompts.json").write_text(json.dumps(record, indent=1))
    return 0


def _run(asked: Asked, options: argparse.Namespace) -> Answer:
    run = rigged(asked, options.out, preset=options.preset, seed=options.seed)
    return _answer(asked, run, joints_in_sight(options.out / "captures" / asked.name))


def rigged(
    asked: Asked, out: Path, *, preset: str, seed: int, sensor: str = "none"
) -> dict[str, Any]:
    """Film and rig what is asked, unless that was done; the run as ``bench rig`` records it.

    Args:
        asked: the prompt.
        out: its capture is ``out/captures/NAME``, what the rig left is ``out/rigs/NAME``.
        preset: of reconstruction and rig.
        seed: of them.
        sensor: the camera's faults.
    """
    capture, rig = out / "captures" / asked.name, out / "rigs" / asked.name
    if not (capture / "truth.json").is_file():
        _reel2sim("generate", "--prompt", asked.prompt, "--seed", asked.seed, "--sensor", sensor,
                  "--truth", "--out", capture)  # fmt: skip
    if not (rig / RESULTS_FILE).is_file():
        _reel2sim("bench", "rig", capture, "--preset", preset, "--seed", seed, "--out", rig)
    (run,) = json.loads((rig / RESULTS_FILE).read_text())["runs"]
    return run


def _reel2sim(*arguments: object) -> None:
    """Run the command; a rig that failed is in its results."""
    command = [sys.executable, "-m", "reel2sim.cli.main", *map(str, arguments), "--quiet"]
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | threads
    )
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")


def _answer(asked: Asked, run: dict[str, Any], seen: frozenset[str]) -> Answer:
    score = run["score"]
    rows, verdicts = score["joints"], score["verdicts"]
    found = Counter(_kind(j["type"]) for j in verdicts if j["observed"])
    matched = sum(bool(row["matched"]) and row["type_ok"] for row in rows)
    return Answer(
        asked=asked,
        wanted=Counter(_kind(row["type"]) for row in rows),
        in_sight=Counter(_kind(row["type"]) for row in rows if row["name"] in seen),
        found=found,
        exact=matched == len(rows) and not score["spurious"] and not run["failure"],
        matched=matched,
        seconds=float(run["seconds"]),
        failure=run["failure"],
    )


def _kind(name: str) -> str:
    return "revolute" if name == "continuous" else name


def _line(a: Answer) -> str:
    marks = {"exact": a.exact, "agrees": a.agrees, "in sight": a.agrees_in_sight}
    mark = a.failure or next((name for name, holds in marks.items() if holds), "differs")
    counts = " ".join(
        f"{kind} {a.found[kind]}/{a.wanted[kind]}" for kind in sorted(a.wanted | a.found)
    )
    figures = f"{mark:8} {counts or 'no joints':28} {a.seconds:5.0f} s"
    return f"{a.asked.name:22} {figures}  {a.asked.prompt}"


def table(answers: list[Answer]) -> str:
    """Markdown: shares over all and by kind of object, then every prompt."""
    by: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by[answer.asked.family].append(answer)
    lines = [
        "| objects | prompts | agree | exact | agree in sight | joints matched | in sight | s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, own in [("all", answers), *sorted(by.items())]:
        agree, exact, seen = (
            sum(getattr(a, name) for a in own) for name in ("agrees", "exact", "agrees_in_sight")
        )
        low, high = wilson(agree, len(own))
        all_joints = sum(a.wanted.total() for a in own)
        joints = f"{sum(a.matched for a in own)}/{all_joints}"
        in_sight = f"{sum(a.in_sight.total() for a in own)}/{all_joints}"
        seconds = np.median([a.seconds for a in own])
        shown = f"{agree / len(own):.0%}"
        if name == "all":
            shown += f" ({low:.0%}–{high:.0%})"
        shares = f"{shown} | {exact / len(own):.0%} | {seen / len(own):.0%}"
        lines.append(f"| {name} | {len(own)} | {shares} | {joints} | {in_sight} | {seconds:.0f} |")
    return "\n".join([*lines, "", *(f"    {_line(a)}" for a in answers), ""])


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """Bounds of a share at 95% (Wilson 1927)."""
    z, p = 1.96, hits / tries
    middle = p + z * z / (2 * tries)
    spread = z * math.sqrt(p * (1 - p) / tries + z * z / (4 * tries * tries))
    return (middle - spread) / (1 + z * z / tries), (middle + spread) / (1 + z * z / tries)


if __name__ == "__main__":
    sys.exit(main())
