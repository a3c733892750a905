"""View consistency is what it says: views that do not belong together are explained worse."""

from dataclasses import replace

import pytest

from reel2sim.generation.uvit import Layout
from reel2sim.generation.uvit.evaluate import orbit_psnr
from reel2sim.generation.uvit.make import film

LAYOUT = Layout(static=8, moving=2, front=2, size=32)


@pytest.mark.slow
def test_surfels_explain_real_views_better_than_views_in_disorder():
    real = film("a red cabinet with a door and a drawer", LAYOUT, seed=0)
    images = real.images.copy()
    images[:8] = images[[3, 6, 1, 4, 7, 2, 5, 0]]
    fitted, held_out = orbit_psnr(real, LAYOUT)
    _, wrong = orbit_psnr(replace(real, images=images), LAYOUT)
    assert fitted > 15
    assert held_out > wrong + 2
