"""``reel2sim bench``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from reel2sim.cli.options import Common, Device, Flag, Preset, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console

_TASKS = {
    "ablation": ("reconstruct",),
    "peer": ("reconstruct",),
    "surfels": ("rig",),
    "tracks": ("rig",),
    "variant": ("rig", "reconstruct"),
    "data": ("clips",),
}
"""Tasks that have an option, where not all do."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure how well captures and clips whose truth is known are recovered.

    Each run has a process of its own, so that its peak memory is its own. Failures count: a joint
    that was missed is 90° and one diagonal off, and a reconstruction that crashes is a black
    picture that never moves. Exits with 0 if every run went well, else 1.

    Examples:
      reel2sim bench rig captures/* --preset draft
      reel2sim bench rig captures/orbit/* captures/front/* --out scores --jobs 2
      reel2sim bench rig captures/orbit/* --surfels rebuilt/runs/full --variant full few:max_times=8
      reel2sim bench rig captures/orbit/* --tracks 0.005
      reel2sim bench reconstruct captures/* --out scores --ablation
      reel2sim bench reconstruct walk --out scores --variant few:surfels=2000,bones=12 full
      reel2sim bench reconstruct walk --out scores --resume --peer other=their_pictures
      reel2sim bench clips rendered benchmarks/clips/real.toml --out scores --jobs 2
    """

    task: Annotated[tyro.conf.Positional[Literal["rig", "reconstruct", "clips"]], shown("TASK")]
    """What to measure: rig is the whole chain up to the rigged asset, reconstruct is how well
    surfels show views that they were never fitted to, clips is the chain from one video without
    cameras."""
    captures: Annotated[tyro.conf.Positional[tuple[Path, ...]], shown("CAPTURE...")]
    """Capture folders: for rig with truth.json, as `reel2sim generate --truth` makes them; for
    reconstruct with heldout.json, as benchmarks/render_captures.py makes them. Rigs are grouped
    by the folder that their captures lie in. For clips folders that benchmarks/render_clips.py
    made, and lists of real clips (.toml)."""
    preset: Preset = "standard"
    """Effort."""
    seed: int = 0
    """Seed of every random draw."""
    device: Device = "auto"
    """Where to fit."""
    report: Annotated[Path | None, shown("FILE")] = None
    """Also write all figures to this file (JSON)."""
    out: Annotated[Path | None, shown("DIR")] = None
    """Folder for results.json, table.md, plots or overlays and the surfels or rigged assets; rig
    can do without."""
    jobs: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Runs at a time."""
    variant: Annotated[tuple[str, ...], shown("NAME:key=value,...")] = ()
    """Settings of the measured stage to compare; NAME alone is the preset as it is."""
    resume: Flag = False
    """Go on with what is in the folder; only what is missing or failed is run."""
    surfels: Annotated[tuple[Path, ...], shown("DIR")] = ()
    """rig: start from reconstructions in these folders, such as DIR/runs/full that
    `bench reconstruct --out DIR` keeps."""
    tracks: Annotated[float | None, shown("NOISE")] = None
    """rig: leave pictures out, and find joints from the true surface points over time, each off by
    this share of the diagonal, such as 0.005."""
    ablation: Flag = False
    """reconstruct: compare the preset with itself less one of its parts at a time."""
    peer: Annotated[tuple[str, ...], shown("NAME=DIR")] = ()
    """reconstruct: also score pictures DIR/CAPTURE/heldout/NNN.png that another method made;
    seconds.json beside heldout may hold seconds, peak_memory_mb and note."""
    data: Annotated[Path | None, shown("DIR")] = None
    """clips: folder that the paths in lists are relative to; default: $REEL2SIM_DATA."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Measure and show."""
        from reel2sim.scene.errors import UsageError

        if not self.captures:
            raise UsageError("name at least one capture folder", field="captures")
        for name, tasks in _TASKS.items():
            given = getattr(self, name) != type(self).__dataclass_fields__[name].default
            if given and self.task not in tasks:
                known = " and ".join(f"`bench {task}`" for task in tasks)
                raise UsageError(f"is for {known} alone", field=f"--{name}")
        if self.jobs < 1:
            raise UsageError("must be at least 1", field="--jobs")
        if self.tracks is not None and (self.surfels or self.variant or not 0 <= self.tracks < 1):
            raise UsageError(
                "takes a share of the diagonal, and neither --surfels nor --variant",
                field="--tracks",
            )
        tasks = {"rig": self._rig, "reconstruct": self._reconstruct, "clips": self._clips}
        return tasks[self.task](console)

    @property
    def _options(self) -> dict[str, Any]:
        return {"preset": self.preset, "seed": self.seed, "device": self.device}

    def _rig(self, console: Console) -> int:
        from tempfile import TemporaryDirectory

        from reel2sim.scene.errors import UsageError

        if self.out is not None:
            return self._rig_into(self.out, console)
        if self.resume:
            raise UsageError("goes on with what is in --out", field="--resume")
        with TemporaryDirectory(prefix="reel2sim-bench-") as folder:
            return self._rig_into(Path(folder), console)

    def _rig_into(self, out: Path, console: Console) -> int:
        from reel2sim.cli.measure_captures import name_captures
        from reel2sim.cli.measure_results import Results
        from reel2sim.cli.measure_rig import RIG_NEEDS, RigRun, Rigs, find_surfels
        from reel2sim.cli.measure_rig_plots import draw_rig_charts
        from reel2sim.cli.measure_rig_sums import sums
        from reel2sim.cli.measure_rig_tables import rig_line, rig_markdown, rig_tables
        from reel2sim.cli.measure_variants import parse_variants

        variants = parse_variants(self.variant, stage="rigging")
        remedy = "make captures with `reel2sim generate --truth`"
        captures = name_captures(self.captures, needs=RIG_NEEDS, remedy=remedy, parents=1)
        surfels = find_surfels(captures, self.surfels)
        settings = self._options if self.tracks is None else {**self._options, "noise": self.tracks}
        options = {"task": self.task, **settings}
        results = Results.open(out, options, resume=self.resume, read=RigRun.from_dict, sums=sums)
        with console.progress() as progress:
            Rigs(
                results,
                settings,
                surfels=surfels,
                finished=lambda run: console.note(rig_line(run)),
                progress=progress,
            ).run(captures, variants, jobs=self.jobs)
        results.save()
        if self.out is not None:
            (out / "table.md").write_text(rig_markdown(results.runs, options), encoding="utf-8")
            draw_rig_charts(results.runs, out / "plots")
        record = results.record()
        self._write_report(record)
        console.result(record, *rig_tables(results.runs), f"{self.out or ''}")
        return 0 if all(not run.failure for run in results.runs) else 1

    def _reconstruct(self, console: Console) -> int:
        from reel2sim.cli.measure_captures import name_captures
        from reel2sim.cli.measure_peers import parse_peers
        from reel2sim.cli.measure_plots import draw_charts, draw_contact_sheet
        from reel2sim.cli.measure_reconstruct import (
            RECONSTRUCT_NEEDS,
            Reconstructions,
            score_peers,
        )
        from reel2sim.cli.measure_results import reconstruction_results
        from reel2sim.cli.measure_tables import markdown, run_line, run_tables
        from reel2sim.cli.measure_variants import parse_variants
        from reel2sim.scene.errors import UsageError

        if self.out is None:
            raise UsageError("is needed by `bench reconstruct`", field="--out")
        variants = parse_variants(self.variant, ablation=self.ablation)
        peers = parse_peers(self.peer, [variant.name for variant in variants])
        remedy = "make captures with benchmarks/render_captures.py"
        captures = name_captures(self.captures, needs=RECONSTRUCT_NEEDS, remedy=remedy)
        results = reconstruction_results(self.out, self._options, resume=self.resume)
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

    def _clips(self, console: Console) -> int:
        import os

        from reel2sim.cli.measure_clip_find import find_clips
        from reel2sim.cli.measure_clip_sums import sums
        from reel2sim.cli.measure_clip_tables import clip_line, clip_markdown, clip_tables
        from reel2sim.cli.measure_clips import ClipRun, Clips
        from reel2sim.cli.measure_results import Results
        from reel2sim.scene.errors import UsageError

        if self.out is None:
            raise UsageError("is needed by `bench clips`", field="--out")
        named = os.environ.get("REEL2SIM_DATA")
        clips = find_clips(self.captures, self.data or (Path(named) if named else None))
        options = {"task": self.task, **self._options}
        results = Results.open(
            self.out, options, resume=self.resume, read=ClipRun.from_dict, sums=sums
        )
        with console.progress() as progress:
            Clips(
                results,
                self._options,
                finished=lambda run: console.note(clip_line(run)),
                progress=progress,
            ).run(clips, jobs=self.jobs)
        results.save()
        runs = results.runs
        (self.out / "table.md").write_text(clip_markdown(runs, options), encoding="utf-8")
        record = results.record()
        self._write_report(record)
        console.result(record, *clip_tables(runs), f"{self.out}")
        return 0 if all(not run.failure for run in runs) else 1

    def _write_report(self, record: dict[str, Any]) -> None:
        import json

        from reel2sim.pipeline.atomic import write_atomically

        if self.report is not None:
            text = json.dumps(record, indent=2) + "\n"
            write_atomically(self.report, lambda path: path.write_text(text, encoding="utf-8"))
