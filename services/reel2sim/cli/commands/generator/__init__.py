"""``reel2sim generator``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Union

import tyro

from reel2sim.cli.commands.generator.data import Data
from reel2sim.cli.commands.generator.draw import Draw
from reel2sim.cli.commands.generator.judge import Judge
from reel2sim.cli.commands.generator.learn import Learn
from reel2sim.cli.commands.generator.ship import Card, Ship
from reel2sim.cli.options import Common, verb

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


_Action = Union[  # noqa: UP007
    Annotated[Data, verb("data", Data)],
    Annotated[Learn, verb("train", Learn)],
    Annotated[Draw, verb("sample", Draw)],
    Annotated[Judge, verb("eval", Judge)],
    Annotated[Ship, verb("pack", Ship)],
    Annotated[Card, verb("card", Card)],
]


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Train and use a small video model of your own (U-ViT); needs 'reel2sim[generate]'.

    `data` makes a training set with the scripted backend, `train` trains, `sample` makes captures
    from text, pictures, motion and strokes, `eval` measures, `pack` makes a file to give away and
    `card` says what is in it. `reel2sim generate --backend uvit` uses the model that the
    environment variable REEL2SIM_UVIT names, else the one that comes with Reel2Sim; MODEL may be
    `shipped` for that one. All verbs take --json, --quiet and --debug.

    Examples:
      reel2sim generator sample shipped --prompt "a red chest, the lid opens" --out capture
      reel2sim generator data data --preset tiny --count 600
      reel2sim generator train data --out run --preset tiny
      reel2sim generator sample run/model.safetensors --prompt "a chest, the lid opens" --out c
      reel2sim generator eval run/model.safetensors data
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
