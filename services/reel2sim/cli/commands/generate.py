"""``reel2sim generate``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from reel2sim.cli.options import Common, Effort, Flag, Text, shown
from reel2sim.cli.setting import Place
from reel2sim.cli.steering import Steering

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.generation import GeneratedReel
    from reel2sim.pipeline import PipelineConfig
    from reel2sim.scene.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Make a reel from a prompt or a picture.

    A generator that knows its cameras gives a capture folder; one that makes plain clips gives a
    video file, whose pixels are kept without loss. `reel2sim doctor` lists the generators, and
    `reel2sim run` takes what this makes.

    The scripted backend builds the object it is asked for and films it, so that it can also say
    what is true of it. With --truth parts, joints and their states go to truth.json, and depth,
    parts, normals and flow of every picture to the folder truth (see docs/pictures.md).

    Examples:
      reel2sim generate --prompt "a cabinet with a door and a drawer" --out capture
      reel2sim generate --prompt "a laptop that opens" --out capture --truth --seed 3
      reel2sim generate --prompt "a laptop" --out capture --background room --sensor phone
      reel2sim generate --prompt "a lamp and a toy car on a table, the car rolls" --out capture
      reel2sim generate --list
      reel2sim generate --prompt "a laptop that opens" --out capture --best-of 4
      reel2sim generate --backend diffusers --model models/wan --prompt "a lamp bends" \
 --out lamp.mp4 --interpolate 2
      reel2sim generate --backend diffusers --model models/svd --first-frame lamp.png --out lamp.mp4
      reel2sim generate --backend server --server host:50051 --prompt "a laptop" --out capture
    """

    prompt: Text = ""
    """What to make and how it moves (the scripted backend's grammar is in docs/prompts.md); may be
    left out with --first-frame or --video."""
    out: Annotated[Path | None, shown("PATH")] = None
    """Capture folder to make; a video file (.mp4) if the backend makes plain clips."""
    list: Flag = False
    """Show the objects that the scripted backend knows, with a prompt for each, and stop."""
    backend: str = "scripted"
    """Which generator to use; `reel2sim doctor` lists them."""
    truth: Flag = False
    """Also write truth.json and the folder truth, if the backend knows the truth."""
    best_of: Annotated[int, shown("N")] = 1
    """Make N with successive seeds and keep the one that can be reconstructed best."""
    judge: Literal["quick", "draft"] = "quick"
    """How --best-of judges: quick looks at the pictures, draft also makes a draft of each and
    looks at its joints and whether its links pass through each other (a minute each)."""
    place: Place = field(default_factory=Place)
    steering: Steering = field(default_factory=Steering)
    effort: Effort = field(default_factory=Effort)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Write the reel."""
        if self.list:
            return _list(console)
        from reel2sim.scene.errors import UsageError

        if self.out is None:
            raise UsageError("is not given", field="out", remedy="name what to make with --out")
        _check_vacant(self.out)
        _check_kind(self.out, self.backend)
        config = self.effort.pipeline_config(
            backend=self.backend,
            setting=self.place.setting(),
            controls=self.steering.controls(self.effort.device),
        )
        with console.progress() as progress:
            made, ranking = self._made(self.out, config, progress)
        if self.truth and made.truth is None:
            raise UsageError(f"backend {self.backend!r} does not know the truth", field="truth")
        _write(made, self.out, truth=self.truth)
        reel = made.reel
        record: dict[str, Any] = {
            "capture": str(self.out),
            "frames": len(reel.frames),
            "streams": {name: len(frames) for name, frames in reel.streams.items()},
            "calibrated": reel.calibrated,
            "truth": self.truth,
        }
        what = "capture" if reel.calibrated else "clip"
        said: list[Any] = [f"{what} {self.out}  ({len(reel.frames)} frames)"]
        if ranking is not None:
            from reel2sim.cli.ranking import ranking_record, ranking_table

            record["candidates"] = ranking_record(ranking)
            said.insert(0, ranking_table(ranking))
        console.result(record, *said)
        return 0

    def _made(
        self, out: Path, config: PipelineConfig, progress: Progress
    ) -> tuple[GeneratedReel, Any]:
        """The reel, and how the candidates ranked if there were several."""
        from reel2sim.pipeline.toolchain import generate_reel

        if self.best_of == 1:
            made = generate_reel(self.prompt, config, progress)
            _check_name(out, calibrated=made.reel.calibrated)
            return made, None
        from reel2sim.curation import best_of, draft_judge

        judge = draft_judge(config) if self.judge == "draft" else None
        made, ranking = best_of(
            self.prompt, self.best_of, config=config, judge=judge, progress=progress
        )
        _check_name(out, calibrated=made.reel.calibrated)
        return made, ranking


def _check_vacant(out: Path) -> None:
    from reel2sim.generation.keep import CLIP_SUFFIX
    from reel2sim.pipeline.publish import check_empty
    from reel2sim.scene.errors import ConflictError

    if out.suffix != CLIP_SUFFIX:
        check_empty(out)
    elif out.exists():
        raise ConflictError("exists already", source=out, remedy="name another file")


def _check_kind(out: Path, backend: str) -> None:
    """Refuse a name that cannot be right before any work is done."""
    from reel2sim.generation.offers import backend_named

    if backend != "server":  # which says what it makes once it has
        _check_name(out, calibrated=backend_named(backend).capabilities.cameras_known)


def _check_name(out: Path, *, calibrated: bool) -> None:
    from reel2sim.generation.keep import CLIP_SUFFIX
    from reel2sim.scene.errors import UsageError

    is_file = out.suffix == CLIP_SUFFIX
    if calibrated and is_file:
        raise UsageError(
            "is a video file, but the reel has cameras", source=out, remedy="name a folder"
        )
    if not calibrated and not is_file:
        raise UsageError(
            "is a folder, but the reel is a clip without cameras",
            source=out,
            remedy=f"name a video file, such as {out.name or 'clip'}.mp4",
        )


def _write(made: GeneratedReel, out: Path, *, truth: bool) -> None:
    from reel2sim.exporters.staging import staged_folder
    from reel2sim.generation.keep import write_reel
    from reel2sim.generation.truth import write_truth
    from reel2sim.generation.view_truth import write_views
    from reel2sim.media import write_capture

    if not made.reel.calibrated:
        write_reel(made.reel, out.with_suffix(""))
        return
    with staged_folder(out) as folder:
        write_capture(made.reel, folder)
        if truth and made.truth is not None:
            write_truth(made.truth, folder)
            if made.views is not None:
                write_views(made.truth, made.views, folder)


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
