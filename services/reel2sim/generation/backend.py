"""What a generator of reels is, and which there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol

from reel2sim.generation.sensor import parse_sensor, sensed
from reel2sim.generation.setting import Setting
from reel2sim.generation.truth import Truth
from reel2sim.scene.errors import PromptError, UsageError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Reel

if TYPE_CHECKING:
    from reel2sim.generation.view_truth import ViewTruths


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
        supersample: samples taken per pixel, along each side.
        setting: place, light and camera.
    """

    seed: int = 0
    frames: int = 24
    size: int = 192
    seconds: float = 2.0
    views: int = 24
    supersample: int = 2
    setting: Setting = Setting()  # noqa: RUF009 - frozen

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
    """A reel and, where the generator knows it, what really happened in it.

    Attributes:
        reel: the pictures.
        truth: joints, poses and surface points.
        views: what each picture shows, in the order of the reel's frames.
    """

    reel: Reel
    truth: Truth | None
    views: ViewTruths | None = None


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
    made = _FACTORIES[backend]().generate(prompt, config=config, progress=progress)
    return filmed_with(made, config, progress=progress)


def filmed_with(
    made: GeneratedReel, config: GenerationConfig, *, progress: Progress = silent
) -> GeneratedReel:
    """What was generated, as the setting's sensor takes it; its truth stays."""
    sensor = parse_sensor(config.setting.sensor)
    reel = sensed(made.reel, sensor, seed=config.seed, views=made.views, progress=progress)
    return replace(made, reel=reel)
