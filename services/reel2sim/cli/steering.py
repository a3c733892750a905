"""Options that say how a generator should make its clip."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from reel2sim.cli.options import Device, Flag, Text, shown

if TYPE_CHECKING:
    from reel2sim.generation.controls import Controls

PICTURES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, kw_only=True)
class Steering:
    """What a generator is asked beyond the prompt; one that cannot follow says what it can."""

    model: Annotated[str, shown("DIR|ID")] = ""
    """Model of --backend diffusers: a folder, or owner/name on a hub; else
    $REEL2SIM_DIFFUSERS_MODEL."""
    negative_prompt: Text = ""
    """What should not be seen."""
    first_frame: Annotated[Path | None, shown("IMAGE")] = None
    """Picture that the clip begins with."""
    last_frame: Annotated[Path | None, shown("IMAGE")] = None
    """Picture that the clip ends with."""
    reference: Annotated[Path | None, shown("IMAGE")] = None
    """Picture of the subject, from anywhere."""
    video: Annotated[Path | None, shown("FILE")] = None
    """Video to redraw, or, with --backend video, to take as it is."""
    orbit: Flag = False
    """Ask for a camera that circles the subject."""
    steps: Annotated[int | None, shown("N")] = None
    """Denoising steps."""
    guidance: Annotated[float | None, shown("X")] = None
    """Weight of the prompt."""
    motion: Annotated[float | None, shown("0..1")] = None
    """How much should move."""
    fps: Annotated[float | None, shown("X")] = None
    """Frames a second."""
    frames: Annotated[int | None, shown("N")] = None
    """How many frames."""
    width: Annotated[int | None, shown("PIXELS")] = None
    """Width of the pictures."""
    height: Annotated[int | None, shown("PIXELS")] = None
    """Height of the pictures."""
    window: Annotated[int | None, shown("N")] = None
    """Frames made at a time; longer clips are made of windows."""
    overlap: Annotated[int | None, shown("N")] = None
    """Frames that neighbouring windows share."""
    interpolate: Annotated[int | None, shown("FACTOR")] = None
    """Multiply the frames, by optical flow or --interpolate-with."""
    interpolate_with: Annotated[str, shown("DIR|ID")] = ""
    """Model that takes a first and a last frame."""
    upscale: Annotated[int | None, shown("FACTOR")] = None
    """Enlarge the pictures, by resampling or also --upscale-with."""
    upscale_with: Annotated[str, shown("DIR|ID")] = ""
    """Video-to-video model that redraws them."""
    server: Annotated[str, shown("HOST:PORT")] = ""
    """Server of --backend server; else $REEL2SIM_SERVER."""
    server_backend: Text = ""
    """Generator of that server."""
    memory: Annotated[Literal["auto", "low", "full"] | None, shown("{auto,low,full}")] = None
    """How to keep a model: low needs least, full is fastest."""

    def controls(self, device: Device = "auto", **more: Any) -> Controls | None:
        """As the generator takes them; None if nothing is asked.

        Args:
            device: where to work.
            more: fields of Controls to put in place of these.
        """
        from reel2sim.generation.controls import Controls

        given = {field.name: getattr(self, field.name) for field in fields(self)}
        given = {name: str(x) if isinstance(x, Path) else x for name, x in given.items()}
        given = {name: "" if x is None and _textual(name) else x for name, x in given.items()}
        asked = Controls(**{**given, "device": device, **more})
        return asked if asked.given() else None


def is_picture(path: Path | None) -> bool:
    """Whether ``path`` is a picture file by its name."""
    return path is not None and path.suffix.lower() in PICTURES and path.is_file()


def _textual(name: str) -> bool:
    return name in ("first_frame", "last_frame", "reference", "video")
