"""``reel2sim generator pack`` and ``card``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from reel2sim.cli.commands.generator.options import MODEL, SHIPPED, model_file
from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console


@dataclass(frozen=True, kw_only=True)
class Ship:
    """Make a small file to give away: half precision, with its card.

    The card says what the model was trained on, how long, what it reaches and what it cannot.

    Examples:
      reel2sim generator eval run/model.safetensors data --out figures.json
      reel2sim generator pack run/model.safetensors data --figures figures.json --out m.safetensors
    """

    model: Annotated[tyro.conf.Positional[Path], MODEL]
    """File that training wrote."""
    data: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATA")]
    """Samples that it was trained on."""
    out: Annotated[Path, shown("FILE")]
    """File to write."""
    figures: Annotated[Path | None, shown("FILE")] = None
    """What `eval --out` wrote."""
    note: Annotated[tuple[str, ...], shown("TEXT ...")] = ()
    """Limits of this model, besides those that all have."""
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Write the file."""
        from reel2sim.generation.uvit.card import describe
        from reel2sim.generation.uvit.checkpoint import load_model, save_model
        from reel2sim.generation.uvit.sample import read_sample, sample_files

        model = load_model(self.model)
        samples = [read_sample(path) for path in sample_files(self.data)]
        cut = min(model.facts.samples, len(samples))
        card = describe(
            model, samples[:cut], samples[cut:], _figures(self.figures), notes=self.note
        )
        save_model(replace(model, card=card), self.out, half=True)
        size = self.out.stat().st_size
        console.result(
            {"model": str(self.out), "bytes": size}, f"{self.out}: {size / 2**20:.1f} MiB"
        )
        return 0


@dataclass(frozen=True, kw_only=True)
class Card:
    """Say what a model was trained on, how long, what it reaches and what it cannot.

    Examples:
      reel2sim generator card
      reel2sim generator card run/model.safetensors --json
    """

    model: Annotated[tyro.conf.Positional[Path], MODEL] = SHIPPED
    """File of a model; the one that comes with Reel2Sim if not given."""
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Show the card."""
        from reel2sim.generation.uvit.card import card_text
        from reel2sim.generation.uvit.checkpoint import load_model

        model = load_model(model_file(self.model))
        console.result(dict(model.card), card_text(model))
        return 0


def _figures(path: Path | None) -> dict[str, Any]:
    from reel2sim.scene.errors import InputError

    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise InputError(f"cannot be read: {cause}", source=path, field="--figures") from cause
    if not isinstance(found, dict):
        raise InputError("is not what `generator eval --out` writes", source=path)
    return found
