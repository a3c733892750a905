"""What several verbs of ``reel2sim generator`` take."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import tyro

Preset = Literal["tiny", "small", "base"]
MODEL = tyro.conf.arg(metavar="MODEL")
SHIPPED: Final = Path("shipped")
"""In place of a model file: the one that comes with Reel2Sim."""


def model_file(named: Path) -> Path:
    """The file of a model that was named on the command line.

    Raises:
        NotFoundError: if the shipped one is asked for and there is none.
    """
    from reel2sim.generation.uvit.shipped import shipped_weights
    from reel2sim.scene.errors import NotFoundError

    if named != SHIPPED or named.exists():
        return named
    found = shipped_weights()
    if found is None:
        raise NotFoundError(
            "no model comes with this installation",
            source="MODEL",
            remedy="train one with `reel2sim generator train`",
        )
    return found


def use_threads(count: int) -> None:
    """Let torch compute with so many threads of the CPU."""
    import torch

    from reel2sim.scene.errors import UsageError

    if count < 1:
        raise UsageError(f"is {count}", field="--threads", remedy="give at least 1")
    torch.set_num_threads(count)
