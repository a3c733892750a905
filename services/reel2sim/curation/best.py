"""The best of several reels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from reel2sim.curation.figures import measure
from reel2sim.curation.hashes import SAME, perceptual_hash, share_of_bits
from reel2sim.curation.judge import Judge
from reel2sim.curation.score import Candidate, Score, score
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError, StageError, UsageError
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.reel import Reel

if TYPE_CHECKING:
    from reel2sim.generation import GeneratedReel
    from reel2sim.pipeline import PipelineConfig

T = TypeVar("T")
_NOTHING = Score(0.0, {})


def best_of(
    prompt: str,
    count: int,
    *,
    config: PipelineConfig,
    judge: Judge | None = None,
    progress: Progress = silent,
) -> tuple[GeneratedReel, tuple[Candidate, ...]]:
    """Generate ``count`` reels with successive seeds, and keep the best.

    Args:
        prompt: what to make.
        count: how many.
        config: of the first; the others have seeds one higher each.
        judge: more to judge by than the pictures, or None.
        progress: told of all of it.

    Returns:
        The reel that is kept, and the candidates from the best to the worst.

    Raises:
        UsageError: if ``count`` is not from 1 to 1000, or seeds run out.
        Reel2SimError: as the first candidate failed, if all did.
    """
    from reel2sim.pipeline.toolchain import generate_reel

    if not 1 <= count <= 1000:
        raise UsageError(f"is {count}, expected 1..1000", field="best_of")
    seeds = [config.seed + k for k in range(count)]
    choices = [replace(config, seed=seed) for seed in seeds]

    def making(choice: PipelineConfig, share: Progress) -> Callable[[], GeneratedReel]:
        return lambda: generate_reel(prompt, choice, share)

    shares = [subrange(progress, k / count, (k + 0.5) / count) for k in range(count)]
    makers = [
        (f"seed {choice.seed}", making(choice, share))
        for choice, share in zip(choices, shares, strict=True)
    ]
    best, ranking = _judged(makers, lambda made: made.reel, judge, count, progress)
    return best, ranking


def rank(
    sources: Iterable[tuple[str, Callable[[], Reel]]],
    *,
    judge: Judge | None = None,
    progress: Progress = silent,
) -> tuple[Candidate, ...]:
    """Judge reels that exist, from the best to the worst.

    Args:
        sources: name of each and how to read it; only two are in memory at a time.
        judge: more to judge by than the pictures, or None.
        progress: told of all of it.

    Raises:
        Reel2SimError: as the first failed, if all did.
    """
    makers = list(sources)
    return _judged(makers, lambda reel: reel, judge, len(makers), progress)[1]


def _judged(
    makers: list[tuple[str, Callable[[], T]]],
    reel_of: Callable[[T], Reel],
    judge: Judge | None,
    count: int,
    progress: Progress,
) -> tuple[T, tuple[Candidate, ...]]:
    """The best of what is made, and all candidates in order; ties go to the earlier."""
    found: list[Candidate] = []
    hashes: list[tuple[str, Array]] = []
    best: tuple[float, T] | None = None
    failure: Exception | None = None
    for k, (name, make) in enumerate(makers):
        share = subrange(progress, (k + 0.5) / count, (k + 1) / count)
        try:
            made = make()
            candidate = _candidate(name, reel_of(made), hashes, judge, share)
        except (InputError, StageError) as error:
            failure = failure or error
            found.append(Candidate(name, None, _NOTHING, fault=str(error)))
            continue
        found.append(candidate)
        if candidate.eligible and (best is None or candidate.score.value > best[0]):
            best = (candidate.score.value, made)
    if best is None:
        raise failure or UsageError("there is nothing to judge")
    ranking = sorted(found, key=lambda c: (not c.eligible, -c.score.value))
    return best[1], tuple(ranking)


def _candidate(
    name: str,
    reel: Reel,
    hashes: list[tuple[str, Array]],
    judge: Judge | None,
    progress: Progress,
) -> Candidate:
    own = perceptual_hash(reel)
    twin = next((other for other, seen in hashes if share_of_bits(seen, own) <= SAME), "")
    figures = measure(reel, progress=progress)
    if twin:
        return Candidate(name, figures, score(figures), duplicate_of=twin)
    hashes.append((name, own))
    draft = judge(reel, progress) if judge is not None else None
    return Candidate(name, figures, score(figures, draft), draft=draft)
