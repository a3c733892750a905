"""``reel2sim report``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Report:
    """Write one page about all bundles of a folder.

    DIR/index.html is a table that can be sorted: picture, name, state, joints, least sure joint
    and seconds of each bundle, with links to their reports. Results of `reel2sim batch` have it
    already once they are done; of those that are not, it tells what is there by now.

    Examples:
      reel2sim report results
      reel2sim report folder_of_bundles --json
    """

    folder: Annotated[tyro.conf.Positional[Path], shown("DIR")]
    """Results of a batch, or any folder with bundles in it."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Write the page and tell how many bundles are in it."""
        from reel2sim.batch.overview import INDEX, write_overview

        rows = write_overview(self.folder)
        states = Counter(row.state for row in rows)
        page = self.folder / INDEX
        record = {"report": str(page), "bundles": len(rows), "states": dict(states)}
        counted = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        console.result(record, f"{counted}: {page}")
        return 0
