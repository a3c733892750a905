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

    Or look at one file by itself, of whatever tool: URDF, MJCF (.xml), USD, glTF or PLY. What only
    a bundle promises is left out or is news then, and meshes and layers are read from the file's
    folder and from --roots alone.

    Exits with 0 if there is no error and with 1 if there is.

    Examples:
      reel2sim check bundle
      reel2sim check bundle --json
      reel2sim check robot/urdf/robot.urdf --roots robot
    """

    source: Annotated[tyro.conf.Positional[Path], shown("BUNDLE|FILE")]
    """Bundle folder, or a file."""
    roots: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="DIR ...")] = ()
    """Folders besides the file's own that meshes and layers may be in."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Check and show what was found."""
        from reel2sim.cli.tables import table
        from reel2sim.exporters.check import check_path

        report = check_path(self.source, roots=self.roots)
        rows = [(f.severity, f.id, f.where, f.message, f.remedy) for f in report.findings]
        columns = ("severity", "check", "where", "what is wrong", "remedy")
        verdict = "ok" if report.ok else "not ok"
        shown = [table(f"{len(rows)} finding(s)", columns, rows)] if rows else []
        if report.agreement:
            compared = list(report.agreement.items())
            shown.append(table("agreement", ("reader", "largest difference"), compared))
        console.result(report.to_json(), *shown, f"{self.source}: {verdict}")
        return 0 if report.ok else 1
