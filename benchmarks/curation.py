"""How the score of reels falls with damage, on clean scripted reels and plain clips of them.

    python benchmarks/curation.py [--out curation.json]

Prints the score of each reel at every degree of every damage, the share of neighbouring degrees
that it orders rightly, and the seconds a reel takes. A pair that is tied counts as wrong.
"""

from __future__ import annotations

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path

from damage import DAMAGE, DEGREES, as_clip

from reel2sim.curation import measure, score
from reel2sim.generation import GenerationConfig, generate

PROMPTS = (
    "a cabinet with a drawer and two doors, the drawer slides open",
    "a laptop that opens",
    "a wooden cabinet with two doors that open",
    "a small red cabinet with three drawers, the top drawer opens",
)
SIZES = GenerationConfig(frames=12, size=96, views=12, supersample=1)
_CLIPS = ("shake", "flicker", "cut off", "less motion")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    rows, began, count = [], time.process_time(), 0
    for prompt in PROMPTS:
        reel = generate(prompt, config=SIZES).reel
        for kind, base in (("reel", reel), ("clip", as_clip(reel))):
            for name in DAMAGE if kind == "reel" else _CLIPS:
                scores = [score(measure(DAMAGE[name](base, d, 0))).value for d in DEGREES]
                count += len(scores)
                ordered = sum(a > b for a, b in pairwise(scores))
                rows.append({"prompt": prompt, "kind": kind, "damage": name, "scores": scores,
                             "ordered": ordered})  # fmt: skip
                shown = "  ".join(f"{value:.3f}" for value in scores)
                print(f"{kind:5} {name:15} {shown}   {prompt}", flush=True)
    pairs = len(DEGREES) - 1
    for name in DAMAGE:
        own = [row for row in rows if row["damage"] == name]
        print(f"{name:15} {sum(r['ordered'] for r in own)} of {pairs * len(own)} pairs in order")
    seconds = (time.process_time() - began) / count
    total = sum(row["ordered"] for row in rows)
    print(f"all {total} of {pairs * len(rows)} in order, {seconds:.2f} CPU s a reel")
    if out:
        out.write_text(json.dumps({"rows": rows, "cpu_s_a_reel": seconds}, indent=1))


if __name__ == "__main__":
    main()
