"""Prompts become reels: a scripted backend that knows the truth, and room for others."""

from reel2sim.generation.backend import (
    Backend,
    Capabilities,
    GeneratedReel,
    GenerationConfig,
    backend_digest,
    backends,
    generate,
    register,
)
from reel2sim.generation.scripted import ScriptedBackend
from reel2sim.generation.truth import TrueJoint, Truth, load_truth, write_truth
from reel2sim.generation.uvit import UViTBackend

register("scripted", ScriptedBackend)
register("uvit", UViTBackend)

__all__ = [
    "Backend",
    "Capabilities",
    "GeneratedReel",
    "GenerationConfig",
    "ScriptedBackend",
    "TrueJoint",
    "Truth",
    "UViTBackend",
    "backend_digest",
    "backends",
    "generate",
    "load_truth",
    "register",
    "write_truth",
]
