"""Whether the bodies of bundles behave in a physics engine.

For each bundle: are masses, inertias and meshes those of bodies; how deep are links in each other;
do the drives hold the joints at zero for two seconds under gravity, and does the object come to
rest when dropped on a floor, in PyBullet and in MuJoCo; and does a ball dropped into an open
drawer stay in it while the drawer is shut. Also what the joints' limits are next to what was seen.

Exits with 1 if a bundle has a fault. A bundle is made with its asset.npz by `reel2sim run` or
`reel2sim export`.

Example::

    python benchmarks/physics.py bundles/* --report physics.json
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import tyro
from physics_study import settling
from physics_study.ball import BallTest, ball_tests
from physics_study.statics import Statics, statics
from rich.console import Console
from rich.table import Table

from reel2sim.scene import Joint, JointType
from reel2sim.scene.store import load_asset


@dataclass(frozen=True)
class Options:
    """What to look at.

    Attributes:
        bundles: bundle folders.
        report: also write all figures to this file (JSON).
    """

    bundles: tyro.conf.Positional[tuple[Path, ...]]
    report: Path | None = None


@dataclass(frozen=True)
class Range:
    """Limits of a joint; None where it has none.

    Attributes:
        joint: its name.
        type: its kind.
        lower: smallest position, radians or metres.
        upper: largest position.
        seen: range that was seen.
        velocity: largest speed.
        effort: largest torque or force.
    """

    joint: str
    type: str
    lower: float | None
    upper: float | None
    seen: tuple[float, float] | None
    velocity: float
    effort: float

    @classmethod
    def of(cls, joint: Joint) -> Range:
        """The limits of ``joint``."""
        bounds = [q if math.isfinite(q) else None for q in (joint.limits.lower, joint.limits.upper)]
        velocity, effort = joint.limits.velocity, joint.limits.effort
        return cls(joint.name, joint.type.value, *bounds, joint.observed_range, velocity, effort)


@dataclass(frozen=True)
class Study:
    """Everything about one bundle.

    Attributes:
        bundle: its folder.
        statics: at rest.
        settled: what became of it by engine and trial.
        balls: by level slide.
        ranges: of the joints.
    """

    bundle: str
    statics: Statics
    settled: dict[str, settling.Outcome]
    balls: list[BallTest]
    ranges: list[Range]

    @property
    def faults(self) -> list[str]:
        """All that is wrong."""
        found = list(self.statics.faults)
        found += [f"{name}: {x.fault}" for name, x in self.settled.items() if x.fault]
        return found + [f"{x.joint}: the ball is lost" for x in self.balls if x.verdict == "lost"]


def study(bundle: Path) -> Study:
    """Look at one bundle."""
    asset = load_asset(bundle / "asset.npz")
    engines = {"PyBullet": settling.bullet, "MuJoCo": settling.mujoco}
    settled = {
        f"{engine} {'dropped' if dropped else 'held'}": simulate(bundle, asset, dropped=dropped)
        for engine, simulate in engines.items()
        for dropped in (False, True)
    }
    ranges = [Range.of(joint) for joint in asset.joints if joint.type is not JointType.FIXED]
    return Study(str(bundle), statics(asset), settled, ball_tests(bundle, asset), ranges)


def row(found: Study) -> list[str]:
    """The study as cells of the table."""
    at_rest, settled = found.statics, found.settled
    balls = [
        x.verdict if x.verdict == "no hollow" else f"{x.verdict} (ø {2 * x.radius_mm:.0f} mm)"
        for x in found.balls
    ]
    return [
        Path(found.bundle).name,
        f"{at_rest.mass_kg:.2f}",
        str(at_rest.most_pieces),
        str(at_rest.entangled),
        f"{at_rest.joined_mm:.1f} / {at_rest.others_mm:.1f} / {at_rest.moving_mm:.1f}",
        *(
            (f"{1e3 * x.speed:.0f} mm/s" if name.endswith("dropped") else f"{x.drift:.2f}")
            + (" ✗" if x.fault else "")
            for name, x in settled.items()
        ),
        ", ".join(balls) or "–",
        "; ".join(found.faults) or "none",
    ]


def main(options: Options) -> int:
    """Study all bundles and show them; 1 if any has a fault."""
    found = [study(bundle) for bundle in options.bundles]
    trials = list(found[0].settled) if found else []
    table = Table("bundle", "kg", "pieces", "pairs", "depths mm", *trials, "ball", "faults")
    limits = Table("bundle", "joint", "type", "seen", "limits", "speed", "effort")
    for each in found:
        table.add_row(*row(each))
        for x in each.ranges:
            seen = "–" if x.seen is None else f"{x.seen[0]:.3f} … {x.seen[1]:.3f}"
            bounds = "none" if x.lower is None else f"{x.lower:.3f} … {x.upper:.3f}"
            limits.add_row(
                Path(each.bundle).name,
                x.joint,
                x.type,
                seen,
                bounds,
                f"{x.velocity:.2f}",
                f"{x.effort:.2f}",
            )
    console = Console(width=170)
    console.print(table, limits)
    if options.report is not None:
        records = [{**asdict(each), "faults": each.faults} for each in found]
        options.report.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    return int(any(each.faults for each in found))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__, config=(tyro.conf.OmitArgPrefixes,))))
