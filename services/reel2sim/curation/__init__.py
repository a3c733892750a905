"""Which generated clips are worth minutes of reconstruction: figures, scores, duplicates."""

from reel2sim.curation.best import best_of, rank
from reel2sim.curation.figures import ReelFigures, measure
from reel2sim.curation.hashes import perceptual_hash, share_of_bits
from reel2sim.curation.judge import Judge, Plausibility, draft_judge, plausibility
from reel2sim.curation.score import Candidate, Score, score

__all__ = [
    "Candidate",
    "Judge",
    "Plausibility",
    "ReelFigures",
    "Score",
    "best_of",
    "draft_judge",
    "measure",
    "perceptual_hash",
    "plausibility",
    "rank",
    "score",
    "share_of_bits",
]
