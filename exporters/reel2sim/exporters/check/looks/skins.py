"""Skins: that their influences are sound, and that they bend as the URDF's links move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from reel2sim.exporters.check.motion import Replay
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

TOLERANCE = 1e-4
"""Largest distance of a vertex from where it should be, as a share of the skin's size."""
_SUM = 1e-3
"""By how much weights in single precision, or stored in bytes, may miss 1."""


@dataclass(frozen=True, eq=False)
class SkinReading:
    """A skin as one format has it.

    Attributes:
        where: the file.
        joints: names of its joints, in the order that indices count.
        points: where the vertices are at rest ``(v, 3)``, in a world that has Z up.
        indices: joints of each vertex ``(v, k)``.
        weights: of these ``(v, k)``.
        posed: what the format's own rules make of it at times ``(t,)``: ``(t, v, 3)``.
    """

    where: str
    joints: tuple[str, ...]
    points: Array
    indices: Array
    weights: Array
    posed: Callable[[Array], Array]

    @property
    def size(self) -> float:
        """Diagonal of the skin's bounds at rest, metres."""
        return float(np.linalg.norm(np.ptp(self.points, axis=0)))


def blended(points: Array, indices: Array, weights: Array, T: Array) -> Array:
    """Points ``(v, 3)`` blended linearly of joint motions ``(t, j, 4, 4)``: ``(t, v, 3)``."""
    M = np.einsum("vk,tvkij->tvij", weights, T[:, indices, :3])
    return np.einsum("tvij,vj->tvi", M[..., :3], points) + M[..., 3]


def check_skins(
    notes: Notes,
    robot: Robot | None,
    replay: Replay | None,
    found: Mapping[str, SkinReading | None],
) -> None:
    """Note faults of each skin, and differences of one format's from another's.

    Args:
        notes: of the bundle.
        robot: the URDF, if it could be read.
        replay: the motion, if it can be replayed.
        found: skin of each format that could be read, by the check that its poses can fail.
    """
    skins = {check: skin for check, skin in found.items() if skin is not None}
    if skins and len(skins) < len(found):
        (skin, *_) = skins.values()
        notes.add("SKIN001", skin.where, "has a skin that the other formats lack")
    ways: dict[str, Array] = {}
    for check, skin in skins.items():
        with notes.guard(check, skin.where):
            if _sound(notes, skin, robot) and replay is not None:
                ways[check] = skin.posed(replay.times_s)
                if robot is not None and robot.finite:
                    _compare(notes, check, skin, ways[check], _carried(skin, robot, replay))
    if len(ways) == 2:
        (first, there), (second, here) = ((skins[check], way) for check, way in ways.items())
        if there.shape != here.shape:
            counts = f"{there.shape[1]} vertices, {here.shape[1]} in {second.where}"
            notes.add("SKIN001", first.where, counts)
        elif not (gap := _gap(there, here)) <= TOLERANCE * first.size:
            notes.add("SKIN001", first.where, f"is off by {gap:.3g} m from {second.where}")


def _sound(notes: Notes, skin: SkinReading, robot: Robot | None) -> bool:
    """Whether the skin can be posed, after noting why not."""
    before = len(notes.findings)
    links = set() if robot is None else {link.name for link in robot.links}
    if robot is not None and set(skin.joints) != links:
        odd = sorted(set(skin.joints) ^ links)
        notes.add("SKIN002", skin.where, f"joints and links disagree on {', '.join(odd[:5])}")
    wrong = (skin.indices < 0) | (skin.indices >= len(skin.joints))
    if wrong.any():
        rows = int(wrong.any(axis=1).sum())
        notes.add("SKIN003", skin.where, f"{rows} vertices name joints beyond {len(skin.joints)}")
    off = ~(np.abs(skin.weights.sum(axis=1) - 1) <= _SUM) | ~(skin.weights >= 0).all(axis=1)
    if off.any():
        worst = int(np.nanargmax(np.abs(skin.weights.sum(axis=1) - 1)))
        total = skin.weights[worst].sum()
        notes.add("SKIN004", skin.where, f"{int(off.sum())} vertices; one sums to {total:.4g}")
    return len(notes.findings) == before


def _carried(skin: SkinReading, robot: Robot, replay: Replay) -> Array:
    """The skin at rest, carried by the URDF's links ``(t, v, 3)``."""
    rest, moved = robot.poses({}, 1), replay.link_poses(robot)
    T = np.stack([moved[name] @ invert(rest[name]) for name in skin.joints], axis=1)
    return blended(skin.points, skin.indices, skin.weights, T)


def _compare(notes: Notes, check: str, skin: SkinReading, found: Array, wanted: Array) -> None:
    gap = _gap(found, wanted)
    reader = f"{skin.where} skin"
    notes.agreement[reader] = gap
    if not gap <= TOLERANCE * skin.size:
        notes.add(check, skin.where, f"a vertex of the skin is off by {gap:.3g} m")


def _gap(a: Array, b: Array) -> float:
    gap = float(np.linalg.norm(a - b, axis=-1).max()) if a.size else 0.0
    return gap if np.isfinite(gap) else float("inf")
