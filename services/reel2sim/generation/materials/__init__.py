"""Procedural materials: seeded, without seams, tinted, rich enough for points to be followed."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from reel2sim.generation.materials.patterns import PATTERNS
from reel2sim.generation.materials.recipes import RECIPES, Colour, Recipe
from reel2sim.rendering import Surface
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import UsageError

__all__ = ["PATTERNS", "RECIPES", "Colour", "Recipe", "material"]

_GLOW = {"screen": 0.35, "keypad": 0.1}
"""Light that pictures send out themselves."""


def material(name: str, colour: Colour | None, seed: int, *, pattern: str = "") -> Surface:
    """A surface of a material.

    Args:
        name: key of :data:`RECIPES`.
        colour: sRGB 0..1 that tints it, or None for its own.
        seed: of its details; the tint does not change them.
        pattern: key of :data:`PATTERNS`: a picture that is stretched over the face, on that
            material's finish; empty: the material alone.

    Raises:
        UsageError: if there is no such material or pattern.
    """
    for key, known, field in ((name, RECIPES, "material"), (pattern or None, PATTERNS, "pattern")):
        if key is not None and key not in known:
            raise UsageError(
                f"unknown {field} {key!r}", field=field, remedy=f"choose one of {', '.join(known)}"
            )
    recipe = RECIPES[name]
    tone = recipe.tone if colour is None else colour
    if pattern:
        image = PATTERNS[pattern](tone, _draws(seed, pattern))
    else:
        image = np.array(tone) * _shades(name, seed)
    return Surface(
        _bytes(image),
        roughness=recipe.roughness,
        specular=recipe.specular,
        metallic=0.0 if pattern else recipe.metallic,
        emission=_GLOW.get(pattern, 0.0),
        repeats=not pattern,
    )


@lru_cache(24)
def _shades(name: str, seed: int) -> Array:
    """Factors of a material's tone ``(SIDE, SIDE, 1 or 3)``."""
    shades = RECIPES[name].pattern(_draws(seed, name))
    return (shades[..., None] if shades.ndim == 2 else shades).astype(np.float32)


def _draws(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, *name.encode()])


def _bytes(image: Array) -> Array:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
