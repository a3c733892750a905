"""Video pipelines of the ``diffusers`` library as a generator."""

from reel2sim.generation.diffusion.backend import DiffusersBackend

__all__ = ["DiffusersBackend"]
