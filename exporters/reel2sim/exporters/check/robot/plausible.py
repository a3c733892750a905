"""Whether masses and inertias fit the size of what they belong to: units are easily mistaken."""

from __future__ import annotations

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.meshes import Surfaces
from reel2sim.exporters.check.robot.model import Robot

_DENSITIES = (1.0, 50_000.0)
"""kg/m³, from lighter than any foam to more than twice of what metals reach."""
_GYRATION = (0.01, 1.0)
"""Radius of gyration over the diagonal; that of a thin rod is 0.29, that of a sphere 0.18."""


def check_plausible(notes: Notes, robot: Robot, surfaces: Surfaces) -> None:
    """Note links too heavy, too light or too hard to turn for what collides of them."""
    for link in robot.links:
        surface = surfaces.collision.get(link.name)
        if surface is None or link.body is None or not np.isfinite(link.body.inertia).all():
            continue
        volume = abs(surface.sums[1])
        diagonal = float(np.linalg.norm(np.ptp(surface.bounds, axis=0)))
        mass = link.body.mass
        if not (mass > 0 and volume > 0 and diagonal > 0):
            continue
        where = f"{robot.file}: link {link.name}"
        if not _DENSITIES[0] <= mass / volume <= _DENSITIES[1]:
            text = f"{mass:.4g} kg in {volume:.3g} m³ are {mass / volume:.3g} kg/m³"
            notes.add("URDF018", where, text)
        largest = max(float(np.abs(np.linalg.eigvalsh(link.body.inertia)).max()), 0.0)
        share = float(np.sqrt(largest / mass)) / diagonal
        if not _GYRATION[0] <= share <= _GYRATION[1]:
            text = f"its radius of gyration is {share * diagonal:.3g} m, its size {diagonal:.3g} m"
            notes.add("URDF018", where, text)
