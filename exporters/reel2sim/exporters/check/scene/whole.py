"""What a scene should hold, and how a file of the whole differs from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.exporters.check.robot.reading import compare_poses
from reel2sim.scene.arrays import Array

_HEIGHT = 1e-6


@dataclass(frozen=True, eq=False)
class Whole:
    """What a scene should hold, by its assets' own bundles.

    Attributes:
        states: positions ``(s,)`` by asset/joint: zero, then some within the limits.
        poses: ``T_world_link`` ``(s, 4, 4)`` by asset/link at these states, every root where it is
            at the first instant.
        masses: kg, by asset/link.
        robots: by asset.
        gravity: ``(3,)``, m/s².
        ground_z: metres; None without a ground.
        cameras: how many.
        lights: how many.
    """

    states: Mapping[str, Array]
    poses: Mapping[str, Array]
    masses: Mapping[str, float]
    robots: Mapping[str, Robot]
    gravity: Array
    ground_z: float | None
    cameras: int
    lights: int


def compare_links(
    notes: Notes, loader: str, where: str, whole: Whole, found: Mapping[str, Array], check: str
) -> None:
    """Note links that ``where`` lacks, has in addition, or puts elsewhere.

    Args:
        notes: of the bundle.
        loader: who read the file.
        where: the file.
        whole: what should be there.
        found: ``T_world_link`` by asset/link: ``(s, 4, 4)`` at all states, or ``(4, 4)`` at zero.
        check: which check this is.
    """
    links = {f"{name}/{link.name}" for name, r in whole.robots.items() for link in r.links}
    for name in sorted(links - set(found)):
        notes.add(check, where, f"{name} is missing")
    for name in sorted(set(found) - links):
        notes.add(check, where, f"{name} is of no asset")
    wanted = {n: T if found[n].ndim == 3 else T[0] for n, T in whole.poses.items() if n in found}
    compare_poses(notes, loader, where, wanted, found, check)


def compare_gravity(
    notes: Notes, where: str, whole: Whole, gravity: Array, *, tolerance: float
) -> None:
    """Note another gravity ``(3,)`` than the scene's, by more than ``tolerance``, m/s²."""
    if not np.abs(gravity - whole.gravity).max() <= tolerance:
        notes.add("SCENE008", where, f"gravity is {gravity.round(6).tolist()}")


def compare_ground(notes: Notes, where: str, whole: Whole, planes: Sequence[float]) -> None:
    """Note grounds at other heights, metres, than the scene's, or none, or several."""
    heights = [] if whole.ground_z is None else [whole.ground_z]
    if len(planes) != len(heights) or any(
        abs(a - b) > _HEIGHT for a, b in zip(planes, heights, strict=True)
    ):
        notes.add("SCENE008", where, f"ground is at {planes or 'none'}, not {heights or 'none'}")
