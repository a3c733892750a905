"""A hand that comes into the picture, moves what moves, and leaves: an actor that is no subject.

It is a forearm, a palm and five fingers of three capsules each, which close on what they touch. It
has no joints to be found, and is no part of any object: masks and truth leave it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from reel2sim.generation.materials import material
from reel2sim.generation.scripted.play import Performance
from reel2sim.generation.scripted.solids import Solid, capsule
from reel2sim.rendering import Mesh
from reel2sim.rendering import Surface as Look
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, axis_rotation, pose

_SKINS: Final = (
    (0.91, 0.73, 0.63),
    (0.85, 0.64, 0.52),
    (0.70, 0.49, 0.37),
    (0.49, 0.32, 0.23),
)
_LENGTH_M: Final = 0.18
"""From the wrist to the tip of the middle finger."""
_SMALLEST, _LARGEST = 0.12, 0.45
"""Bounds of the hand's length, as a share of the stage: small things are held with finger tips."""
_PALM: Final = 0.5
_FINGERS: Final = ((-0.17, 0.40), (-0.06, 0.48), (0.05, 0.50), (0.16, 0.42))
"""Each finger's place across the palm and its length, in lengths of the hand."""
_CLOSED, _OPEN = np.radians(42.0), np.radians(12.0)
"""Angle of each of a finger's joints around something, and around nothing."""
_SLOW: Final = 0.02
"""Speed, as a share of the fastest, under which nothing has to be moved."""
_REACH: Final = 1.5
"""Way that the hand comes from, stages."""
_SECONDS: Final = 0.5
"""Time that it takes to come or go."""


@dataclass(frozen=True, eq=False)
class Hand:
    """Meshes and their poses.

    Attributes:
        meshes: in their own frames; surfaces are numbers into ``looks``.
        tracks: ``T_world_mesh`` of each ``(t, 4, 4)``.
        looks: skin, and a sleeve.
    """

    meshes: tuple[Mesh, ...]
    tracks: tuple[Array, ...]
    looks: tuple[Look, ...]


def hand_for(performance: Performance, eye: Array, rng: np.random.Generator) -> Hand | None:
    """A hand that moves what moves in a performance, seen from ``eye`` ``(3,)``; None if nothing.

    It holds the farthest point of each part while that is the quickest, goes from one to the next,
    and is away from them while all stand still.
    """
    contacts, activity = _contacts(performance)
    if not len(contacts):
        return None
    cloud = performance.points([0])
    stage = float(np.linalg.norm(np.ptp(cloud, axis=0)))
    size = float(np.clip(_LENGTH_M, _SMALLEST * stage, _LARGEST * stage))
    from_, back = _ways(cloud.mean(axis=0), eye, rng)
    seconds = performance.times_s
    near = _smoothed(activity.max(axis=0) > _SLOW, seconds)
    weights = np.stack([_smoothed(a > _SLOW, seconds) for a in activity]) + 1e-9
    at = np.einsum("kt,ktc->tc", weights / weights.sum(axis=0), contacts)
    wrist = at + (size * 0.75 + (1 - near)[:, None] * _REACH * stage) * from_
    frame = np.stack([np.cross(back, -from_), back, -from_], axis=1)
    return _made(size, frame, wrist, near, stage, rng)


def _contacts(performance: Performance) -> tuple[Array, Array]:
    """Where each part that moves is held ``(k, t, 3)``, and how fast that goes ``(k, t)``."""
    points: list[Array] = []
    speeds: list[Array] = []
    for actor in performance.actors:
        for part in actor.spec.movable:
            if actor.scenery or np.ptp(actor.positions[part.name]) < 1e-6:
                continue
            ways = apply(actor.part_poses[part.name], part.vertices)
            travel = np.linalg.norm(ways - ways[:1], axis=2).max(axis=0)
            held = ways[:, int(travel.argmax())]
            step = np.linalg.norm(np.gradient(held, axis=0), axis=1)
            points.append(held)
            speeds.append(step / max(float(step.max()), 1e-12))
    return np.array(points), np.array(speeds)


def _ways(middle: Array, eye: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """Where the arm comes from, a unit vector, and where the back of the hand looks."""
    toward = (eye - middle) / np.linalg.norm(eye - middle)
    right = np.cross([0.0, 0.0, 1.0], toward)
    right /= np.linalg.norm(right)
    up = np.cross(toward, right)
    way = rng.uniform(0.25, 0.5) * toward + rng.choice([-1.0, 1.0]) * right
    way -= rng.uniform(0.1, 0.7) * up
    way /= np.linalg.norm(way)
    back = toward + 0.8 * up
    back -= (back @ way) * way
    return way, back / np.linalg.norm(back)


def _smoothed(busy: Array, times_s: Array) -> Array:
    """From 0 where nothing is busy to 1 where something is, in the time the hand takes ``(t,)``."""
    if not busy.any():
        return np.zeros(len(times_s))
    gap = np.abs(times_s[:, None] - times_s[busy]).min(axis=1)
    share = np.clip(1 - gap / _SECONDS, 0.0, 1.0)
    return share * share * (3 - 2 * share)


def _made(
    size: float, frame: Array, wrist: Array, near: Array, stage: float, rng: np.random.Generator
) -> Hand:
    """All meshes of a hand of ``size`` whose wrist goes through ``wrist`` ``(t, 3)``.

    In the hand's frame x runs across the palm, y out of its back and z to the finger tips.
    """
    skin = material("leather", _SKINS[int(rng.integers(len(_SKINS)))], int(rng.integers(2**31)))
    sleeve = material("fabric", tuple(rng.uniform(0.1, 0.9, 3)), int(rng.integers(2**31)))
    hand = pose(np.broadcast_to(frame, (len(wrist), 3, 3)), wrist)
    solids: list[tuple[Solid, Array, int]] = [
        (_flat(capsule([0, 0, 0.08 * size], [0, 0, _PALM * size], 0.22 * size)), hand, 0)
    ]
    arm = 2.5 * stage + _REACH * stage
    cuff = float(rng.uniform(0.4, 1.2)) * size
    solids.append((capsule([0, 0, 0.05 * size], [0, 0, -cuff], 0.15 * size), hand, 0))
    solids.append((capsule([0, 0, -cuff], [0, 0, -arm], 0.2 * size), hand, 1))
    tremble = 0.06 * np.sin(9.0 * np.arange(len(near))[:, None] / len(near) + np.arange(4))
    bend = _OPEN + (_CLOSED - _OPEN) * near[:, None] + tremble
    for k, (aside, length) in enumerate(_FINGERS):
        root = np.array([aside * size, 0.02 * size, _PALM * size])
        solids += _finger(hand, root, 0.0, length * size, bend[:, k], 0.05 * size)
    thumb = np.array([-0.2 * size, -0.05 * size, 0.15 * size])
    solids += _finger(hand, thumb, -0.7, 0.36 * size, bend[:, 0], 0.058 * size)
    meshes = [
        Mesh(
            s.vertices, s.faces, uv=s.uv[s.faces] / (0.6 * size), normals=s.normals[s.faces],
            surface=look, part=-1 - k,
        )
        for k, (s, _, look) in enumerate(solids)
    ]  # fmt: skip
    return Hand(tuple(meshes), tuple(T for _, T, _ in solids), (skin, sleeve))


def _flat(solid: Solid) -> Solid:
    """The palm: a third as thick as wide."""
    squash = np.array([1.0, 0.36, 1.0])
    normals = solid.normals / squash
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Solid(solid.vertices * squash, solid.faces, normals, solid.uv, solid.surface)


def _finger(
    hand: Array, root: Array, turn: float, length: float, bend: Array, radius: float
) -> list[tuple[Solid, Array, int]]:
    """Three links that bend about x by ``bend`` ``(t,)`` each, the first turned about y."""
    x, y, z = np.eye(3)
    T = hand @ pose(axis_rotation(y, turn), root)
    curl = pose(axis_rotation(x, bend))
    found: list[tuple[Solid, Array, int]] = []
    for share in (0.45, 0.32, 0.23):
        T = T @ curl
        link = capsule([0, 0, 0], [0, 0, share * length], radius, sides=12)
        found.append((link, T, 0))
        T = T @ pose(translation=share * length * z)
    return found
