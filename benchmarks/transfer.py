"""Policies trained on recovered objects, tested on the true ones.

For each run of ``reel2sim train`` and the true object's bundle: success and return in the same
episodes on both, and the gap. Tasks on one joint take the true joint whose axis lies closest to
the recovered one's; both bundles stand in the same world, and an arm stands where it stood. Goals
are shares of each joint's own range. Bundles of true objects: ``benchmarks/true_bundles.py``.

Example::

    python benchmarks/transfer.py --runs runs/drawer runs/laptop --true true/drawer true/laptop \\
        --report transfer.json
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from reel2sim.envs.registration import TRACK_MOTION
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.rig import Joint, JointType
from reel2sim.scene.store import load_asset
from reel2sim.training import Evaluation, baselines, environment_of, evaluate, load_policy
from reel2sim.training.config import read_config


@dataclass(frozen=True)
class Options:
    """What to compare.

    Attributes:
        runs: folders that ``reel2sim train`` wrote.
        true: bundles of the true objects, in the same order.
        episodes: of each evaluation.
        report: also write the figures to this file (JSON).
    """

    runs: tuple[Path, ...]
    true: tuple[Path, ...]
    episodes: int = 50
    report: Path | None = None


@dataclass(frozen=True)
class Transfer:
    """Figures of one run.

    Attributes:
        run: its folder.
        task: id of the environment.
        joint: the recovered joint and the true one, for tasks on one joint.
        angle_deg: between their axes.
        offset: distance of their axes as a share of the object's size; of sliding joints that of
            the parts.
        recovered: on the object it was trained on.
        true: on the true one.
        nothing: doing nothing on the true one.
    """

    run: str
    task: str
    joint: tuple[str, str] | None
    angle_deg: float
    offset: float
    recovered: Evaluation
    true: Evaluation
    nothing: Evaluation


@dataclass(frozen=True)
class Axis:
    """A joint at the motion's first instant, world frame."""

    joint: Joint
    direction: Array
    point: Array
    part: Array

    def apart(self, other: Axis) -> tuple[float, float]:
        """Angle in degrees, and distance in metres."""
        angle = np.degrees(np.arccos(min(1.0, abs(float(self.direction @ other.direction)))))
        if self.joint.type is JointType.PRISMATIC:
            return float(angle), float(np.linalg.norm(self.part - other.part))
        between = other.point - self.point
        across = between - (between @ self.direction) * self.direction
        return float(angle), float(np.linalg.norm(across))


def axes(asset: RiggedAsset) -> dict[str, Axis]:
    """Joints of one coordinate by name."""
    poses = asset.link_poses_at(float(asset.motion.times_s[0]))
    found: dict[str, Axis] = {}
    for joint in asset.joints:
        if joint.type is not JointType.PRISMATIC and not joint.type.angular:
            continue
        T = poses[asset.link_index[joint.child]]
        mesh = asset.links[asset.link_index[joint.child]].visual
        center = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
        found[joint.name] = Axis(
            joint, T[:3, :3] @ joint.axis, T[:3, 3], T[:3, :3] @ center + T[:3, 3]
        )
    return found


def closest(axis: Axis, others: dict[str, Axis], size: float) -> tuple[str, float, float]:
    """Name of the joint of the same kind that lies closest; angle and share of the size."""
    slides = axis.joint.type is JointType.PRISMATIC
    best: tuple[float, str, float, float] | None = None
    for name, other in others.items():
        if (other.joint.type is JointType.PRISMATIC) is slides:
            angle, distance = axis.apart(other)
            cost = angle / 45 + distance / size
            best = min(best or (np.inf, "", 0.0, 0.0), (cost, name, angle, distance / size))
    if best is None:
        raise SystemExit(f"the true object has no joint like {axis.joint.name}")
    return best[1:]


def played(env: gymnasium.Env[Any, Any], run: Path, episodes: int) -> Evaluation:
    return evaluate(env, load_policy(run, env), episodes=episodes)


def transfer(run: Path, true: Path, episodes: int) -> Transfer:
    """Play the policy of a run on its own object and on the true one."""
    task, options = environment_of(run)
    recovered = read_config(run).bundle
    names, angle, offset, there = None, 0.0, 0.0, dict(options)
    with gymnasium.make(task, bundle=str(recovered), **options) as env:
        own = played(env, run, episodes)
        inner: Any = env.unwrapped
        if hasattr(inner.config, "joint"):
            # Tasks on one joint act on it, or bring an arm of their own.
            name = inner.config.joint or getattr(inner, "joint_name", inner.joint_names[0])
            mine, others = (axes(load_asset(b / "asset.npz")) for b in (recovered, true))
            match, angle, offset = closest(mine[name], others, inner.setting.size)
            names, there["joint"] = (name, match), match
        if hasattr(inner, "stand"):
            there["stand"] = inner.stand  # the robot stays where it is, objects are exchanged
    with gymnasium.make(task, bundle=str(true), **there) as env:
        other = played(env, run, episodes)
        nothing = baselines(env, episodes=episodes)["nothing"]
    return Transfer(str(run), task, names, angle, offset, own, other, nothing)


def shown(found: Evaluation) -> str:
    success = "" if found.success is None else f"{found.success:.0%} "
    return f"{success}({found.mean_return:.1f})"


def main(options: Options) -> None:
    table = Table(
        "run", "joint, true joint", "axes apart", "recovered", "true", "gap", "nothing, true"
    )
    results: list[Transfer] = []
    for run, true in zip(options.runs, options.true, strict=True):
        alone = 1 if environment_of(run)[0] == TRACK_MOTION else options.episodes
        found = transfer(run, true, alone)
        results.append(found)
        both = (found.recovered.success, found.true.success)
        gap = "-" if None in both else f"{100 * (both[0] - both[1]):+.0f} points"  # pyright: ignore
        joint = " → ".join(found.joint) if found.joint else "-"
        apart = f"{found.angle_deg:.1f}°, {found.offset:.1%}" if found.joint else "-"
        figures = (shown(found.recovered), shown(found.true), gap, shown(found.nothing))
        table.add_row(str(run), joint, apart, *figures)
        if options.report is not None:
            record = [asdict(result) for result in results]
            options.report.write_text(json.dumps(record, indent=1) + "\n")
    Console(width=170).print(table)


if __name__ == "__main__":
    main(tyro.cli(Options))
