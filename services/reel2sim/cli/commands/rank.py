"""``reel2sim rank``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from reel2sim.cli.options import Common, Effort, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.scene.reel import Reel


@dataclass(frozen=True, kw_only=True)
class Rank:
    """Say which videos and captures can be reconstructed best, before minutes are spent on them.

    Measures motion, flicker, shake, how much of the subject is cut off, and how well still views
    agree (of a plain clip: how smoothly its points move), finds those that look the same, and
    sorts by the product of the terms. What cannot be read is last, with the reason.

    Examples:
      reel2sim rank clips/*.mp4
      reel2sim rank capture_1 capture_2 --judge draft --json
    """

    sources: Annotated[tyro.conf.Positional[tuple[Path, ...]], shown("SOURCE ...")]
    """Video files and capture folders."""
    judge: Literal["quick", "draft"] = "quick"
    """draft also makes a draft of each and looks at its joints and whether its links pass through
    each other."""
    effort: Effort = field(default_factory=Effort)
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Measure and sort."""
        from reel2sim.cli.ranking import ranking_record, ranking_table
        from reel2sim.curation import draft_judge, rank
        from reel2sim.scene.errors import UsageError

        if not self.sources:
            raise UsageError("there is nothing to rank", remedy="name videos or capture folders")
        config = self.effort.pipeline_config()
        judge = draft_judge(config) if self.judge == "draft" else None
        with console.progress() as progress:
            ranking = rank(
                [(str(path), self._reading(path)) for path in self.sources],
                judge=judge,
                progress=progress,
            )
        console.result({"candidates": ranking_record(ranking)}, ranking_table(ranking))
        return 0

    def _reading(self, path: Path) -> Callable[[], Reel]:
        from reel2sim.media import load_reel

        return lambda: load_reel(path, max_size=self.effort.max_size)
