"""Datasets of animated objects, drawn for training, after Diffusion4D (arXiv 2405.16645)."""

from reel2sim.dataset.job import ObjectJob, find_jobs
from reel2sim.dataset.make import Dataset, Packing, make_dataset
from reel2sim.dataset.recipe import Recipe

__all__ = ["Dataset", "ObjectJob", "Packing", "Recipe", "find_jobs", "make_dataset"]
