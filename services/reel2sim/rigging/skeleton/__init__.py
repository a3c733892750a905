"""Skeletons of subjects that bend.

The reconstruction's bones become the bones of a tree of ball joints (Schaefer & Yuksel 2007,
Le & Deng 2014), one closed mesh over the whole subject is skinned to them, and rigid parts stand
for them where physics asks for links.
"""

from reel2sim.rigging.skeleton.build import Built, articulation_of, build_skeleton
from reel2sim.rigging.skeleton.cover import covered
from reel2sim.rigging.skeleton.decide import Bending, bending

__all__ = ["Bending", "Built", "articulation_of", "bending", "build_skeleton", "covered"]
