"""Mass properties of shapes, where a file leaves them to their density."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import trimesh

from reel2sim.importers.shapes import solid_hull
from reel2sim.scene import Inertial, TriangleMesh
from reel2sim.scene.arrays import Array

LEAST_MASS = 1e-3


def solid_inertial(meshes: Sequence[TriangleMesh], density: float) -> Inertial:
    """Mass properties of the hulls of meshes; a gram where there is nothing to weigh."""
    found = joined_inertial(p for m in meshes if (p := hull_inertial(m, density)) is not None)
    if found is None or found.mass < LEAST_MASS:
        center = np.zeros(3) if found is None else found.center
        return Inertial(LEAST_MASS, center, LEAST_MASS * 1e-4 * np.eye(3))
    return found


def hull_inertial(mesh: TriangleMesh, density: float) -> Inertial | None:
    """Mass properties of the hull of a mesh; None where it has no inside."""
    hull = solid_hull(mesh)
    if hull is None:
        return None
    facts = trimesh.Trimesh(hull.vertices, hull.faces).mass_properties
    mass, tensor = density * float(facts.mass), density * np.asarray(facts.inertia)
    if not mass > 0 or not np.linalg.eigvalsh(tensor)[0] > 0:
        return None
    return Inertial(mass, np.asarray(facts.center_mass), (tensor + tensor.T) / 2)


def joined_inertial(parts: Iterable[Inertial]) -> Inertial | None:
    """Mass properties of several bodies that move as one; None of none."""
    mass, center, tensor = 0.0, np.zeros(3), np.zeros((3, 3))
    for part in parts:
        both = (mass * center + part.mass * part.center) / (mass + part.mass)
        tensor = shifted(tensor, mass, center - both) + shifted(
            part.inertia, part.mass, part.center - both
        )
        mass, center = mass + part.mass, both
    return Inertial(mass, center, (tensor + tensor.T) / 2) if mass else None


def shifted(tensor: Array, mass: float, way: Array) -> Array:
    """Inertia about a point ``way`` from the centre of mass (Steiner)."""
    return tensor + mass * (way @ way * np.eye(3) - np.outer(way, way))
