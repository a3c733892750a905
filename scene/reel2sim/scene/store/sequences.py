"""Surfel sequences as files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from reel2sim.scene.spline import PoseSpline
from reel2sim.scene.store.archive import blaming, read, surfel_arrays, surfels_from, write
from reel2sim.scene.surfels import Refinement, SurfelSequence


def save_sequence(path: Path, sequence: SurfelSequence) -> None:
    """Write a :class:`SurfelSequence` to ``path`` (``.npz``)."""
    bones = sequence.bones
    arrays = {
        **surfel_arrays(sequence.canonical),
        "bones/translations": bones.translations,
        "bones/rotations": bones.rotations,
        "bones/centers": bones.centers,
        "bones/scales": sequence.bone_scales,
        "bones/range_s": np.array([bones.start_s, bones.stop_s]),
        "weights": sequence.weights,
        "times_s": sequence.times_s,
    }
    if sequence.refinement is not None:
        names = (f.name for f in dataclasses.fields(Refinement))
        arrays |= {f"refinement/{n}": np.asarray(getattr(sequence.refinement, n)) for n in names}
    write(path, "surfel_sequence", arrays, {"metrics": dict(sequence.metrics)})


def load_sequence(path: Path) -> SurfelSequence:
    """Read what :func:`save_sequence` wrote.

    Raises:
        InputError: if the file is not one.
    """
    a, header = read(path, "surfel_sequence")
    with blaming(path):
        start_s, stop_s = (float(x) for x in a["bones/range_s"])
        spline = PoseSpline(
            start_s, stop_s, a["bones/translations"], a["bones/rotations"], a["bones/centers"]
        )
        refinement = None
        if "refinement/stop_s" in a:
            refinement = Refinement(
                float(a["refinement/stop_s"].item()),
                a["refinement/rotations"],
                a["refinement/log_scales"],
                a["refinement/light"],
            )
        return SurfelSequence(
            surfels_from(a),
            spline,
            a["bones/scales"],
            a["weights"],
            a["times_s"],
            header["metrics"],
            refinement,
        )
