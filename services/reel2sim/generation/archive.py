"""Arrays in files whose bytes depend on nothing but the arrays."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from reel2sim.scene.arrays import Array

_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write a compressed ``.npz`` that :func:`numpy.load` reads; same arrays, same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            archive.writestr(info, buffer.getvalue(), zipfile.ZIP_DEFLATED, 6)
