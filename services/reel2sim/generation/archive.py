"""Arrays in files whose bytes depend on nothing but the arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from reel2sim.scene.arrays import Array
from reel2sim.scene.store.archive import add_array


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write a compressed ``.npz`` that :func:`numpy.load` reads; same arrays, same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            add_array(archive, name, array, level=6)
