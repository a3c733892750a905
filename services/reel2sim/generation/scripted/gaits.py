"""How whole bodies get along: on wheels, on legs, on their bellies.

All are kinematic and exact: wheels roll without slip, planted feet stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from reel2sim.generation.scripted.kinematics import ObjectSpec
from reel2sim.generation.scripted.motion import minimum_jerk, run_down
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import axis_rotation, pose

_CYCLES: Final = 2.0
_DUTY: Final = 0.6
"""Share of a cycle that a foot stands."""
_CROUCH: Final = 0.92
"""Height of the hips, of that of straight legs."""
_PHASES: Final = {2: (0.0, 0.5), 4: (0.0, 0.5, 0.5, 0.0), 6: (0.0, 0.5, 0.5, 0.0, 0.0, 0.5)}
"""When each leg lifts: in turn, trot, tripod."""


@dataclass(frozen=True, eq=False)
class Stride:
    """A body under way.

    Attributes:
        base: ``T_start_root`` ``(t, 4, 4)``: from where it would stand at zero state.
        positions: of the joints that the gait moves, radians ``(t,)``.
    """

    base: Array
    positions: dict[str, Array]


def roll(spec: ObjectSpec, phases: Array, reach: float, *, wound: bool = False) -> Stride:
    """Roll forward on the parts called ``wheel_*``.

    Args:
        spec: the object.
        phases: ``(t,)``, 0 at the beginning to 1 at the end.
        reach: 1 for about its own length.
        wound: start fast and run down, as a wound spring does; else start and stop gently.
    """
    x = np.concatenate([s.vertices[:, 0] for part in spec.parts for s in part.solids])
    way = 1.1 * reach * float(np.ptp(x)) * (run_down(phases) if wound else minimum_jerk(phases))
    turned = {
        part.name: way / part.pivot[2] for part in spec.movable if part.name.startswith("wheel_")
    }
    return Stride(_ahead(way - way[-1] / 2), turned)


def walk(spec: ObjectSpec, phases: Array, reach: float) -> Stride:
    """Walk forward on legs ``hip_k``, ``knee_k`` and ``ankle_k``, with two links of one length."""
    legs = [part for part in spec.movable if part.name.startswith("hip_")]
    long = legs[0].pivot[2] - spec.part("knee_0").pivot[2]
    step, low = 0.9 * long, _CROUCH * 2 * long
    cycles = _CYCLES * reach * phases
    positions: dict[str, Array] = {}
    for k, hip in enumerate(legs):
        u = (cycles + _PHASES[len(legs)][k]) % 1.0
        stands = u < _DUTY
        share = np.where(stands, u / _DUTY, (u - _DUTY) / (1 - _DUTY))
        x = step * np.where(stands, 0.5 - share, minimum_jerk(share) - 0.5)
        lift = np.where(stands, 0.0, 0.2 * long * np.sin(np.pi * share) ** 2)
        turn, bend = _leg_angles(x, lift - low, long)
        positions[hip.name], positions[f"knee_{k}"] = turn, bend
        positions[f"ankle_{k}"] = -(turn + bend)
        positions[f"shoulder_{k}"] = 1.2 * x / long
        positions[f"elbow_{k}"] = 0.4 + 0.3 * x / long
    names = {part.name for part in spec.movable}
    way = cycles * step / _DUTY
    drop = 2 * long - low
    known = {name: q for name, q in positions.items() if name in names}
    return Stride(_ahead(way - way[-1] / 2, -drop), known)


def _leg_angles(x: Array, z: Array, long: float) -> tuple[Array, Array]:
    """Turns of hip and knee about +y that put the foot at (x, z) below the hip; knee forward."""
    far = np.hypot(x, z)
    bend = 2 * np.arccos(np.clip(far / (2 * long), -1, 1))
    return np.arctan2(-x, -z) - bend / 2, bend


def slither(spec: ObjectSpec, phases: Array, reach: float) -> Stride:
    """Follow a serpenoid curve (Hirose, 1993): each joint goes where the one before it was."""
    pivots = [part for part in spec.movable if part.name.startswith("segment_")]
    long = pivots[0].pivot[0] - pivots[1].pivot[0]
    wave = max(6.0, 0.7 * len(pivots)) * long
    way = 1.2 * reach * wave
    curve, ds = _serpenoid(wave, way + (len(pivots) + 3) * 1.3 * long, long)
    heads = len(curve) - 1 - (way * (1 - phases) / ds).astype(int)
    base: list[Array] = []
    turns: list[Array] = []
    for head in heads:
        chain = _follow(curve, int(head), [0.5 * long, *[long] * len(pivots)])
        along = chain[:-1] - chain[1:]
        heading = np.unwrap(np.arctan2(along[:, 1], along[:, 0]))
        R = axis_rotation(np.array([0.0, 0.0, 1.0]), heading[0])
        base.append(pose(R, np.array([*chain[0], 0.0])))
        turns.append(np.diff(heading))
    placed = np.array(base)
    placed[:, :2, 3] -= curve[heads].mean(axis=0)
    q = np.array(turns).T
    return Stride(placed, {part.name: q[k] for k, part in enumerate(pivots)})


def _serpenoid(wave: float, length: float, long: float) -> tuple[Array, float]:
    """Points ``(n, 2)`` of the curve and the way between them."""
    ds = long / 400
    s = np.arange(0.0, length, ds)
    heading = 0.7 * np.sin(2 * np.pi * s / wave)
    steps = ds * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)]), ds


def _follow(curve: Array, head: int, lengths: list[float]) -> Array:
    """Points of the curve behind ``head``, so far from one another ``(n + 1, 2)``."""
    points = [curve[head]]
    at = head
    for length in lengths:
        far = np.linalg.norm(curve[:at] - points[-1], axis=1)
        k = int(np.nonzero(far >= length)[0][-1])
        share = (length - far[k + 1]) / (far[k] - far[k + 1]) if k + 1 < at else 1.0
        points.append(curve[k + 1] + share * (curve[k] - curve[k + 1]))
        at = k + 1
    return np.array(points)


def _ahead(way: Array, rise: float = 0.0) -> Array:
    """Base poses ``(t, 4, 4)`` that go along +x."""
    return pose(translation=np.stack([way, np.zeros_like(way), np.full_like(way, rise)], axis=-1))
