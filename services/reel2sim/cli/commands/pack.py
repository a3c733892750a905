"""``reel2sim pack``."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from reel2sim.cli.options import Common, shown

if TYPE_CHECKING:
    from reel2sim.cli.console import Console

_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Make one benchmark of many bundles: pack.json lists them with a training and a test split.

    The environment Reel2Sim/Pack-v0 then plays another bundle in each episode:

      gymnasium.make("reel2sim.envs:Reel2Sim/Pack-v0", pack="many", split="train")

    A bundle's split depends on its folder's name and the seed alone: it stays where it is when
    others join. Bundles without a joint to drive are left out and named.

    Examples:
      reel2sim pack many
      reel2sim pack many --test 0.3 --seed 1 --json
    """

    folder: Annotated[tyro.conf.Positional[Path], shown("DIR")]
    """Folder with bundles at any depth, such as `reel2sim batch --out DIR` makes."""
    test: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.2
    """Share of the bundles for tests; drawn for each, so it holds on average."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Seed of the draw."""
    common: Common = field(default_factory=Common)

    def __call__(self, console: Console) -> int:
        """Write the list."""
        from reel2sim.cli.tables import table
        from reel2sim.envs.pack import make_pack, save_pack

        pack = make_pack(self.folder, test=self.test, seed=self.seed)
        path = save_pack(pack)
        splits = Counter(bundle.split for bundle in pack.bundles)
        record = {
            "pack": str(path),
            "train": splits["train"],
            "test": splits["test"],
            "bundles": [asdict(bundle) for bundle in pack.bundles],
            "refused": [{"folder": name, "reason": why} for name, why in pack.refused],
        }
        rows = [(b.folder, b.name, b.joints, b.split) for b in pack.bundles[:_SHOWN]]
        more = len(pack.bundles) - len(rows)
        console.result(
            record,
            table(str(path), ("bundle", "object", "joints", "split"), rows),
            *([f"and {more} more"] if more else []),
            f"{splits['train']} for training, {splits['test']} for tests",
            *(f"left out: {name}: {why}" for name, why in pack.refused),
        )
        return 0
