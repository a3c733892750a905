"""What links can be made of."""

from __future__ import annotations

import re

from reel2sim.scene.errors import UsageError
from reel2sim.scene.rig import Material

MATERIALS: dict[str, Material] = {
    material.name: material
    for material in (
        Material("plastic", 600.0, 0.6, 0.1),
        Material("wood", 650.0, 0.5, 0.2),
        Material("metal", 2700.0, 0.4, 0.2),
        Material("steel", 7850.0, 0.5, 0.2),
        Material("glass", 2500.0, 0.4, 0.3),
        Material("ceramic", 2300.0, 0.5, 0.2),
        Material("cardboard", 150.0, 0.5, 0.05),
        Material("foam", 60.0, 0.8, 0.3),
        Material("rubber", 1100.0, 1.0, 0.6),
    )
}
"""Bulk materials by name: densities of objects as they are built, hence plastic below water."""

_WORDS: dict[str, str] = {
    **{name: name for name in MATERIALS},
    **dict.fromkeys(("wooden", "oak", "walnut", "pine", "timber"), "wood"),
    **dict.fromkeys(("metallic", "aluminium", "aluminum"), "metal"),
    **dict.fromkeys(("iron", "stainless"), "steel"),
    **dict.fromkeys(("porcelain", "clay"), "ceramic"),
}


def material_in(text: str) -> str:
    """Name of the material that ``text`` speaks of first; "" if it speaks of none."""
    words = re.findall(r"[a-z]+", text.lower())
    return next((_WORDS[word] for word in words if word in _WORDS), "")


def material_named(name: str, *, density: float | None = None) -> Material:
    """The material called ``name``, with another ``density`` (kg/m³) if one is given.

    Raises:
        UsageError: if there is no such material or the density is not positive.
    """
    if name not in MATERIALS:
        raise UsageError(
            f"{name!r} is not a known material",
            source="PhysicsConfig",
            field="material",
            remedy=f"use one of {', '.join(sorted(MATERIALS))}",
        )
    base = MATERIALS[name]
    if density is None:
        return base
    if not 0 < density < float("inf"):
        raise UsageError(f"{density} is not positive", source="PhysicsConfig", field="density")
    return Material(base.name, density, base.friction, base.restitution)
