"""Everything at once: surfels, bones, skinning, refinement, light and cameras, by gradient."""

from reel2sim.reconstruction.training.model import MovingSurfels
from reel2sim.reconstruction.training.optimise import Clock, train

__all__ = ["Clock", "MovingSurfels", "train"]
