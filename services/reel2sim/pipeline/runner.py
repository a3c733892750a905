"""Runs one stage after another, from the cache where it can, and writes down what each cost."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from reel2sim.observe.stages import StageCost, tell_cost
from reel2sim.pipeline.cache import Cache, Cost, Hit
from reel2sim.pipeline.config import PipelineConfig
from reel2sim.pipeline.memory import PeakMemory
from reel2sim.pipeline.stages import Stage
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.errors import InputError, StageError
from reel2sim.scene.progress import Progress

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class StageRun:
    """What one stage took.

    Attributes:
        name: of the stage.
        version: of the stage.
        key: digest of everything the result depends on.
        config: the settings it ran with, as plain values.
        seconds: wall time when the result was made.
        peak_memory_mb: largest resident memory of the process meanwhile, MiB.
        metrics: figures of the result.
        cached: whether the result came from the cache, so that nothing was spent now.
    """

    name: str
    version: int
    key: str
    config: Mapping[str, Any]
    seconds: float
    peak_memory_mb: float
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
    cached: bool = False


@dataclass
class Runner:
    """Runs stages of one pipeline run and remembers each as a :class:`StageRun`.

    Attributes:
        config: of the run.
        progress: of the run; every stage reports under its own name.
        cache: where results are kept, or None.
        done: the stages so far, in order.
    """

    config: PipelineConfig
    progress: Progress
    cache: Cache | None = None
    done: list[StageRun] = field(default_factory=list[StageRun])

    def __call__(self, stage: Stage[In, Out], value: In, *inputs: str) -> tuple[Out, str]:
        """Run ``stage`` on ``value``.

        Args:
            stage: what to run.
            value: its input.
            inputs: digests, keys or texts that stand for ``value`` in the key.

        Returns:
            The result, and what stands for it in the keys of later stages: the digest of the
            file it is kept in, or its own key where it is kept in none.
        """
        key = stage.key(self.config, inputs)
        self.progress(stage.name, 0.0, "starting")
        if self.cache is None or stage.store is None:
            result, found = self._work(stage, value), False
        elif hit := self.cache.get(stage.name, key, stage.store):
            result, found = hit, True
        else:
            steps = self.cache.checkpoints(stage.name, key)
            try:
                result, found = self._work(stage, value, steps), False
            except (InputError, StageError):
                steps.discard()  # the same work would end there again
                raise
            digest = self.cache.put(stage.name, key, result.value, stage.store, cost=result.cost)
            if digest:
                steps.discard()
            result = replace(result, digest=digest)
        kept = self.cache is not None and stage.store is not None
        tell_cost(StageCost(stage.name, found if kept else None, result.cost.peak_memory_mb))
        self._record(stage, key, result.cost, cached=found)
        return result.value, result.digest or key

    def _work(
        self, stage: Stage[In, Out], value: In, checkpoints: Checkpoints = NO_CHECKPOINTS
    ) -> Hit[Out]:
        more = {"checkpoints": checkpoints} if stage.resumable else {}
        began = time.perf_counter()
        with PeakMemory() as memory:
            result = stage.function(value, self.config, named(self.progress, stage.name), **more)
        metrics = {name: float(x) for name, x in stage.metrics(result).items()}
        return Hit(result, Cost(time.perf_counter() - began, memory.peak_mb, metrics))

    def _record(self, stage: Stage[Any, Any], key: str, cost: Cost, *, cached: bool) -> None:
        settings = plain(stage.settings(self.config))
        self.done.append(
            StageRun(
                name=stage.name,
                version=stage.version,
                key=key,
                config=settings if isinstance(settings, dict) else {"settings": settings},
                seconds=cost.seconds,
                peak_memory_mb=cost.peak_memory_mb,
                metrics=cost.metrics,
                cached=cached,
            )
        )
        message = "from the cache" if cached else f"{cost.seconds:.1f} s"
        self.progress(stage.name, 1.0, message, **cost.metrics)


def named(progress: Progress, name: str) -> Progress:
    """``progress`` that reports under ``name``, whatever the parts of a stage call themselves.

    It never goes back, and never reports a stage as done: that is for the caller to say once the
    result is there.
    """
    furthest = 0.0

    def report(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        nonlocal furthest
        furthest = max(furthest, min(fraction, 0.999))
        progress(name, furthest, message, **metrics)

    return report


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: dataclasses become dictionaries, the rest text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(x) for x in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
