"""Cameras that somebody holds: they sway, and walk a little around what they film."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from reel2sim.generation.scripted.cameras import Shot
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import look_at
from reel2sim.scene.transforms import axis_rotation

_SWAYS_HZ: Final = (0.35, 0.8, 1.7, 3.1, 6.3)
"""Frequencies of the sway; its amplitude falls with their square root, as of a held phone."""


def handheld(
    shots: Sequence[Shot],
    times_s: Array,
    target: Array,
    rng: np.random.Generator,
    *,
    walk: float = 0.3,
    sway: float = 0.012,
) -> list[Shot]:
    """Shots of one stream as somebody would take them who walks past and cannot hold still.

    Args:
        shots: of one stream, in time order.
        times_s: of all instants ``(t,)``.
        target: what is looked at ``(3,)``, world, metres.
        rng: draws the way and the sway.
        walk: angle by which the camera goes around the target from first to last, radians.
        sway: deviation of eye and target from their ways, as a share of their distance.
    """
    now = np.array([times_s[shot.instant] for shot in shots])
    share = (now - now[0]) / max(float(np.ptp(now)), 1e-9)
    turn = walk * rng.choice([-1.0, 1.0]) * (0.5 - np.cos(np.pi * share) / 2)
    around = axis_rotation(np.array([0.0, 0.0, 1.0]), turn)
    eye_off, target_off = (_swaying(now, rng) for _ in range(2))
    found: list[Shot] = []
    for k, shot in enumerate(shots):
        away = shot.camera.position - target
        reach = sway * float(np.linalg.norm(away))
        camera = look_at(
            target + around[k] @ away + reach * eye_off[k],
            target + reach * target_off[k],
            width=shot.camera.width,
            height=shot.camera.height,
            fov_y=2 * np.arctan(shot.camera.height / (2 * shot.camera.fy)),
        )
        found.append(replace(shot, camera=camera))
    return found


def _swaying(times_s: Array, rng: np.random.Generator) -> Array:
    """Smooth displacements ``(t, 3)`` of deviation about 1, none at the first time."""
    total = np.zeros((len(times_s), 3))
    power = 0.0
    for hz in _SWAYS_HZ:
        phase, size = rng.uniform(0, 2 * np.pi, 3), hz**-0.5
        total += size * np.sin(2 * np.pi * hz * times_s[:, None] + phase)
        power += size**2 / 2
    return (total - total[0]) / np.sqrt(power)
