"""``reel2sim dataset``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Union

import tyro

from reel2sim.cli.commands.dataset_make import Make
from reel2sim.cli.commands.dataset_render import Render
from reel2sim.cli.commands.dataset_show import Show
from reel2sim.cli.options import verb

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.cli.options import Common


_Action = Union[  # noqa: UP007
    Annotated[Make, verb("make", Make)],
    Annotated[Render, verb("render", Render)],
    Annotated[Show, verb("show", Show)],
]


@dataclass(frozen=True, kw_only=True)
class DatasetCommand:
    """Make a dataset for training and benchmarks: pictures, cameras, depth, masks, joints.

    `make` builds, moves and films objects from prompts it draws itself, so that all is known of
    them and nothing belongs to anybody else; `render` draws objects that you have; `show` counts
    what is in a dataset. All verbs take --json, --quiet and --debug.

    Examples:
      reel2sim dataset make data --count 1000
      reel2sim dataset render models/ --out data
      reel2sim dataset show data
    """

    action: tyro.conf.OmitSubcommandPrefixes[_Action]
    """What to do."""

    @property
    def common(self) -> Common:
        """Options of every command."""
        return self.action.common

    def __call__(self, console: Console) -> int:
        """Do it."""
        return self.action.run(console)
