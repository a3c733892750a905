"""Whether a subject bends, or is made of rigid parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from reel2sim.rigging.pictures.footage import Normalisation
from reel2sim.rigging.skeleton.build import Built, build_skeleton
from reel2sim.scene import SurfelSequence
from reel2sim.scene.arrays import Array

_BLUR = 2.8
"""A seam longer than this many thicknesses is no joint. A hinge is a line or a band across the
limb, but the reconstruction blurs it over up to some two and a half."""
_LEFT = 0.25
"""Share of the motion that the skeleton may leave unexplained: what slides, or was followed badly,
has none."""
_SAVED = 0.2
"""Share of the pictures' error that blending must save: what is fitted to these very pictures is
drawn a little better than joints in any case."""


class Pictures(Protocol):
    """What motions are judged by, as :class:`reel2sim.rigging.pictures.drawings.Drawings`."""

    def errors(self, labels: Array, motions: Array) -> Array:
        """How far drawings of parts under ``motions`` are from the pictures ``(f,)``."""
        ...


@dataclass(frozen=True, eq=False)
class Bending:
    """What speaks for a skeleton.

    Attributes:
        built: the skeleton.
        rigid: how far drawings of the rigid parts are from the pictures.
        blended: the same for surfels that blend the motions of bones; infinite if not drawn.
    """

    built: Built
    rigid: float
    blended: float

    @property
    def soft(self) -> bool:
        """Whether the subject is better understood as one that bends."""
        return self.blended < (1 - _SAVED) * self.rigid

    @property
    def metrics(self) -> dict[str, float]:
        """Figures for the asset: 1 for a subject that bends, and what says so."""
        found = {"bends": float(self.soft), "seam_length": self.built.seam}
        if np.isfinite(self.blended) and self.rigid > 0:
            found["blending_saves"] = 1 - self.blended / self.rigid
        if self.soft:
            found |= {
                "bones": float(len(self.built.skeleton)),
                "skin_replay_error": self.built.error,
            }
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell people, if the subject bends."""
        if not self.soft:
            return ()
        said = [
            f"The subject bends: it is rigged as a skeleton of {len(self.built.skeleton)} bones "
            "with a skin over them; the links' own meshes are a rigid approximation for physics."
        ]
        if self.built.alike:
            said.append(
                f"Left and right mirror each other: {self.built.alike} joint(s) were placed alike."
            )
        return tuple(said)


def bending(
    sequence: SurfelSequence,
    times_s: Array,
    *,
    drawings: Pictures,
    drawn: Array,
    norm: Normalisation,
    labels: Array,
    motions: Array,
    seed: int,
) -> Bending:
    """Weigh bones that share the surface against rigid parts.

    The reconstruction, in which they do, and the parts are drawn and compared with the pictures.
    But only where the seams between the bones are too long for joints of rigid parts, and a
    skeleton follows the motion: how well parts are drawn also depends on how well they were found.

    Args:
        sequence: dynamic surfels.
        times_s: instants since the first ``(t,)``, seconds.
        drawings: pictures of some of these instants.
        drawn: which of ``times_s`` these are ``(f,)``.
        norm: the normalised space of the drawings and of ``motions``.
        labels: rigid part of each surfel ``(n,)``.
        motions: of the parts ``(p, f, 4, 4)``.
        seed: of random choices.
    """
    built = build_skeleton(sequence, times_s, seed=seed)
    if len(built.skeleton) < 2 or built.seam <= _BLUR or built.left > _LEFT:
        return Bending(built, 0.0, np.inf)
    motion = np.stack([norm.motion(sequence.transforms(float(t))) for t in times_s[drawn]], axis=1)
    blended = drawings.errors(np.arange(len(motion)), motion).sum()
    return Bending(built, float(drawings.errors(labels, motions).sum()), float(blended))
