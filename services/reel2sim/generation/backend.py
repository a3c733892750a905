"""What a generator of reels is, and which there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from reel2sim.generation.controls import Controls
from reel2sim.generation.setting import Setting
from reel2sim.generation.truth import Truth
from reel2sim.scene.errors import UsageError
from reel2sim.scene.progress import Progress
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
        takes: fields of :class:`Controls` that it follows.
        places: whether it films with the background and the lighting of :class:`Setting`.
        missing: what has to be done before it works, as an imperative sentence; "" if nothing.
    """

    name: str
    modalities: tuple[str, ...]
    controls: tuple[str, ...]
    max_frames: int
    cameras_known: bool
    needs_gpu: bool
    notes: str = ""
    takes: tuple[str, ...] = ()
    places: bool = False
    missing: str = ""


@dataclass(frozen=True)
class GenerationConfig:
    """How much to generate.

    Attributes:
        seed: of everything random, such as textures.
        frames: instants, evenly spaced over the motion; None takes 24, and up to 40 where
            something moves quickly.
        size: width and height of the pictures, pixels.
        seconds: duration of the motion at usual speed.
        views: pictures of the still object around it at time zero.
        fixed: cameras that stand still while it moves: in front, behind, to the left and right.
        supersample: samples taken per pixel, along each side.
        setting: place, light and camera.
        controls: what else is asked.
    """

    seed: int = 0
    frames: int | None = None
    size: int = 192
    seconds: float = 2.0
    views: int = 24
    fixed: int = 4
    supersample: int = 2
    setting: Setting = Setting()  # noqa: RUF009 - frozen
    controls: Controls = Controls()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        ranges = {
            "seed": (0, 2**32 - 1),
            "frames": (2, 1000),
            "size": (16, 2048),
            "seconds": (0.1, 60.0),
            "views": (0, 1000),
            "fixed": (1, 4),
            "supersample": (1, 4),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
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


def registered() -> dict[str, Callable[[], Backend]]:
    """The factories of all registered backends, by name."""
    return dict(_FACTORIES)
