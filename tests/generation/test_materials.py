"""Materials have no seam, follow their seed and tint, and give points that can be followed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from reel2sim.generation.materials import PATTERNS, RECIPES, material
from reel2sim.generation.scripted.families import FAMILIES
from reel2sim.generation.scripted.perform import perform
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.generation.scripted.vocabulary import MATERIALS
from reel2sim.scene.errors import UsageError


@pytest.mark.parametrize("name", RECIPES)
def test_a_material_goes_on_without_a_seam_and_can_be_followed(name):
    image = material(name, (0.55, 0.5, 0.45), 3).image.astype(float)
    for axis in (0, 1):
        inside = np.abs(np.diff(image, axis=axis))
        across = np.abs(np.take(image, 0, axis=axis) - np.take(image, -1, axis=axis))
        rows = inside.mean(axis=tuple(k for k in (0, 1, 2) if k != axis))
        # Joints between bricks or tiles may lie on the rim, as they lie elsewhere.
        assert across.mean() <= max(1.5 * np.quantile(rows, 0.98), 1.05 * rows.max())
    # At the size at which pictures show it, corners are all over it, not only in a few places.
    small = cv2.resize(
        image.mean(axis=2).astype(np.float32), (128, 128), interpolation=cv2.INTER_AREA
    )
    strength = cv2.cornerMinEigenVal(small / 255.0, 5)
    blocks = strength.reshape(8, 16, 8, 16).max(axis=(1, 3))
    assert (blocks > 2e-4).mean() > 0.9, np.median(blocks)


def test_the_seed_and_nothing_else_draws_details():
    a, again, b = (material("wood", None, seed).image for seed in (1, 1, 2))
    assert a.tobytes() == again.tobytes() != b.tobytes()
    dark, light = (material("wood", (t, t, t), 1).image.astype(float) for t in (0.2, 0.4))
    np.testing.assert_allclose(light, 2 * dark, atol=2)  # one pattern, two tints


@pytest.mark.parametrize("name", RECIPES)
def test_the_tint_is_the_colour_of_the_whole(name):
    tint = np.array([0.6, 0.4, 0.2])
    mean = material(name, tuple(tint), 3).image.mean(axis=(0, 1)) / 255
    np.testing.assert_allclose(mean / mean.sum(), tint / tint.sum(), atol=0.09)
    assert 0.5 < mean.sum() / tint.sum() < 1.7


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_are_stretched_once_and_rich(name):
    surface = material("plastic", (0.7, 0.7, 0.7), 5, pattern=name)
    assert not surface.repeats
    assert surface.image.std() > 20


def test_unknown_names_are_refused_with_the_list():
    with pytest.raises(UsageError, match="wood"):
        material("unobtainium", None, 0)
    with pytest.raises(UsageError, match="keyboard"):
        material("plastic", None, 0, pattern="piano")


def test_everything_that_prompts_can_show_has_a_material():
    assert set(MATERIALS.values()) <= set(RECIPES)
    for family in FAMILIES.values():
        play = perform(parse_prompt(family.example), np.random.default_rng(0), np.array([0.0, 1.0]))
        for actor in play.actors:
            for surface in actor.spec.surfaces.values():
                assert surface.material in RECIPES, family.name
                assert surface.pattern in ("", *PATTERNS), family.name
