"""What a generator of reels is, and which there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Protocol

from reel2sim.generation.truth import Truth
from reel2sim.scene.errors import PromptError, UsageError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do, for listings and for choosing one.

    Attributes:
        name: what users call it.
        modalities: inputs it takes: ``"text"``, ``"image"``.
        controls: what a prompt can steer, in words.
        max_frames: most frames per stream.
        cameras_known: whether the frames come with exact cameras.
        needs_gpu: whether it runs on a CUDA device only.
        notes: what else a user should know.
    """

    name: str
    modalities: tuple[str, ...]
    controls: tuple[str, ...]
    max_frames: int
    cameras_known: bool
    needs_gpu: bool
    notes: str = ""


@dataclass(frozen=True)
class GenerationConfig:
    """How much to generate.

    Attributes:
        seed: of everything random, such as textures.
        frames: instants, evenly spaced over the motion.
        size: width and height of the pictures, pixels.
        seconds: duration of the motion at usual speed.
        views: pictures of the still object around it at time zero.
        supersample: pixels rendered per pixel kept, along each side.
    """

    seed: int = 0
    frames: int = 24
    size: int = 192
    seconds: float = 2.0
    views: int = 24
    supersample: int = 2

    def __post_init__(self) -> None:
        ranges = {
            "seed": (0, 2**32 - 1),
            "frames": (2, 1000),
            "size": (16, 2048),
            "seconds": (0.1, 60.0),
            "views": (0, 1000),
            "supersample": (1, 4),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(
                    f"is {value}, expected {low}..{high}", source="GenerationConfig", field=name
                )


@dataclass(frozen=True, eq=False)
class GeneratedReel:
    """A reel and, where the generator knows it, what really happened in it."""

    reel: Reel
    truth: Truth | None


class Backend(Protocol):
    """Turns prompts into reels."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        ...

    def generate(
        self, prompt: str, *, config: GenerationConfig, progress: Progress
    ) -> GeneratedReel:
        """Make a reel of what ``prompt`` says.

        Raises:
            PromptError: if it does not understand the prompt.
        """
        ...


_FACTORIES: dict[str, Callable[[], Backend]] = {}


def register(name: str, factory: Callable[[], Backend]) -> None:
    """Make a backend known under ``name``; ``factory`` is called when it is needed.

    Raises:
        UsageError: if the name is taken.
    """
    if name in _FACTORIES:
        raise UsageError(f"backend {name!r} is registered already", field="backend")
    _FACTORIES[name] = factory


def backends() -> dict[str, Capabilities]:
    """Capabilities of every registered backend, by name."""
    return {name: factory().capabilities for name, factory in _FACTORIES.items()}


def backend_digest(name: str) -> str:
    """sha256 of the weights that a backend reads; "" if it reads none or is unknown.

    Results of different weights must not be taken for one another.
    """
    made: object = _FACTORIES[name]() if name in _FACTORIES else None
    return str(getattr(made, "digest", ""))


def generate(
    prompt: str,
    *,
    backend: str = "scripted",
    config: GenerationConfig | None = None,
    progress: Progress = silent,
) -> GeneratedReel:
    """Make a reel from a text.

    Args:
        prompt: what to show and how it moves.
        backend: name of a registered backend.
        config: how much to generate, default :class:`GenerationConfig`.
        progress: told as pictures get ready.

    Raises:
        UsageError: if the backend is unknown or the configuration out of range.
        PromptError: if the prompt is empty or not understood.
    """
    if backend not in _FACTORIES:
        near = get_close_matches(backend, _FACTORIES, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(
            f"unknown backend {backend!r}{meant}",
            field="backend",
            remedy=f"choose one of: {', '.join(sorted(_FACTORIES))}",
        )
    if not prompt.strip():
        raise PromptError("is empty", source="prompt", remedy="say what to show and how it moves")
    config = GenerationConfig() if config is None else config
    return _FACTORIES[backend]().generate(prompt, config=config, progress=progress)
