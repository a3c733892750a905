"""What long skips and camera tokens are worth to the U-ViT: runs of ``train_uvit.sh ablate``.

    python benchmarks/uvit_ablations.py OUT

A step's samples, times and noise depend on seed and step alone, so runs are compared step by step,
over the second half of the steps that all of them made. The other figures are those of the ends.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

_RUNS = {"whole": "all", "skips": "no long skips", "cameras": "frame numbers for rays"}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, metavar="OUT")
    folder: Path = parser.parse_args().runs
    losses = {name: video_losses(folder / name / "progress.csv") for name in _RUNS}
    common = sorted(set.intersection(*(set(own) for own in losses.values())))
    half = common[len(common) // 2 :]
    print(f"losses over steps {half[0]} to {half[-1]}; other figures at the end of each run\n")
    print(
        "| model | steps | video loss | against all of it, ± standard error "
        "| motion, Spearman within prompts (over all) | movement as asked "
        "| fourth view from three, dB |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, title in _RUNS.items():
        own = np.array([losses[name][step] for step in half])
        ratio = own / np.array([losses["whole"][step] for step in half]) - 1
        error = ratio.std() / np.sqrt(len(ratio))
        against = "" if name == "whole" else f"{ratio.mean():+.1%} ± {error:.1%}"
        end = json.loads((folder / name / "figures.json").read_text())
        steps = max(losses[name])
        print(f"| {title} | {steps} | {own.mean():.3f} | {against} | {_ends(end)} |")
    return 0


def video_losses(path: Path) -> dict[int, float]:
    """Loss of the video's velocities by step of the transformer's training."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["phase"] == "flow" and row["video"]]
    return {int(row["step"]): float(row["video"]) for row in rows}


def _ends(figures: dict[str, Any]) -> str:
    motion, views = figures["motion"], figures["consistency"]["made"]
    movement = figures["agreement"]["made"]["movement"]
    return (
        f"{motion['within']:.2f} ({motion['spearman']:.2f}) | "
        f"{movement['right']:.2f} of chance {movement['chance']:.2f} | {views['held_out_db']:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
