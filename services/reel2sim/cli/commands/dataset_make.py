"""``reel2sim dataset make``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from reel2sim.cli.options import Common, Flag, shown
from reel2sim.cli.work import Work

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.dataset import Made, Plan, Split


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """What is shown, and how it is filmed."""

    families: Annotated[tuple[str, ...], shown("NAME ...")] = ()
    """Kinds of objects; all 45 if not given (`reel2sim generate --list` shows them)."""
    most: Annotated[int, tyro.conf.arg(metavar="K")] = 1
    """Most objects in a scene."""
    seed: Annotated[int, tyro.conf.arg(metavar="S")] = 0
    """Of every draw: a sample depends on it, its number and the options of this group alone."""
    size: Annotated[int, tyro.conf.arg(metavar="PIXELS")] = 256
    """Both sides of a picture."""
    views: Annotated[int, tyro.conf.arg(metavar="N")] = 24
    """Pictures of the still object, all around it."""
    frames: Annotated[int, tyro.conf.arg(metavar="N")] = 24
    """Pictures of the moving camera and of each fixed one, while the object moves."""
    fixed: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Cameras that stand still: 1 in front, 2 also behind, 4 also at the sides, as rigs need."""
    seconds: Annotated[float, tyro.conf.arg(metavar="S")] = 2.0
    """Duration of the motion at usual speed."""
    truth: Literal["joints", "full"] = "full"
    """Joints, positions and poses; or also depth, parts, normals and flow of every picture."""
    background: Literal["none", "floor", "room", "mixed"] = "none"
    """White, a floor, a furnished room, or one of these by chance."""
    lighting: Literal["studio", "daylight", "overcast", "evening", "random", "mixed"] = "studio"
    """Light; random draws lamps, mixed one of the kinds."""
    sensor: Annotated[str, tyro.conf.arg(metavar="NAME[,KEY=VALUE]|mixed")] = "none"
    """A camera with faults, as for `reel2sim generate`; mixed: one of those with a name."""
    least_motion: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.002
    """Reject samples whose fixed camera sees less change."""
    most_overflow: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.0
    """Reject samples of whose surface more leaves a picture."""
    keep_rejected: Flag = False
    """Keep the pictures of rejected samples beside those of the others."""

    def plan(self) -> Plan:
        """These options as the plan."""
        from dataclasses import asdict

        from reel2sim.dataset import Plan

        return Plan(**asdict(self))


@dataclass(frozen=True, kw_only=True)
class Make:
    """Make samples from prompts drawn at random, with exact truth and free of others' rights.

    Sample k follows from the seed, k and the options of its scenes: a prompt about objects, of
    which all families get their share, their proportions, textures and motion. So a dataset can be
    enlarged at any time, and any sample made again by itself. Each is a capture (RGBA pictures of
    a still orbit, a moving and a fixed camera) with truth.json (joints: type, axis, limits, parent,
    positions) and, unless --truth joints, depth, parts, normals and flow of every picture. Prompts
    are held back for validation and test by their words: none is in two splits, whatever the seed.

    DIR gets samples/ID, samples.jsonl and .parquet (a row a sample), dataset.json, contact-00.png
    to look at and, with --layout webdataset, shards/SPLIT/*.tar. What hardly moves is rejected;
    what fails is a row with its reason. Run it again to go on after a stop, or with a larger
    --count. Exits with 0 if at least one sample passed, else 1. docs/datasets.md shows how to train
    on it.

    Examples:
      reel2sim dataset make data --count 1000 --size 64 --views 8 --frames 8
      reel2sim dataset make data --count 200 --families cabinet oven fridge --split 0.7 0.1 0.2
      reel2sim dataset make data --count 5000 --most 3 --background mixed --lighting mixed \
 --sensor mixed --hold-back lamp windmill
      reel2sim dataset make /shared/data --count 100000 --layout webdataset --address ray://head:10001
    """

    out: Annotated[tyro.conf.Positional[Path], shown("DIR")]
    """Folder of the dataset; with --address on storage that all workers share."""
    count: Annotated[int, tyro.conf.arg(metavar="N")]
    """Samples drawn, those that are rejected included."""
    scenes: Scenes = field(default_factory=Scenes)
    split: Annotated[
        tuple[float, float, float], tyro.conf.arg(metavar="TRAIN VAL TEST")
    ] = (0.8, 0.1, 0.1)  # fmt: skip
    """Shares of prompts."""
    hold_back: Annotated[tuple[str, ...], shown("NAME ...")] = ()
    """Families that only the split `unseen` shows."""
    layout: Literal["folder", "webdataset"] = "folder"
    """Folders alone, or also shards (tar files) to stream."""
    shard_size: Annotated[float, tyro.conf.arg(metavar="MIB")] = 256.0
    """Size of a shard."""
    work: Work = field(default_factory=Work)
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Make what is missing and show what came of it."""
        from reel2sim.dataset import Packing, make_dataset

        packing = Packing(
            shard_mb=self.shard_size, memory_mb=self.work.memory, limit_s=self.work.limit
        )
        with console.progress() as progress:
            made = make_dataset(
                self.scenes.plan(),
                self.out,
                count=self.count,
                split=self._split(),
                layout=self.layout,
                config=self.work.config(),
                packing=packing,
                progress=progress,
            )
        self._report(console, made)
        return 0 if made.produced.passed else 1

    def _split(self) -> Split:
        from reel2sim.dataset import Split

        return Split(shares=self.split, held_back=self.hold_back)

    def _report(self, console: Console, made: Made) -> None:
        from reel2sim.cli.commands.dataset_show import fault_tables, tallies

        produced = made.produced
        counted = tallies(made.rows)
        record: dict[str, Any] = {
            "out": str(self.out),
            "skipped": produced.skipped,
            **counted,
            "samples_per_core_hour": round(made.hourly, 1),
            "shards": [str(path) for path in produced.shards],
            "sheets": [str(path) for path in produced.sheets],
        }
        before = f", {produced.skipped} made before" if produced.skipped else ""
        splits = ", ".join(f"{n} {name}" for name, n in counted["splits"].items() if n)
        summary = (
            f"{len(produced.passed)} of {len(made.rows)} samples passed{before} ({splits}); "
            f"{made.hourly:.0f} an hour of a core: {self.out}"
        )
        look_at = "".join(f"\nlook at {sheet}" for sheet in produced.sheets[:1])
        console.result(record, *fault_tables(made.rows), summary + look_at)
