"""``reel2sim generate``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from reel2sim.cli.options import Common, Effort, Flag, Text, shown
from reel2sim.cli.setting import Place

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Make a capture folder from a prompt.

    The scripted backend builds the object it is asked for and films it, so that it can also say
    what is true of it. With --truth parts, joints and their states go to truth.json, and depth,
    parts, normals and flow of every picture to the folder truth (see docs/pictures.md).

    Examples:
      reel2sim generate --prompt "a cabinet with a door and a drawer" --out capture
      reel2sim generate --prompt "a laptop that opens" --out capture --truth --seed 3
      reel2sim generate --prompt "a laptop" --out capture --background room --sensor phone
      reel2sim generate --prompt "a lamp and a toy car on a table, the car rolls" --out capture
      reel2sim generate --list
    """

    prompt: Text = ""
    """What to make and how it moves; docs/prompts.md has the grammar."""
    out: Annotated[Path | None, shown("CAPTURE")] = None
    """Capture folder to make."""
    list: Flag = False
    """Show the objects that the scripted backend knows, with a prompt for each, and stop."""
    backend: str = "scripted"
    """Which generator to use; `reel2sim doctor` lists them."""
    truth: Flag = False
    """Also write truth.json and the folder truth, if the backend knows the truth."""
    place: Place = field(default_factory=Place)
    effort: Effort = field(default_factory=Effort)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Write the capture."""
        if self.list:
            return _list(console)
        from reel2sim.exporters.staging import staged_folder
        from reel2sim.generation.truth import write_truth
        from reel2sim.generation.view_truth import write_views
        from reel2sim.media import write_capture
        from reel2sim.pipeline.publish import check_empty
        from reel2sim.pipeline.toolchain import generate_reel
        from reel2sim.scene.errors import UsageError

        if self.out is None:
            raise UsageError("is not given", field="out", remedy="name a folder with --out")
        check_empty(self.out)
        config = self.effort.pipeline_config(backend=self.backend, setting=self.place.setting())
        with console.progress() as progress:
            made = generate_reel(self.prompt, config, progress)
        if self.truth and made.truth is None:
            raise UsageError(f"backend {self.backend!r} does not know the truth", field="truth")
        with staged_folder(self.out) as folder:
            write_capture(made.reel, folder)
            if self.truth and made.truth is not None:
                write_truth(made.truth, folder)
                if made.views is not None:
                    write_views(made.truth, made.views, folder)
        reel = made.reel
        record = {
            "capture": str(self.out),
            "frames": len(reel.frames),
            "streams": {name: len(frames) for name, frames in reel.streams.items()},
            "truth": self.truth,
        }
        console.result(record, f"capture {self.out}  ({len(reel.frames)} frames)")
        return 0


def _list(console: Console) -> int:
    """Show what prompts can name."""
    from reel2sim.cli.tables import table
    from reel2sim.generation.scripted.families import FAMILIES

    rows = [
        (f.kind, " / ".join([f.spoken, *(w for w in f.words if w != f.spoken)]), f.parts, f.example)
        for f in FAMILIES.values()
    ]
    columns = ("kind", "object", "parts", "example")
    record = {"objects": [dict(zip(columns, row, strict=True)) for row in rows]}
    console.result(record, table(f"{len(rows)} kinds of objects", columns, rows))
    return 0
