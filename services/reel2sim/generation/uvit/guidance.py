"""Classifier-free guidance with a scale for the prompt and one for what moves."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from reel2sim.generation.uvit.tokens import Clocks, Scene, State

Field = Callable[[State, Clocks, Scene], tuple[State, Tensor]]
"""A model: velocities and word logits."""


def guided(
    model: Field,
    noisy: State,
    clocks: Clocks,
    scene: Scene,
    *,
    absent: State,
    text_scale: float = 1.0,
    motion_scale: float = 1.0,
) -> tuple[State, Tensor]:
    """Velocities, those of the frames driven away from two that know less.

    With v the velocity under all conditions, v_∅ that without text, motion magnitude, strokes and
    reference, and v̄ that of the same object before it moves, it is

        v + (text_scale − 1) (v − v_∅) + (motion_scale − 1) (v − v̄),

    the 3D-aware guidance of Diffusion4D (arXiv 2405.16645, eq. 3) with w₁ and w₂ one less than the
    scales. Its v̄ comes from a second model, of still objects; here it is the same model asked for
    the same cameras with all times zero, which training contains. A scale of 1 changes nothing
    and costs nothing.

    Args:
        model: of velocities.
        noisy: state of all modalities.
        clocks: their timesteps.
        scene: frames and strokes.
        absent: noise to put in place of conditions that v_∅ and v̄ do not have.
        text_scale: of the prompt.
        motion_scale: of the motion.
    """
    speed, logits = model(noisy, clocks, scene)
    video = speed.video
    if text_scale != 1.0:
        without, times = hidden(noisy, clocks, absent, "text", "motion", "reference")
        bare = Scene(scene.rays, scene.times, scene.given, torch.zeros_like(scene.drawn))
        video = video + (text_scale - 1.0) * (speed.video - model(without, times, bare)[0].video)
    if motion_scale != 1.0:
        without, times = hidden(noisy, clocks, absent, "motion")
        still = model(without, times, scene.still)[0].video
        video = video + (motion_scale - 1.0) * (speed.video - still)
    return State(video, speed.text, speed.motion, speed.tracks, speed.reference), logits


def hidden(noisy: State, clocks: Clocks, absent: State, *names: str) -> tuple[State, Clocks]:
    """The same state and clocks with some modalities replaced by noise, at time 1."""
    state = {f: getattr(absent if f in names else noisy, f) for f in State.__dataclass_fields__}
    times = {
        f: torch.ones_like(clocks.text) if f in names else getattr(clocks, f)
        for f in Clocks.__dataclass_fields__
    }
    return State(**state), Clocks(**times)
