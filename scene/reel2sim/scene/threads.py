"""One lock for all compiled kernels that use several threads."""

from __future__ import annotations

from threading import Lock

KERNELS = Lock()
"""Held while a parallel kernel runs: one of numba's threading layers, the one that is always there,
ends the process when two threads enter such kernels at once."""
