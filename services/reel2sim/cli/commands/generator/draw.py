"""``reel2sim generator sample``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from reel2sim.cli.commands.generator.media import captured, strokes
from reel2sim.cli.commands.generator.options import MODEL, model_file, use_threads
from reel2sim.cli.options import Common, Device, Flag, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Make captures with a trained model, or describe one that is given.

    Examples:
      reel2sim generator sample run/model.safetensors --prompt "a red laptop, the lid opens" --out c
      reel2sim generator sample MODEL --prompt "a cabinet with a door" --motion 0.02 --out capture
      reel2sim generator sample MODEL --first front.png --out capture
      reel2sim generator sample MODEL --like capture --motion-scale 2 --out again
      reel2sim generator sample MODEL --describe capture
    """

    model: Annotated[tyro.conf.Positional[Path], MODEL]
    """File that training wrote."""
    out: Annotated[Path | None, shown("CAPTURE")] = None
    """Capture folder to make."""
    prompt: Annotated[str | None, shown("TEXT")] = None
    """What to show; left to the model if not given."""
    motion: Annotated[float | None, shown("M")] = None
    """Motion magnitude: mean squared difference of the front view to its first picture."""
    first: Annotated[Path | None, shown("PICTURE")] = None
    """First picture of the front view (PNG, RGBA or on white)."""
    last: Annotated[Path | None, shown("PICTURE")] = None
    """Last picture of the front view."""
    reference: Annotated[Path | None, shown("PICTURE")] = None
    """A picture of the object, from anywhere."""
    like: Annotated[Path | None, shown("CAPTURE")] = None
    """Take the still orbit, cameras and times of this capture, and make the rest move."""
    strokes: Annotated[Path | None, shown("FILE")] = None
    """Motion-brush strokes: JSON of paths in the front view, [[[x, y], ...], ...] in −1..1, one
    point for each of its pictures."""
    describe: Annotated[Path | None, shown("CAPTURE")] = None
    """Say what this capture shows instead; it needs the layout of the model."""
    write: Flag = False
    """Make a text together with the video."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = 20
    """Of the sampler."""
    method: Literal["euler", "heun"] = "euler"
    """Heun's asks the model twice a step."""
    text_scale: Annotated[float, tyro.conf.arg(metavar="S")] = 2.0
    """Guidance towards what is asked for; 1 is none."""
    motion_scale: Annotated[float, tyro.conf.arg(metavar="S")] = 1.0
    """3D-aware guidance away from the still object; 1 is none."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Of the noise."""
    seconds: Annotated[float, tyro.conf.arg(metavar="S")] = 2.0
    """Duration of the motion."""
    device: Device = "auto"
    """Where to compute."""
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Of the CPU."""
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Write the capture and its sheet, or the text."""
        from reel2sim.generation.uvit.checkpoint import load_model
        from reel2sim.generation.uvit.parallel import device_of
        from reel2sim.generation.uvit.sampler import caption
        from reel2sim.scene.errors import UsageError

        if (self.out is None) == (self.describe is None):
            raise UsageError("give either --out or --describe", field="--out")
        use_threads(self.threads)
        model = load_model(model_file(self.model), device=device_of(self.device))
        if self.describe is not None:
            shown_ = captured(self.describe, model.layout)
            text = caption(model, shown_, seed=self.seed, steps=self.steps)
            console.result({"text": text}, text or "(nothing)")
            return 0
        return self._make(console, model)

    def _make(self, console: Console, model: Any) -> int:
        from reel2sim.exporters.staging import staged_folder
        from reel2sim.generation.uvit.sampler import sample
        from reel2sim.generation.uvit.sheets import write_sheet
        from reel2sim.media import write_capture

        assert self.out is not None
        with console.progress() as progress:
            made = sample(model, self._request(model), progress=progress)
        with staged_folder(self.out) as folder:
            write_capture(made.reel(model.layout, source="uvit"), folder)
            write_sheet(folder / "sheet.png", [(made.prompt, made)], model.layout)
        record = {"capture": str(self.out), "prompt": made.prompt, "motion": made.motion}
        told = f"\nit says: {made.prompt}" if self.write else ""
        console.result(
            record, f"capture {self.out}, motion {made.motion:.3g}; look at sheet.png{told}"
        )
        return 0

    def _request(self, model: Any) -> Any:
        from reel2sim.generation.uvit.facts import share_of_motion
        from reel2sim.generation.uvit.pictures import square_picture
        from reel2sim.generation.uvit.sampler import Request

        layout = model.layout
        frames: dict[int, Any] = {}
        if self.first is not None:
            frames[layout.first_front] = square_picture(self.first, layout.size)
        if self.last is not None:
            frames[layout.frames - 1] = square_picture(self.last, layout.size)
        request = Request(
            prompt=self.prompt,
            seed=self.seed,
            seconds=self.seconds,
            steps=self.steps,
            method=self.method,
            text_scale=self.text_scale,
            motion_scale=self.motion_scale,
            motion=self.motion,
            frames=frames,
            reference=(
                None if self.reference is None else square_picture(self.reference, layout.size)
            ),
            tracks=None if self.strokes is None else strokes(self.strokes),
            write=self.write,
        )
        if self.like is None:
            return request
        given = captured(self.like, layout)
        still = dict(enumerate(given.images[: layout.static]))
        return replace(
            request,
            cameras=given.cameras,
            times=share_of_motion(given.times_s),
            frames=still | frames,
        )
