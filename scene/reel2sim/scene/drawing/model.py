"""What every way to draw surfels agrees on: the constants of the image model."""

from __future__ import annotations

NEAR_M = 0.01
"""Surfels whose centre is nearer than this are not drawn; nearer ray hits do not count, metres."""

ALPHA_MIN = 1.0 / 255.0
"""A surfel fainter than this at a pixel does not contribute there."""

ALPHA_MAX = 0.99
"""Opacity of one surfel at one pixel is capped here, so that light from behind never vanishes."""

TRANSMITTANCE_MIN = 1e-4
"""A pixel takes no further surfels once less than this share of light passes."""

LOW_PASS = 2.0
"""Weight of the squared pixel distance in the screen-space filter (a Gaussian of 1/√2 pixel)."""

SCALE_MIN_M = 1e-7
"""Scales are clamped here: a surfel thinner than this is invisible but must not divide by zero."""
