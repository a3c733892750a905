"""Mass properties by exact integration over a closed mesh."""

from __future__ import annotations

import numpy as np
import trimesh

from reel2sim.scene.arrays import Array
from reel2sim.scene.rig import Inertial

LEAST_MASS = 1e-3
"""Floor of a link's mass, kg: lighter bodies make solvers stiff."""
LEAST_MOMENT_RATIO = 1e-3
"""Floor of the smallest principal moment, as a share of the largest."""
LEAST_GYRATION = 1e-3
"""Floor of the radius of gyration, metres."""


def inertial_of(mesh: trimesh.Trimesh, density: float) -> Inertial:
    """Inertial of a solid of uniform ``density`` (kg/m³) bounded by a closed ``mesh``.

    Bodies under :data:`LEAST_MASS` are made heavier at the same shape. An equal amount is added
    to all principal moments where one is under its floor, which keeps the triangle inequality.
    """
    found = trimesh.triangles.mass_properties(mesh.triangles, density=1.0, skip_inertia=False)
    volume = max(float(found.volume), 1e-12)
    mass = max(volume * density, LEAST_MASS)
    inertia = np.asarray(found.inertia, np.float64) * (mass / volume)
    return Inertial(
        mass, np.asarray(found.center_mass), regularised((inertia + inertia.T) / 2, mass)
    )


def regularised(inertia: Array, mass: float) -> Array:
    """``inertia`` ``(3, 3)`` plus the least multiple of the identity that makes it a body's."""
    low, middle, high = np.linalg.eigvalsh(inertia)
    floor = max(LEAST_MOMENT_RATIO * high, mass * LEAST_GYRATION**2)
    # Adding s to all three adds s to the slack of low + middle - high.
    shift = max(floor - low, high - low - middle, 0.0)
    return inertia + shift * np.eye(3)
