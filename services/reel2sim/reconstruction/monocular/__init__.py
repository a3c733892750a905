"""Clips from one uncalibrated camera: joints from tracks alone, and the side that was seen."""

from reel2sim.reconstruction.monocular.clip import ClipResult, reconstruct_clip

__all__ = ["ClipResult", "reconstruct_clip"]
