"""Datasets for training: of animated objects, after Diffusion4D (arXiv 2405.16645), and of prompts.

``render_dataset`` draws objects that somebody has, ``make_dataset`` makes its own.
"""

from reel2sim.dataset.job import ObjectJob, find_jobs
from reel2sim.dataset.loading import Item, Samples, open_dataset
from reel2sim.dataset.made import Made, make_dataset
from reel2sim.dataset.plan import Plan, Split, draw
from reel2sim.dataset.produce import Dataset, Packing
from reel2sim.dataset.recipe import Recipe
from reel2sim.dataset.rendered import render_dataset
from reel2sim.dataset.sample import SampleJob, make_sample
from reel2sim.dataset.table import SampleRow

__all__ = [
    "Dataset",
    "Item",
    "Made",
    "ObjectJob",
    "Packing",
    "Plan",
    "Recipe",
    "SampleJob",
    "SampleRow",
    "Samples",
    "Split",
    "draw",
    "find_jobs",
    "make_dataset",
    "make_sample",
    "open_dataset",
    "render_dataset",
]
