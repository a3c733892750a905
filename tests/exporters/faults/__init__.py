"""Faults that bundles are seeded with; each names the checks that must find it."""

from . import files, glb, meshes, mjcf, motion, ply, skin, urdf, usd, usdz
from .seeding import FAULTS, Fault, Inapplicable

_MODULES = (files, motion, urdf, meshes, mjcf, usd, usdz, glb, skin, ply)

__all__ = ["FAULTS", "Fault", "Inapplicable"]
