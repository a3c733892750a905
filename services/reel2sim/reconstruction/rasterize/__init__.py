"""Differentiable rasterisation of Gaussian surfels: numba on CPUs, gsplat on CUDA."""

from reel2sim.reconstruction.rasterize.model import Backend, RasterOutput
from reel2sim.reconstruction.rasterize.surfels import rasterize_surfels, warm_up

__all__ = ["Backend", "RasterOutput", "rasterize_surfels", "warm_up"]
