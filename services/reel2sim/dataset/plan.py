"""What is asked of a generated dataset, and what follows from it for each sample."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

import numpy as np

from reel2sim.generation.backend import GenerationConfig
from reel2sim.generation.scripted.families import FAMILIES, check_families
from reel2sim.generation.scripted.say import random_scene_of, say
from reel2sim.generation.sensor import SENSORS
from reel2sim.generation.setting import Background, Lighting, Setting
from reel2sim.scene.errors import UsageError

MIXED: Final = "mixed"
TruthKind = Literal["joints", "full"]
SPLITS: Final = ("train", "val", "test", "unseen")
_MOST_OBJECTS = 6


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A generated dataset, but for how many samples it has.

    Sample ``index`` follows from these fields and ``index`` alone. Of two plans that differ in
    their setting only, samples of one index show the same objects in the same motion.

    Attributes:
        families: kinds of objects, in the order of their listing; all if empty.
        most: most objects in a scene.
        seed: of every draw.
        size: width and height of the pictures, pixels.
        views: pictures of the still object around it at time zero.
        frames: pictures of the moving and of each fixed camera, evenly over the motion.
        fixed: cameras that stand still: in front, behind, to the left and right.
        seconds: duration of the motion at usual speed.
        truth: ``joints``: joints, positions, poses of parts and surface points; ``full``: also
            depth, parts, normals and flow of every picture.
        background: as of :class:`Setting`, or ``mixed`` to draw it for each sample.
        lighting: likewise.
        sensor: likewise; ``mixed`` draws one of the cameras that have a name.
        least_motion: samples whose pictures change less are rejected.
        most_overflow: share of the surface that may leave a picture before a sample is rejected.
        keep_rejected: keep the pictures of rejected samples too.
    """

    families: tuple[str, ...] = ()
    most: int = 1
    seed: int = 0
    size: int = 256
    views: int = 24
    frames: int = 24
    fixed: int = 1
    seconds: float = 2.0
    truth: TruthKind = "full"
    background: Background | Literal["mixed"] = "none"
    lighting: Lighting | Literal["mixed"] = "studio"
    sensor: str = "none"
    least_motion: float = 0.002
    most_overflow: float = 0.0
    keep_rejected: bool = False

    def __post_init__(self) -> None:
        chosen = known_families(self.families, field="families") or tuple(FAMILIES)
        object.__setattr__(self, "families", chosen)
        checks = {
            "most": (1 <= self.most <= _MOST_OBJECTS, f"give 1 to {_MOST_OBJECTS}"),
            "views": (self.views >= 1, "give at least 1"),
            "truth": (
                self.truth in get_args(TruthKind),
                f"give one of {', '.join(get_args(TruthKind))}",
            ),
            "least_motion": (0.0 <= self.least_motion <= 1.0, "give a share from 0 to 1"),
            "most_overflow": (0.0 <= self.most_overflow <= 1.0, "give a share from 0 to 1"),
        }
        for name, (fine, remedy) in checks.items():
            if not fine:
                raise UsageError("is out of range", source="dataset", field=name, remedy=remedy)
        _ = draw(self, 0).config  # generation judges the rest


@dataclass(frozen=True)
class Draw:
    """What one sample shall show.

    Attributes:
        index: of the sample.
        prompt: says it all.
        families: of its objects, from left to right.
        config: for the generator.
    """

    index: int
    prompt: str
    families: tuple[str, ...]
    config: GenerationConfig


def draw(plan: Plan, index: int) -> Draw:
    """What sample ``index`` of ``plan`` shows.

    The kind of the first object runs through all families in random order, then through all in
    another, so that among any number of samples no family is drawn first more than once more
    often than another. What else stands there is drawn evenly.
    """
    scenes, settings, seeds = np.random.default_rng([plan.seed, index]).spawn(3)
    turn, place = divmod(index, len(plan.families))
    order = np.random.default_rng([plan.seed, turn, len(plan.families), _ORDER])
    first = plan.families[order.permutation(len(plan.families))[place]]
    others = [str(scenes.choice(plan.families)) for _ in range(scenes.integers(plan.most))]
    kinds = [first, *others]
    scene = random_scene_of(scenes, [kinds[k] for k in scenes.permutation(len(kinds))])
    config = GenerationConfig(
        seed=int(seeds.integers(2**32)),
        frames=plan.frames,
        size=plan.size,
        seconds=plan.seconds,
        views=plan.views,
        fixed=plan.fixed,
        setting=_setting(plan, settings),
    )
    return Draw(index, say(scene), tuple(thing.family for thing in scene.things), config)


_ORDER = 0x0F


def _setting(plan: Plan, rng: np.random.Generator) -> Setting:
    """The plan's, or what is drawn; draws of one do not depend on whether another is drawn."""
    kinds = {
        "background": get_args(Background),
        "lighting": get_args(Lighting),
        "sensor": tuple(SENSORS),
    }
    drawn: dict[str, Any] = {name: str(rng.choice(some)) for name, some in kinds.items()}
    asked: dict[str, Any] = {name: getattr(plan, name) for name in kinds}
    return Setting(**{k: drawn[k] if v == MIXED else v for k, v in asked.items()})


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which samples are for training, and which are held back.

    It is the words of a prompt that decide, whatever the dataset and its seed: a prompt that one
    dataset trains on is in no other's test set of the same shares.

    Attributes:
        shares: of prompts for ``train``, ``val`` and ``test``; they add up to 1.
        held_back: families no sample for training or test shows: those with any of them are
            ``unseen``.
    """

    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    held_back: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.shares) < 0 or abs(sum(self.shares) - 1.0) > 1e-6:
            raise UsageError(
                "must be three shares that add up to 1", source="dataset", field="split"
            )
        held_back = known_families(self.held_back, field="hold_back")
        object.__setattr__(self, "held_back", held_back)

    def of(self, prompt: str, families: Sequence[str]) -> str:
        """The split of a sample, one of ``SPLITS``."""
        if not set(self.held_back).isdisjoint(families):
            return "unseen"
        number = int.from_bytes(hashlib.sha256(f"split {prompt}".encode()).digest()[:7])
        share = number / 2**56
        _, val, test = self.shares
        return "test" if share < test else "val" if share < test + val else "train"


def known_families(names: Sequence[str], *, field: str) -> tuple[str, ...]:
    """The families of these names, once each, in the order of their listing.

    Raises:
        UsageError: if there is none of a name.
    """
    check_families(names, source="dataset", field=field)
    return tuple(name for name in FAMILIES if name in names)
