"""How well a reconstruction shows, and moves like, an object it was never shown that way.

Pictures, shape and point tracks at held-out cameras and times against the truth. Failures count:
nothing drawn scores as a black picture, one diagonal, 90° and no motion.
"""

from reel2sim.pipeline.scores.heldout import HeldOut, load_held_out
from reel2sim.pipeline.scores.pictures import PictureScore, score_picture
from reel2sim.pipeline.scores.reconstruction import (
    Drawing,
    ReconstructionScore,
    ViewScore,
    blank,
    draw,
    nothing_reconstructed,
    score_drawings,
    score_sequence,
)
from reel2sim.pipeline.scores.shape import chamfer, idle_error, normal_error, track_error

__all__ = [
    "Drawing",
    "HeldOut",
    "PictureScore",
    "ReconstructionScore",
    "ViewScore",
    "blank",
    "chamfer",
    "draw",
    "idle_error",
    "load_held_out",
    "normal_error",
    "nothing_reconstructed",
    "score_drawings",
    "score_picture",
    "score_sequence",
    "track_error",
]
