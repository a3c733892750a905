"""The page that the port serves, and who may talk to it."""

from __future__ import annotations

from reel2sim.viewing.page.gate import Gate, page_of, through

__all__ = ["Gate", "page_of", "through"]
