"""How the cost of a bundle grows with its links, format by format.

    python benchmarks/export_growth.py [--links 10 25 50 100 200] [--report growth.json]

Chains, in which every link hangs on the one before, and trees, in which every link holds two. A
link has a coloured mesh of about a thousand faces, four convex collision pieces and 200 surfels,
and the motion 48 instants. Each format is written alone, then the whole bundle, which is then
read as the environment reads it, read as an asset from its URDF and its MJCF, and checked.

Columns are seconds of the processor, all threads; the whole bundle also in seconds of the clock.
The exponent is the slope in the log-log plot over all sizes from 50 links on: 1 is linear. The exit
status is 1 if 200 links take over 20 s by the clock, or a bundle's exponent is above 1.2.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Material,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
)

LINKS = (10, 25, 50, 100, 200)
SHAPES = ("chain", "tree")
KINDS = (JointType.REVOLUTE, JointType.PRISMATIC, JointType.CONTINUOUS, JointType.REVOLUTE)
MOST_SECONDS, MOST_EXPONENT = 20.0, 1.2
PIECES, SURFELS, INSTANTS = 4, 200, 48
_FROM = 50
"""Links from which on growth counts: below, the fixed cost of a file does."""


@dataclass
class Row:
    """One object: processor seconds by what was done, and the bundle's by the clock."""

    shape: str
    links: int
    seconds: dict[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    megabytes: float = 0.0


def solid(rng: np.random.Generator) -> TriangleMesh:
    """A dented ball of 1280 faces whose vertices all have colours of their own."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.05)
    points = np.asarray(ball.vertices) * rng.uniform(0.6, 1.4, 3)
    points *= 1 + 0.05 * np.sin(40 * points[:, :1] + rng.uniform(0, 6))
    return TriangleMesh(points, np.asarray(ball.faces), rng.uniform(0, 1, points.shape))


def pieces(rng: np.random.Generator) -> tuple[TriangleMesh, ...]:
    """Hulls of 32 points each, side by side."""
    found = []
    for k in range(PIECES):
        points = rng.normal(size=(32, 3))
        points = 0.02 * points / np.linalg.norm(points, axis=1, keepdims=True)
        hull = trimesh.convex.convex_hull(points + np.array([0.03 * (k - 1.5), 0.0, 0.0]))
        found.append(TriangleMesh(np.asarray(hull.vertices), np.asarray(hull.faces)))
    return tuple(found)


def made(shape: str, count: int) -> RiggedAsset:
    """A chain or a binary tree of ``count`` links."""
    rng = np.random.default_rng(count)
    materials = [Material(f"stuff {i}", 500.0 + 100 * i) for i in range(8)]
    links = tuple(
        Link(
            f"link_{i:03d}",
            solid(rng),
            pieces(rng),
            Inertial(0.3, np.zeros(3), np.diag([2e-4, 3e-4, 4e-4])),
            materials[i % len(materials)],
        )
        for i in range(count)
    )
    joints = []
    for i in range(1, count):
        above = i - 1 if shape == "chain" else (i - 1) // 2
        kind, axis = KINDS[i % len(KINDS)], rng.normal(size=3)
        bound = math.inf if kind is JointType.CONTINUOUS else 1.0
        joints.append(
            Joint(
                f"joint_{i:03d}",
                kind,
                links[above].name,
                links[i].name,
                np.array([0.15, 0.0, 0.12 * (1 - 2 * (i % 2))]),
                axis / np.linalg.norm(axis),
                JointLimits(-bound, bound, 20.0, 4.0),
            )
        )
    times = np.linspace(0, 2, INSTANTS)
    waves = {j.name: 0.3 * np.sin(times * (1 + k % 5)) for k, j in enumerate(joints)}
    base = np.tile(np.eye(4), (INSTANTS, 1, 1))
    origins = np.zeros((count, 3))
    for i, joint in enumerate(joints, start=1):
        origins[i] = origins[i - 1 if shape == "chain" else (i - 1) // 2] + joint.origin
    owner = np.repeat(np.arange(count), SURFELS)
    ball = np.concatenate([link.visual.vertices[:SURFELS] for link in links])
    surfels = Surfels(
        means=ball + origins[owner],
        rotations=Rotation.random(len(owner), random_state=0).as_quat(),
        scales=np.full((len(owner), 2), 0.01),
        opacities=np.full(len(owner), 0.9),
        sh=rng.normal(size=(len(owner), 4, 3)),
        confidence=np.ones(len(owner)),
    )
    motion = Motion(times, base, waves)
    return RiggedAsset(f"{shape}_{count}", links, tuple(joints), motion, surfels, owner)


def steps(asset: RiggedAsset, folder: Path) -> dict[str, Callable[[], object]]:
    """What is timed, in order; the bundle before all that reads it."""
    from reel2sim.envs.bundle import load_bundle
    from reel2sim.exporters import export_bundle
    from reel2sim.exporters.check import check_bundle
    from reel2sim.exporters.gltf import write_glb
    from reel2sim.exporters.manifest import file_table
    from reel2sim.exporters.media import Provenance
    from reel2sim.exporters.mjcf import write_mjcf
    from reel2sim.exporters.motion import write_motion
    from reel2sim.exporters.report import write_report
    from reel2sim.exporters.splat import write_splats
    from reel2sim.exporters.srdf import write_srdf
    from reel2sim.exporters.thumbnail import write_thumbnail
    from reel2sim.exporters.urdf import write_urdf
    from reel2sim.exporters.usd import write_usd
    from reel2sim.importers import load_mjcf, load_urdf
    from reel2sim.scene.store import load_asset, save_asset

    alone, bundle = folder / "alone", folder / "bundle"
    alone.mkdir()
    report = alone / "report.html"
    film = alone / "preview.mp4"
    origin = Provenance()
    return {
        "motion": lambda: write_motion(asset, alone / "motion.json"),
        "splats": lambda: write_splats(asset.surfels, alone / "splats.ply"),
        "URDF": lambda: write_urdf(asset, alone / "scene.urdf"),
        "SRDF": lambda: write_srdf(asset, alone / "scene.srdf"),
        "MJCF": lambda: write_mjcf(asset, alone / "scene.xml"),
        "GLB": lambda: write_glb(asset, alone / "asset.glb"),
        "thumbnail": lambda: write_thumbnail(alone / "thumbnail.png", asset),
        "USD": lambda: write_usd(asset, alone),
        "report": lambda: write_report(asset, report, media=None, provenance=origin, preview=film),
        "store": lambda: save_asset(alone / "asset.npz", asset),
        "manifest": lambda: file_table(alone),
        "bundle": lambda: export_bundle(asset, bundle),
        "load": lambda: load_bundle(bundle),
        "load asset": lambda: load_asset(alone / "asset.npz"),
        "load URDF": lambda: load_urdf(bundle / "scene.urdf"),
        "load MJCF": lambda: load_mjcf(bundle / "scene.xml"),
        "check": lambda: _checked(check_bundle(bundle)),
    }


def _checked(report: object) -> None:
    faults = [f for f in report.findings if f.severity == "error"]  # type: ignore[attr-defined]
    if faults:
        raise SystemExit(f"the bundle has faults: {faults[:3]}")


def measured(shape: str, count: int) -> Row:
    row = Row(shape, count)
    asset = made(shape, count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for step, do in steps(asset, folder).items():
            # A checker starts processes of its own, which the clock of this one does not see.
            clock = time.perf_counter if step == "check" else time.process_time
            wall, start = time.perf_counter(), clock()
            do()
            row.seconds[step] = clock() - start
            if step == "bundle":
                row.wall_s = time.perf_counter() - wall
                files = (folder / "bundle").rglob("*")
                row.megabytes = sum(f.stat().st_size for f in files if f.is_file()) / 1e6
    return row


def exponent(links: list[int], seconds: list[float]) -> float:
    """Slope in the log-log plot, from :data:`_FROM` links on if that leaves two sizes."""
    far = [(n, s) for n, s in zip(links, seconds, strict=True) if n >= _FROM]
    used = far if len(far) > 1 else list(zip(links, seconds, strict=True))
    if len(used) < 2:
        return math.nan
    x, y = (np.log(np.maximum(column, 1e-4)) for column in zip(*used, strict=True))
    return float(np.polyfit(x, y, 1)[0])


def table(rows: list[Row]) -> list[str]:
    """One line for each thing done, a column for each size, the exponent last."""
    counts = [row.links for row in rows]
    lines = [
        f"| {rows[0].shape} | " + " | ".join(f"{n} links" for n in counts) + " | exponent |",
        "|---|" + "---:|" * (len(rows) + 1),
    ]
    for step in rows[0].seconds:
        values = [row.seconds[step] for row in rows]
        cells = " | ".join(f"{value:.2f}" for value in values)
        lines.append(f"| {step} | {cells} | {exponent(counts, values):.2f} |")
    wall = [row.wall_s for row in rows]
    cells = " | ".join(f"{value:.2f}" for value in wall)
    lines.append(f"| bundle, by the clock | {cells} | {exponent(counts, wall):.2f} |")
    lines.append(f"| MB | {' | '.join(f'{row.megabytes:.1f}' for row in rows)} | |")
    return lines


def failures(rows: list[Row]) -> list[str]:
    """What is slower than it may be."""
    found = [
        f"{row.shape} of {row.links} links took {row.wall_s:.1f} s"
        for row in rows
        if row.links <= 200 and row.wall_s > MOST_SECONDS
    ]
    for shape in SHAPES:
        own = [row for row in rows if row.shape == shape]
        power = exponent([r.links for r in own], [r.seconds["bundle"] for r in own])
        if power > MOST_EXPONENT:
            found.append(f"the bundle of a {shape} grows with the power {power:.2f} of its links")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, nargs="+", default=LINKS)
    parser.add_argument("--shape", nargs="+", choices=SHAPES, default=SHAPES)
    parser.add_argument("--report", type=Path, help="write the figures here, as JSON")
    options = parser.parse_args()
    with contextlib.redirect_stdout(sys.stderr):
        measured("chain", 2)  # loads what the first bundle loads
    rows: list[Row] = []
    for shape in options.shape:
        for count in options.links:
            rows.append(measured(shape, count))
            print(
                f"{shape} of {count} links: bundle {rows[-1].wall_s:.1f} s",
                file=sys.stderr,
                flush=True,
            )
        print("\n".join(table([row for row in rows if row.shape == shape])), end="\n\n", flush=True)
    if options.report:
        options.report.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    faults = failures(rows)
    for fault in faults:
        print(f"FAIL: {fault}")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
