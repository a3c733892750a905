"""Telling a posed object from the place it is in: by parallax, agreement of views, and change."""

from __future__ import annotations

from reel2sim.reconstruction.foreground.region import Box
from reel2sim.reconstruction.foreground.segment import find_masks

__all__ = ["Box", "find_masks"]
