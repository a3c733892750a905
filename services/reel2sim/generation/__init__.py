"""Prompts become reels: a scripted backend that knows the truth, and room for others."""

from reel2sim.generation.backend import (
    Backend,
    Capabilities,
    GeneratedReel,
    GenerationConfig,
    register,
)
from reel2sim.generation.controls import Controls
from reel2sim.generation.diffusion import DiffusersBackend
from reel2sim.generation.make import backend_digest, backends, generate
from reel2sim.generation.offers import Offer, offers
from reel2sim.generation.own import ServerBackend, VideoBackend
from reel2sim.generation.scripted import ScriptedBackend
from reel2sim.generation.truth import TrueJoint, Truth, load_truth, write_truth
from reel2sim.generation.uvit import UViTBackend

register("scripted", ScriptedBackend)
register("diffusers", DiffusersBackend)
register("uvit", UViTBackend)
register("video", VideoBackend)
register("server", ServerBackend)

__all__ = [
    "Backend",
    "Capabilities",
    "Controls",
    "DiffusersBackend",
    "GeneratedReel",
    "GenerationConfig",
    "Offer",
    "ScriptedBackend",
    "ServerBackend",
    "TrueJoint",
    "Truth",
    "UViTBackend",
    "VideoBackend",
    "backend_digest",
    "backends",
    "generate",
    "load_truth",
    "offers",
    "register",
    "write_truth",
]
