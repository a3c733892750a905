"""Worlds that differ from episode to episode, so that policies bear the difference to the real one.

Pass ``randomise={"mass": (0.8, 1.2), …}`` to any environment; see
:class:`reel2sim.envs.randomisation.config.RandomisationConfig`.
"""

from reel2sim.envs.randomisation.config import RandomisationConfig

__all__ = ["RandomisationConfig"]
