"""Prompts become reels: a scripted backend that knows the truth, and room for others."""

from reel2sim.generation.backend import (
    Backend,
    Capabilities,
    GeneratedReel,
    GenerationConfig,
    backends,
    generate,
    register,
)
from reel2sim.generation.scripted import ScriptedBackend
from reel2sim.generation.truth import TrueJoint, Truth, load_truth, write_truth

register("scripted", ScriptedBackend)

__all__ = [
    "Backend",
    "Capabilities",
    "GeneratedReel",
    "GenerationConfig",
    "ScriptedBackend",
    "TrueJoint",
    "Truth",
    "backends",
    "generate",
    "load_truth",
    "register",
    "write_truth",
]
