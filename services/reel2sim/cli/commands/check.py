"""``reel2sim check``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Check:
    """Check that a bundle keeps its contract: files, formats, physics and kinematics agree.

    Exits with 0 if nothing is wrong and with 1 if something is.

    Examples:
      reel2sim check bundle
      reel2sim check bundle --json
    """

    bundle: Annotated[tyro.conf.Positional[Path], shown("BUNDLE")]
    """Bundle folder."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Check and show what was found."""
        from reel2sim.cli.tables import table
        from reel2sim.exporters.check import check_bundle

        report = check_bundle(self.bundle)
        rows = [(f.severity, f.id, f.where, f.message, f.remedy) for f in report.findings]
        columns = ("severity", "check", "where", "what is wrong", "remedy")
        verdict = "ok" if report.ok else "not ok"
        shown = [table(f"{len(rows)} finding(s)", columns, rows)] if rows else []
        if report.agreement:
            compared = list(report.agreement.items())
            shown.append(table("agreement", ("reader", "largest difference"), compared))
        console.result(report.to_json(), *shown, f"{self.bundle}: {verdict}")
        return 0 if report.ok else 1
