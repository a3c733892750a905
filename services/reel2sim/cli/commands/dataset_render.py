"""``reel2sim dataset render``."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from reel2sim.cli.options import Common, Flag, Naming, shown
from reel2sim.cli.work import Work

if TYPE_CHECKING:
    from reel2sim.cli.console import Console
    from reel2sim.dataset import Recipe


@dataclass(frozen=True, kw_only=True)
class Look:
    """Of every object, after Diffusion4D (arXiv 2405.16645)."""

    frames: int = 24
    """Pictures of each series: still orbit, moving orbit, front view."""
    size: Annotated[int, tyro.conf.arg(metavar="PIXELS")] = 256
    """Both sides of a picture."""
    elevation: Annotated[tuple[float, float], tyro.conf.arg(metavar="DEG DEG")] = (5.0, 30.0)
    """Range from which the height of the cameras is drawn, object by object."""
    azimuth: Annotated[float | None, shown("DEG")] = None
    """Where orbits start and the front camera stands; drawn for each object if not given."""
    fov: Annotated[float, tyro.conf.arg(metavar="DEG")] = 40.0
    """Vertical field of view."""
    framing: Literal["first", "motion"] = "first"
    """Place the cameras for the object at its first instant, or for all of its motion."""
    fill: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.6
    """Share of the picture that the object takes as it is framed."""
    least_motion: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.01
    """Reject objects whose moving orbit differs less from the still one."""
    most_overflow: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.0
    """Reject objects of whose surface more leaves a picture."""
    draw: Literal["auto", "mesh", "surfels"] = "auto"
    """Shaded meshes, or surfels in the light of their film; auto: surfels of bundles only."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Of what is drawn for each object."""
    keep_rejected: Flag = False
    """Keep the pictures of rejected objects beside those of the others."""

    def recipe(self) -> Recipe:
        """These options as the recipe."""
        from reel2sim.dataset import Recipe

        return Recipe(
            frames=self.frames,
            size=self.size,
            elevation_deg=self.elevation,
            azimuth_deg=self.azimuth,
            fov_deg=self.fov,
            framing=self.framing,
            fill=self.fill,
            least_motion=self.least_motion,
            most_overflow=self.most_overflow,
            seed=self.seed,
            draw=self.draw,
            keep_rejected=self.keep_rejected,
        )


@dataclass(frozen=True, kw_only=True)
class Render:
    """Draw objects that you have: pictures, cameras, depth, masks, joints.

    Every object is drawn 24 times from an orbit while it stands still, 24 times from the same orbit
    while it moves, and 24 times from the front. INPUT is a bundle, a .glb, .gltf, .usd*, .urdf,
    MuJoCo .xml or .npz file, or a folder of such. Objects move as their file says; where it says
    nothing, as in URDF and MJCF, their joints sweep their limits. Objects that hardly move or leave
    the picture are rejected, and each verdict has its reason.

    DIR gets objects/ID (pictures, transforms.json, motion.json, object.json), shards/*.tar
    (WebDataset) of what passed, contact-00.png to look at, results.jsonl (and .parquet) and
    dataset.json. Run it again to go on after a stop. Inputs that cannot be read are listed and
    stop nothing. Exits with 0 if at least one object passed, else 1.

    Examples:
      reel2sim dataset render models/ --out data
      reel2sim dataset render robot.urdf hand.xml walk.glb --out data --size 512 --workers 4
      reel2sim dataset render results/bundles --out data --draw surfels
      reel2sim dataset render /shared/models --out /shared/data --address ray://head:10001
    """

    inputs: Annotated[tyro.conf.Positional[tuple[Path, ...]], shown("INPUT")]
    """Bundles, model files, and folders of them."""
    out: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder of the dataset; with --address on storage that all workers share."""
    look: Look = field(default_factory=Look)
    work: Work = field(default_factory=Work)
    shard_size: Annotated[float, tyro.conf.arg(metavar="MIB")] = 256.0
    """Size of a shard; 0 packs none."""
    naming: Naming = field(default_factory=Naming)
    common: Common = field(default_factory=Common)

    def run(self, console: Console) -> int:
        """Draw, judge and pack; show what was rejected or failed."""
        from reel2sim.cli.tables import table
        from reel2sim.dataset import Packing, find_jobs, render_dataset

        jobs, twice = find_jobs(
            self.inputs,
            self.look.recipe(),
            roots=self.naming.roots,
            packages=self.naming.named_packages(),
        )
        for path in twice:
            console.note(f"note: {path} is there twice and drawn once")
        packing = Packing(
            shard_mb=self.shard_size, memory_mb=self.work.memory, limit_s=self.work.limit
        )
        with console.progress() as progress:
            made = render_dataset(
                jobs, self.out, config=self.work.config(), packing=packing, progress=progress
            )
        record = {
            "out": str(self.out),
            "objects": len(made.rows),
            "passed": len(made.passed),
            "rejected": len(made.rejected),
            "failed": len(made.failed),
            "skipped": made.skipped,
            "twice": [str(path) for path in twice],
            "shards": [str(path) for path in made.shards],
            "sheets": [str(path) for path in made.sheets],
            "rows": [asdict(row) for row in made.rows],
        }
        shown_parts: list[object] = []
        if made.rejected:
            lines = [(row.id, row.facts["why"]) for row in made.rejected]
            shown_parts.append(table(f"{len(lines)} rejected", ("object", "why"), lines))
        if made.failed:
            lines = [(row.id, row.reason, row.message) for row in made.failed]
            columns = ("object", "reason", "message")
            shown_parts.append(table(f"{len(lines)} not drawn", columns, lines))
        before = f", {made.skipped} drawn before" if made.skipped else ""
        summary = f"{len(made.passed)} of {len(made.rows)} objects passed{before}: {self.out}"
        look_at = "".join(f"\nlook at {sheet}" for sheet in made.sheets[:1])
        console.result(record, *shown_parts, summary + look_at)  # type: ignore[arg-type]
        return 0 if made.passed else 1
