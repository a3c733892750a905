"""Rigid bodies of unknown number: which surfels move together, and how.

Bones follow the pictures freely, so that any motion can be found. Here those that turn out to
move as one are made one: every bone's motion is tried on every surfel, surfels choose together
with their neighbours, motions that are not needed are dropped, and the rest are fitted again to
all pictures at once. What is left is a few well-founded motions for a machine, many for an animal.
"""

from reel2sim.reconstruction.bodies.discover import Bodies, find_bodies

__all__ = ["Bodies", "find_bodies"]
