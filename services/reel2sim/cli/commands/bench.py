"""``reel2sim bench``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from reel2sim.cli.options import Common, Device, Preset, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure how well captures whose truth is known are recovered.

    Each capture runs in a process of its own, so that its peak memory is its own. Failures
    count: a joint that was missed is 90° and one diagonal off, and a capture that crashes has
    missed all of its joints. Exits with 0 if every capture ran, else 1.

    Examples:
      reel2sim bench rig captures/* --preset draft
      reel2sim bench rig cabinet laptop --report scores.json
    """

    task: Annotated[tyro.conf.Positional[Literal["rig"]], shown("TASK")]
    """What to measure: rig is the whole chain up to the rigged asset."""
    captures: Annotated[tyro.conf.Positional[tuple[Path, ...]], shown("CAPTURE...")]
    """Capture folders with truth.json, as `reel2sim generate --truth` makes them."""
    preset: Preset = "standard"
    """Effort."""
    seed: int = 0
    """Seed of every random draw."""
    device: Device = "auto"
    """Where to fit."""
    report: Annotated[Path | None, shown("FILE")] = None
    """Also write all figures to this file (JSON)."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Measure and show."""
        import json

        from reel2sim.cli.measure import measure_rig, rig_table, summary
        from reel2sim.pipeline.atomic import write_atomically
        from reel2sim.scene.errors import UsageError

        if not self.captures:
            raise UsageError("name at least one capture folder", field="captures")
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
        if self.report is not None:
            text = json.dumps(record, indent=2) + "\n"
            write_atomically(self.report, lambda path: path.write_text(text, encoding="utf-8"))
        console.result(record, rig_table(rows))
        return 0 if all(not row.failure for row in rows) else 1
