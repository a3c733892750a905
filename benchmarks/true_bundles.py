"""Write bundles of true objects: exact shapes and joints, and the motion that captures show.

A policy trained on what was recovered from a capture is tested on its bundle made here: both stand
in the same world.

Example::

    python benchmarks/true_bundles.py --out true --objects mw_drawer mw_laptop
    python benchmarks/true_bundles.py --out true --urdf path/to/robot.urdf
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from captures.body import Body
from captures.truth import true_asset
from render_captures import DURATION_S, bodies
from render_captures import Options as CaptureOptions

from reel2sim.exporters.bundle import export_bundle
from reel2sim.exporters.staging import staged_folder
from reel2sim.scene.errors import UsageError


@dataclass(frozen=True)
class Options:
    """What to write.

    Attributes:
        out: folder that receives one bundle per object.
        objects: names under ``assets_gt`` of the data folder; empty: all, unless something else
            is named.
        urdf: write these files; URDF, or SDF by their ending.
        joints: joints of the URDF that move; empty: all.
        name: of the bundle of the one object; empty: that of the file.
        frames: instants of the motion.
        seed: of textures.
    """

    out: Path
    objects: tuple[str, ...] = ()
    urdf: tuple[Path, ...] = ()
    joints: tuple[str, ...] = ()
    name: str = ""
    frames: int = 24
    seed: int = 0


def write(body: Body, options: Options) -> Path:
    """Write one bundle, in place of what is there, and return its folder."""
    if body.model is None:
        raise UsageError("has no joints", source=body.name)
    times = np.linspace(0.0, DURATION_S, options.frames)
    asset = true_asset(replace(body.model, name=body.name), times, seed=options.seed)
    with staged_folder(options.out / body.name, overwrite=True) as staging:
        export_bundle(asset, staging)
    return options.out / body.name


def main(options: Options) -> None:
    """Write every chosen object."""
    chosen = CaptureOptions(
        out=options.out,
        objects=options.objects,
        urdf=options.urdf,
        joints=options.joints,
        name=options.name,
    )
    for body in bodies(chosen):
        print(f"{body.name}: {write(body, options)}", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,)))
