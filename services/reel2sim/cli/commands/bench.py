"""``reel2sim bench``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from reel2sim.cli.options import Common, Device, Flag, Preset, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console

_RECONSTRUCT_ONLY = ("out", "jobs", "variant", "ablation", "peer", "resume")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure how well captures whose truth is known are recovered.

    Each run has a process of its own, so that its peak memory is its own. Failures count: a joint
    that was missed is 90° and one diagonal off, and a reconstruction that crashes is a black
    picture that never moves. Exits with 0 if every run went well, else 1.

    Examples:
      reel2sim bench rig captures/* --preset draft
      reel2sim bench rig cabinet laptop --report scores.json
      reel2sim bench reconstruct captures/* --out scores --ablation
      reel2sim bench reconstruct walk --out scores --variant few:surfels=2000,bones=12 full
      reel2sim bench reconstruct walk --out scores --resume --peer other=their_pictures
    """

    task: Annotated[tyro.conf.Positional[Literal["rig", "reconstruct"]], shown("TASK")]
    """What to measure: rig is the whole chain up to the rigged asset, reconstruct is how well
    surfels show views that they were never fitted to."""
    captures: Annotated[tyro.conf.Positional[tuple[Path, ...]], shown("CAPTURE...")]
    """Capture folders: for rig with truth.json, as `reel2sim generate --truth` makes them; for
    reconstruct with heldout.json, as benchmarks/render_captures.py makes them."""
    preset: Preset = "standard"
    """Effort."""
    seed: int = 0
    """Seed of every random draw."""
    device: Device = "auto"
    """Where to fit."""
    report: Annotated[Path | None, shown("FILE")] = None
    """Also write all figures to this file (JSON)."""
    out: Annotated[Path | None, shown("DIR")] = None
    """reconstruct: folder for results.json, table.md, plots and the surfels."""
    jobs: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """reconstruct: runs at a time."""
    variant: Annotated[tuple[str, ...], shown("NAME:key=value,...")] = ()
    """reconstruct: settings to compare; NAME alone is the preset as it is."""
    ablation: Flag = False
    """reconstruct: compare the preset with itself less one of its parts at a time."""
    peer: Annotated[tuple[str, ...], shown("NAME=DIR")] = ()
    """reconstruct: also score pictures DIR/CAPTURE/heldout/NNN.png that another method made;
    seconds.json beside heldout may hold seconds, peak_memory_mb and note."""
    resume: Flag = False
    """reconstruct: go on with what is in the folder; only what is missing or failed is run."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Measure and show."""
        from reel2sim.scene.errors import UsageError

        if not self.captures:
            raise UsageError("name at least one capture folder", field="captures")
        if self.task == "reconstruct":
            return self._reconstruct(console)
        for name in _RECONSTRUCT_ONLY:
            if getattr(self, name) != type(self).__dataclass_fields__[name].default:
                raise UsageError("is for `bench reconstruct` alone", field=f"--{name}")
        return self._rig(console)

    @property
    def _options(self) -> dict[str, Any]:
        return {"preset": self.preset, "seed": self.seed, "device": self.device}

    def _rig(self, console: Console) -> int:
        from reel2sim.cli.measure import measure_rig, rig_table, summary
        from reel2sim.scene.errors import UsageError

        missing = [path for path in self.captures if not (path / "truth.json").is_file()]
        if missing:
            raise UsageError(
                "has no truth.json",
                source=missing[0],
                remedy="make captures with `reel2sim generate --truth`",
            )
        options = ["--preset", self.preset, "--seed", str(self.seed), "--device", self.device]
        rows = []
        with console.progress() as progress:
            for i, capture in enumerate(self.captures):
                progress("bench", i / len(self.captures), capture.name)
                rows.append(measure_rig(capture, options))
            progress("bench", 1.0)
        record = {
            "preset": self.preset,
            "seed": self.seed,
            "summary": summary(rows),
            "captures": [row.to_dict() for row in rows],
        }
        self._write_report(record)
        console.result(record, rig_table(rows))
        return 0 if all(not row.failure for row in rows) else 1

    def _reconstruct(self, console: Console) -> int:
        from reel2sim.cli.measure_peers import parse_peers
        from reel2sim.cli.measure_plots import draw_charts, draw_contact_sheet
        from reel2sim.cli.measure_reconstruct import Reconstructions, name_captures, score_peers
        from reel2sim.cli.measure_results import Results
        from reel2sim.cli.measure_tables import markdown, run_line, run_tables
        from reel2sim.cli.measure_variants import parse_variants
        from reel2sim.scene.errors import UsageError

        if self.out is None:
            raise UsageError("is needed by `bench reconstruct`", field="--out")
        if self.jobs < 1:
            raise UsageError("must be at least 1", field="--jobs")
        variants = parse_variants(self.variant, ablation=self.ablation)
        peers = parse_peers(self.peer, [variant.name for variant in variants])
        captures = name_captures(self.captures)
        results = Results.open(self.out, self._options, resume=self.resume)
        plots = self.out / "plots"

        def finished(run: Any, held_out: Any, drawings: Any) -> None:
            console.note(run_line(run))
            sheet = f"{run.capture}_{run.name}.png".replace("/", "-")
            draw_contact_sheet(run, held_out, drawings, plots / "contact" / sheet)

        with console.progress() as progress:
            score_peers(captures, peers, results, finished)
            Reconstructions(results, self._options, finished=finished, progress=progress).run(
                captures, variants, jobs=self.jobs
            )
        results.save()
        runs = results.runs
        (self.out / "table.md").write_text(markdown(runs, self._options), encoding="utf-8")
        draw_charts(runs, plots)
        record = results.record()
        self._write_report(record)
        console.result(record, *run_tables(runs), f"{self.out}")
        return 0 if all(not run.failure for run in runs) else 1

    def _write_report(self, record: dict[str, Any]) -> None:
        import json

        from reel2sim.pipeline.atomic import write_atomically

        if self.report is not None:
            text = json.dumps(record, indent=2) + "\n"
            write_atomically(self.report, lambda path: path.write_text(text, encoding="utf-8"))
