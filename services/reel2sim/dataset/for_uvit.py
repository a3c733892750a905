"""A generated dataset as the training set of the small video model."""

from __future__ import annotations

from pathlib import Path

from reel2sim.dataset.loading import Samples
from reel2sim.generation.uvit.config import Layout
from reel2sim.generation.uvit.make import Made, sample_of
from reel2sim.generation.uvit.sample import SAMPLES, check_layout, write_sample
from reel2sim.pipeline.atomic import write_atomically
from reel2sim.scene.errors import UsageError
from reel2sim.scene.progress import Progress, silent


def take_samples(data: Samples, out: Path, layout: Layout, *, progress: Progress = silent) -> Made:
    """Write ``out/samples/<id>.npz`` of each sample; those that are there stay.

    Of a dataset without backgrounds and sensor faults they are the same as those that the model's
    own training set would have of these prompts and seeds.

    Args:
        data: of a dataset that was made with the streams and the size of ``layout``.
        out: folder of the training set.
        layout: of its frames.
        progress: told after each sample.

    Raises:
        UsageError: if the dataset has other streams, or nothing.
    """
    if not len(data):
        raise UsageError("has no samples to take", source=data.folder)
    folder = out / SAMPLES
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [i for i, row in enumerate(data.rows) if not (folder / f"{row.id}.npz").exists()]
    for done, i in enumerate(wanted, start=1):
        item = data[i]
        sample = sample_of(item.reel, item.truth, item.prompt, layout)
        check_layout(sample, layout, source=item.folder)
        path = folder / f"{item.row.id}.npz"
        write_atomically(path, lambda aside, sample=sample: write_sample(sample, aside))
        progress("data", done / len(wanted), f"{done} of {len(wanted)}")
    return Made(len(list(folder.glob("*.npz"))), len(wanted), ())
