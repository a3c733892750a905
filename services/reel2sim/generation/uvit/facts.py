"""What a model knows of its training data besides its weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from reel2sim.generation.uvit.config import Layout
from reel2sim.generation.uvit.rays import typical
from reel2sim.generation.uvit.sample import Sample
from reel2sim.generation.uvit.vocabulary import Vocabulary
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError, Reel2SimError

_LEAST = 1e-5
"""Added to a motion magnitude before its logarithm is taken."""
MOST = 3.0
"""Deviations from the mean at which standardised magnitudes end."""


@dataclass(frozen=True)
class Facts:
    """Of the training data.

    Attributes:
        words: of its prompts.
        motion_mean: of the base-10 logarithm of motion magnitudes.
        motion_deviation: of the same.
        rig: cameras of a typical sample, each fx, fy, cx, cy and the sixteen numbers of
            ``T_world_camera`` by rows.
        times: of its frames, from 0 to 1 over the motion.
        samples: how many the model was trained on.
    """

    words: tuple[str, ...]
    motion_mean: float
    motion_deviation: float
    rig: tuple[tuple[float, ...], ...]
    times: tuple[float, ...]
    samples: int

    @classmethod
    def of(cls, samples: Sequence[Sample], layout: Layout) -> Facts:
        """Of samples of one layout."""
        logs = np.array([math.log10(sample.motion + _LEAST) for sample in samples])
        rigs = [sample.cameras for sample in samples]
        chosen = samples[typical(rigs, layout.static)]
        return cls(
            words=Vocabulary.of(sample.prompt for sample in samples).words,
            motion_mean=float(logs.mean()),
            motion_deviation=float(max(logs.std(), 1e-3)),
            rig=tuple(
                (c.fx, c.fy, c.cx, c.cy, *c.T_world_camera.ravel().tolist()) for c in chosen.cameras
            ),
            times=tuple(share_of_motion(chosen.times_s).tolist()),
            samples=len(samples),
        )

    @classmethod
    def from_record(cls, record: Any, layout: Layout, *, source: object) -> Facts:
        """From what :meth:`record` gave, read from a file.

        Raises:
            InputError: if it is malformed.
        """
        try:
            facts = cls(
                words=tuple(record["words"]),
                motion_mean=float(record["motion_mean"]),
                motion_deviation=float(record["motion_deviation"]),
                rig=tuple(tuple(float(n) for n in row) for row in record["rig"]),
                times=tuple(float(t) for t in record["times"]),
                samples=int(record["samples"]),
            )
            _ = facts.vocabulary, facts.cameras(layout)
        except Reel2SimError as cause:
            raise InputError(str(cause), source=source, field="facts") from cause
        except (KeyError, TypeError, ValueError) as cause:
            raise InputError(f"are malformed: {cause!r}", source=source, field="facts") from cause
        lengths = {len(facts.rig), len(facts.times), layout.frames}
        fine = np.isfinite([facts.motion_mean, *facts.times]).all() and facts.motion_deviation > 0
        if len(lengths) > 1 or not fine:
            raise InputError("contradict the layout", source=source, field="facts")
        return facts

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @property
    def vocabulary(self) -> Vocabulary:
        """Code of prompts."""
        return Vocabulary(self.words)

    def cameras(self, layout: Layout) -> tuple[Camera, ...]:
        """The typical cameras."""
        size = layout.size
        return tuple(
            Camera(size, size, fx, fy, cx, cy, np.array(T).reshape(4, 4))
            for fx, fy, cx, cy, *T in self.rig
        )

    def standardised(self, motion: float) -> float:
        """A motion magnitude as the model reads it, at most :data:`MOST` from the mean.

        Raises:
            InputError: if it is negative or not finite.
        """
        if not (math.isfinite(motion) and motion >= 0):
            raise InputError("must be finite and not negative", source="motion")
        found = (math.log10(motion + _LEAST) - self.motion_mean) / self.motion_deviation
        return min(max(found, -MOST), MOST)

    def magnitude(self, standardised: float) -> float:
        """Inverse of :meth:`standardised` where that does not end."""
        exponent = standardised * self.motion_deviation + self.motion_mean
        return max(0.0, 10.0 ** min(exponent, 2.0) - _LEAST)


def share_of_motion(times_s: Array) -> Array:
    """Times from 0 at the first instant to 1 at the last."""
    start, stop = float(np.min(times_s)), float(np.max(times_s))
    return (np.asarray(times_s, np.float64) - start) / max(stop - start, 1e-9)
