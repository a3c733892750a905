"""Batches of environments over several processes.

Knows nothing of physics or of this project's tasks, and loads only numpy and Gymnasium.

>>> with Crew([make_one] * 8, processes=2) as crew:
...     crew.reset(seeds=range(8))
...     infos = crew.step(actions)
...     crew.observations(), crew.rewards
"""

from reel2sim.parallel.columns import Column, columns_of, rows_of, vector_infos
from reel2sim.parallel.crew import Crew

__all__ = ["Column", "Crew", "columns_of", "rows_of", "vector_infos"]
