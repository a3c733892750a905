"""Objects built and moved by a script: exact cameras, masks and truth, without learned weights."""

from reel2sim.generation.scripted.backend import ScriptedBackend

__all__ = ["ScriptedBackend"]
