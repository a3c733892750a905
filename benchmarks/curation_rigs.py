"""Whether the score of reels tells which of them becomes the better rig.

    python benchmarks/curation_rigs.py --out study --count 6 --clips 3 --jobs 2 [--family …]

Held-back prompts of benchmarks/prompts.py are filmed several times: by a clean camera, and by ones
with a fault of growing strength (noise, blur, compression, exposure that wanders). Each clip is
scored as `generate --best-of` does it, and rigged at draft. What became of the rig is told by

    joints   2 · right / (asked + found): joints that moved and are found, observed and of the right
             type, against all that were asked for and all that were found
    motion   share of the true motion that the rig explains

A run that fails has 0 of both. Ranks are compared among clips of one prompt, as the score is used;
of three clips the one with the best score is picked. `quick` is the score of the pictures alone,
`draft` the one of --judge draft, which looks at the very rig that is compared with. OUT keeps
captures, rigs and scores: started again, it goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from prompts import Asked, held_back, rigged
from scipy.stats import kendalltau, spearmanr

from reel2sim.curation import measure, plausibility, score
from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.media import load_reel
from reel2sim.scene.store import load_asset

FAULTS: Mapping[str, tuple[str, str]] = {
    "noise": ("shot=150,read=0.02", "shot=40,read=0.05"),
    "blur": ("shutter=0.5,defocus_px=0.8", "shutter=1,defocus_px=2"),
    "compression": ("crf=36", "crf=45"),
    "exposure": ("drift_stops=0.4", "drift_stops=1"),
}
"""Faults of a camera: much, and twice as much."""
MOST_CLIPS = 1 + 2 * len(FAULTS)
_PICKED_OF = 3


@dataclass(frozen=True)
class Clip:
    """One film of a prompt.

    Attributes:
        prompt: what it shows.
        damage: "none", or a fault and its strength, 1 or 2.
        quick: score of its pictures.
        draft: score of its pictures and its draft.
        joints: agreement of the rig's joints, 0..1; 0 if it failed.
        motion: share of the motion that the rig explains, 0..1; 0 if it failed.
        failure: what went wrong, or "".
    """

    prompt: str
    damage: str
    quick: float
    draft: float
    joints: float
    motion: float
    failure: str = ""


def damages(number: int, count: int) -> Iterator[tuple[str, str]]:
    """Damage and sensor of each film of a prompt.

    Of three one is clean, one has a fault and one another twice as strong; prompts take turns at
    the faults.

    Args:
        number: of the prompt.
        count: of films, at most :data:`MOST_CLIPS`, all of them different.
    """
    names = tuple(FAULTS)
    yield "none", "none"
    for k in range(count - 1):
        fault, degree = names[(number + k + k // len(names)) % len(names)], k % 2
        yield f"{fault} {degree + 1}", FAULTS[fault][degree]


def outcome(run: Mapping[str, Any]) -> tuple[float, float]:
    """Joints and motion of a run, as :class:`Clip` has them.

    Args:
        run: as ``bench rig`` records it.
    """
    if run["failure"]:
        return 0.0, 0.0
    score_ = run["score"]
    seen = {joint["name"] for joint in score_["verdicts"] if joint["observed"]}
    right = sum(joint["type_ok"] and joint["matched"] in seen for joint in score_["joints"])
    there = len(score_["joints"]) + len(seen)
    joints = 2.0 * right / there if there else 1.0
    return joints, max(0.0, 1.0 - float(score_["replay_error"]))


@dataclass(frozen=True)
class Verdict:
    """How well one score tells one outcome.

    Attributes:
        pairs: pairs of clips of one prompt whose outcomes differ.
        ordered: those of them whose scores differ in the same direction.
        within: Kendall's τ_b among the clips of a prompt, mean over prompts where it is defined;
            None if it is nowhere.
        over_all: Spearman's ρ over all clips; None if it is not defined.
        picks: choices of one clip of three of a prompt.
        best: share of them whose outcome is the best of the three; ``chance`` of a blind choice.
        got: mean outcome of what was picked; ``blind`` of a blind choice, ``most`` of the best.
    """

    pairs: int
    ordered: int
    within: float | None
    over_all: float | None
    picks: int
    best: float
    chance: float
    got: float
    blind: float
    most: float


def verdict(
    clips: Sequence[Clip], told: Callable[[Clip], float], became: Callable[[Clip], float]
) -> Verdict:
    """Compare a score with what became of the clips.

    Args:
        clips: films of several prompts, three or more of each, in the order they were made.
        told: the score of a clip.
        became: its outcome.
    """
    groups = [[c for c in clips if c.prompt == p] for p in dict.fromkeys(c.prompt for c in clips)]
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    signs = [(np.sign(told(a) - told(b)), np.sign(became(a) - became(b))) for a, b in pairs]
    within = [_rank(kendalltau, list(map(told, g)), list(map(became, g))) for g in groups]
    defined = [tau for tau in within if tau is not None]
    triples = [three for group in groups for three in combinations(group, _PICKED_OF)]
    # Of equal scores max() takes the first, as --best-of does.
    picked = [became(max(three, key=told)) for three in triples]
    results = np.array([[became(clip) for clip in three] for three in triples])
    most = results.max(axis=1)
    return Verdict(
        pairs=sum(b != 0 for _, b in signs),
        ordered=sum(bool(a == b) for a, b in signs if b != 0),
        within=float(np.mean(defined)) if defined else None,
        over_all=_rank(spearmanr, list(map(told, clips)), list(map(became, clips))),
        picks=len(triples),
        best=float(np.mean(picked == most)),
        chance=float((results == most[:, None]).mean()),
        got=float(np.mean(picked)),
        blind=float(results.mean()),
        most=float(most.mean()),
    )


def _rank(correlation: Any, a: Sequence[float], b: Sequence[float]) -> float | None:
    """A rank correlation; None where one side is all the same."""
    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return float(correlation(a, b).statistic)


SCORES: Mapping[str, Callable[[Clip], float]] = {
    "quick": lambda clip: clip.quick,
    "draft": lambda clip: clip.draft,
}
OUTCOMES: Mapping[str, Callable[[Clip], float]] = {
    "joints": lambda clip: clip.joints,
    "motion": lambda clip: clip.motion,
}


def table(clips: Sequence[Clip]) -> str:
    """Markdown: each score against each outcome, then every clip."""
    prompts, failed = len({clip.prompt for clip in clips}), sum(bool(c.failure) for c in clips)
    lines = [
        f"{len(clips)} clips of {prompts} prompts, {failed} runs failed",
        "",
        "| score | against | pairs in order | τ within prompts | ρ over all "
        "| picks the best of three (blind) | outcome of what it picks (blind, best) |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, told in SCORES.items():
        for against, became in OUTCOMES.items():
            v = verdict(clips, told, became)
            lines.append(
                f"| {name} | {against} | {v.ordered} of {v.pairs} | {_shown(v.within)} | "
                f"{_shown(v.over_all)} | {v.best:.0%} ({v.chance:.0%}) of {v.picks} | "
                f"{v.got:.2f} ({v.blind:.2f}, {v.most:.2f}) |"
            )
    lines += ["", "| prompt | damage | quick | draft | joints | motion | |", "|" + "---|" * 7]
    lines += [
        f"| {c.prompt} | {c.damage} | {c.quick:.3f} | {c.draft:.3f} | {c.joints:.2f} | "
        f"{c.motion:.2f} | {c.failure} |"
        for c in clips
    ]
    return "\n".join([*lines, ""])


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=6, help="prompts")
    parser.add_argument("--clips", type=int, default=3, help=f"of each, 3 to {MOST_CLIPS}")
    parser.add_argument("--family", nargs="*", default=[], choices=sorted(FAMILIES))
    parser.add_argument("--jobs", type=int, default=1, help="clips at a time, a core each")
    parser.add_argument("--seed", type=int, default=0, help="of reconstruction and rig")
    options = parser.parse_args()
    if not _PICKED_OF <= options.clips <= MOST_CLIPS:
        parser.error(f"--clips is {options.clips}, expected {_PICKED_OF} to {MOST_CLIPS}")
    todo = [
        (replace(asked, name=f"{asked.name}-{damage.replace(' ', '')}"), damage, sensor)
        for k, asked in enumerate(held_back(options.count, tuple(options.family)))
        for damage, sensor in damages(k, options.clips)
    ]
    clips: list[Clip] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            for clip in pool.map(partial(_clip, options=options), todo):
                clips.append(clip)
                print(clip, flush=True)
        finally:
            pool.shutdown(cancel_futures=True)
    told = table(clips)
    print(told)
    (options.out / "table.md").write_text(told)
    (options.out / "clips.json").write_text(json.dumps([asdict(c) for c in clips], indent=1))
    return 0


def _clip(work: tuple[Asked, str, str], options: argparse.Namespace) -> Clip:
    asked, damage, sensor = work
    run = rigged(asked, options.out, preset="draft", seed=options.seed, sensor=sensor)
    kept = options.out / "scores" / f"{asked.name}.json"
    if not kept.is_file():
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(_scores(asked, options.out)))
    scores = json.loads(kept.read_text())
    joints, motion = outcome(run)
    return Clip(
        asked.prompt, damage, **scores, joints=joints, motion=motion, failure=run["failure"]
    )


def _scores(asked: Asked, out: Path) -> dict[str, float]:
    """Both scores of a clip that was filmed and rigged."""
    pictures = score(measure(load_reel(out / "captures" / asked.name))).value
    rigs = list((out / "rigs" / asked.name).rglob("*.npz"))
    # As the judge has it: what cannot be rigged is worth nothing.
    drafted = plausibility(load_asset(rigs[0])).value if rigs else 0.0
    return {"quick": pictures, "draft": pictures * drafted}


if __name__ == "__main__":
    sys.exit(main())
