"""What a user may ask of a generator beyond its prompt."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reel2sim.scene.digest import digest_config, digest_file
from reel2sim.scene.errors import NotFoundError, UsageError

Memory = Literal["auto", "low", "full"]

PICTURES = ("first_frame", "last_frame", "reference")
"""Controls that name a picture file."""

FINISHING = ("interpolate", "interpolate_with", "upscale", "upscale_with")
"""Controls of what happens to a clip after it was made, whichever backend made it."""
_UNSAID = ("device",)
"""Fields that say where to work, not what to make."""
_RANGES: Mapping[str, tuple[float, float]] = {
    "steps": (1, 1000),
    "guidance": (0.0, 100.0),
    "motion": (0.0, 1.0),
    "fps": (0.1, 240.0),
    "frames": (2, 10_000),
    "width": (16, 8192),
    "height": (16, 8192),
    "window": (2, 10_000),
    "overlap": (1, 1000),
    "interpolate": (2, 16),
    "upscale": (2, 8),
}


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What is asked of a generator; what is None or "" is left to it.

    A backend names those it takes in :attr:`Capabilities.takes`; others are refused.

    Attributes:
        model: folder of a saved model, or its id on a hub as ``owner/name`` or
            ``owner/name@revision``.
        negative_prompt: what should not be seen.
        first_frame: picture file that the clip begins with.
        last_frame: picture file that the clip ends with.
        reference: picture file of the subject, from anywhere.
        video: video file to begin from, or to take as it is.
        orbit: ask for a camera that circles the subject, which itself stands still.
        steps: denoising steps.
        guidance: weight of the prompt, as classifier-free guidance defines it.
        motion: how much should move, 0 to 1.
        fps: frames a second of the clip.
        frames: how many.
        width: of the pictures, pixels.
        height: of the pictures, pixels.
        window: frames made at a time; longer clips are made of windows that overlap.
        overlap: frames that neighbouring windows share.
        interpolate: put this many frames where one was, less one, between neighbours.
        interpolate_with: model that does so, which takes a first and a last frame; "" for
            optical flow.
        upscale: enlarge the pictures this many times.
        upscale_with: video-to-video model that redraws the enlarged pictures; "" for none.
        server: ``host:port`` of another Reel2Sim server.
        server_backend: generator there.
        memory: ``full`` keeps all of a model where it works, ``low`` needs the least memory;
            ``auto`` moves what does not work off a CUDA device.
        device: ``auto`` takes CUDA where it is.
    """

    model: str = ""
    negative_prompt: str = ""
    first_frame: str = ""
    last_frame: str = ""
    reference: str = ""
    video: str = ""
    orbit: bool = False
    steps: int | None = None
    guidance: float | None = None
    motion: float | None = None
    fps: float | None = None
    frames: int | None = None
    width: int | None = None
    height: int | None = None
    window: int | None = None
    overlap: int | None = None
    interpolate: int | None = None
    interpolate_with: str = ""
    upscale: int | None = None
    upscale_with: str = ""
    server: str = ""
    server_backend: str = ""
    memory: Memory | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise UsageError(f"is {value:g}, expected {low:g}..{high:g}", field=name)
        for name in ("interpolate", "upscale"):
            if getattr(self, f"{name}_with") and getattr(self, name) is None:
                raise UsageError(f"needs {name}, the factor", field=f"{name}_with")

    def given(self) -> tuple[str, ...]:
        """Names of what is asked for."""
        return tuple(
            field.name
            for field in dataclasses.fields(self)
            if field.name not in _UNSAID and getattr(self, field.name) not in (None, "", False)
        )

    @property
    def pictures_in(self) -> tuple[str, ...]:
        """The files that stand beside the prompt."""
        named = (getattr(self, name) for name in (*PICTURES, "video"))
        return tuple(path for path in named if path)


def refuse_others(controls: Controls, takes: Collection[str], *, who: str) -> None:
    """Refuse what a backend cannot do.

    Args:
        controls: what is asked.
        takes: what it can.
        who: is named in the message.

    Raises:
        UsageError: with the name of the first control that it has not, and the list of all it has.
    """
    for name in controls.given():
        if name not in takes and name not in FINISHING:
            has = ", ".join(sorted((*takes, *FINISHING)))
            raise UsageError(
                f"{who} has no such control", field=name, remedy=f"leave it out; it has: {has}"
            )


def pictures_by_content(controls: Controls) -> Controls:
    """``controls`` with the sha256 of each picture for its name, for keys and records.

    The same picture gives the same reel, wherever it lies.

    Raises:
        NotFoundError: if one is not there.
    """
    named = {name: getattr(controls, name) for name in PICTURES}
    digests = {name: _digest(Path(path)) for name, path in named.items() if path}
    return dataclasses.replace(controls, **digests)


def inputs_digest(controls: Controls) -> tuple[str, ...]:
    """What stands for the files that ``controls`` names, in keys: their contents, not their names.

    A model's folder is told by the names, sizes and times of its files, which are large.

    Raises:
        NotFoundError: if a picture or a video is not there.
    """
    found = [_digest(Path(path)) for path in controls.pictures_in]
    for name in (controls.model, controls.interpolate_with, controls.upscale_with):
        folder = Path(name.partition(":")[2] or name)
        if name and folder.is_dir():
            stats = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
            state = [(str(path), stat.st_size, stat.st_mtime_ns) for path, stat in stats]
            found.append(digest_config(state))
    return tuple(found)


def _digest(path: Path) -> str:
    if not path.is_file():
        raise NotFoundError("does not exist", source=path)
    return digest_file(path)
