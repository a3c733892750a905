"""Options of where and how many jobs of a dataset are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Flag, Text, shown

if TYPE_CHECKING:
    from reel2sim.batch import BatchConfig


@dataclass(frozen=True, kw_only=True)
class Work:
    """Where the work is done."""

    workers: Annotated[int | None, shown("N")] = None
    """Jobs done at a time; one a core if not given."""
    address: Text = ""
    """Ray cluster to work on; processes of this machine do it if not given."""
    retries: int = 2
    """Further attempts after a worker died or something passing went wrong."""
    limit: Annotated[float, tyro.conf.arg(metavar="S")] = 600.0
    """Seconds that a job may take."""
    memory: Annotated[float, tyro.conf.arg(metavar="MIB")] = 0.0
    """Reserved for each job on Ray."""
    force: Flag = False
    """Do again what is done."""

    def config(self) -> BatchConfig:
        """These options as a batch takes them."""
        from reel2sim.batch import BatchConfig

        return BatchConfig(
            address=self.address,
            ray=bool(self.address),
            workers=self.workers,
            retries=self.retries,
            force=self.force,
        )
