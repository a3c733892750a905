"""The scripted backend: objects built, moved and photographed from a prompt."""

from __future__ import annotations

import numpy as np

from reel2sim.generation.backend import Capabilities, GeneratedReel, GenerationConfig
from reel2sim.generation.scripted.cameras import plan_shots
from reel2sim.generation.scripted.happened import make_truth
from reel2sim.generation.scripted.pace import instants
from reel2sim.generation.scripted.perform import perform
from reel2sim.generation.scripted.play import Performance
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.scene.arrays import Array
from reel2sim.scene.progress import Progress
from reel2sim.scene.reel import Reel

_TRUTH = 0x7A
"""Sets the draw of surface points apart from those that shape objects."""


class ScriptedBackend:
    """Builds what a prompt of a small language says, with exact cameras, masks and truth."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(
            name="scripted",
            modalities=("text",),
            controls=(
                "kinds of objects, several of them, on a table or not",
                "how many parts, material, colour, size",
                "which part moves, how far, how fast",
                "walk, slither, roll, wind up, drop, push",
                "camera still, orbit or front",
            ),
            max_frames=1000,
            cameras_known=True,
            needs_gpu=False,
            notes="synthetic objects; writes the true joints with --truth",
            places=True,
        )

    def generate(
        self, prompt: str, *, config: GenerationConfig, progress: Progress
    ) -> GeneratedReel:
        """Make a reel of what ``prompt`` says.

        Streams: ``static`` circles the object at time zero, ``orbit`` passes in front of it while
        it moves, ``front``, ``back``, ``left`` and ``right`` stand still and watch it move: a lid
        that opens shows its outside to those behind alone.

        Raises:
            PromptError: if the prompt is not understood.
        """
        from reel2sim.generation.scripted.filming import film, first_looks

        scene = parse_prompt(prompt)

        def played(times_s: Array) -> Performance:
            return perform(scene, np.random.default_rng(config.seed), times_s)

        seconds = config.seconds / scene.tempo
        if config.frames is None:
            times_s = instants(played, seconds)
        else:
            times_s = np.linspace(0.0, seconds, config.frames)
        play, rng = played(times_s), np.random.default_rng([config.seed, _TRUTH])
        shots = plan_shots(play, config, scene.view)
        frames, views = film(play, shots, config, progress=progress)
        truth = make_truth(play, first_looks(views, shots), rng)
        return GeneratedReel(Reel(tuple(frames), source="scripted", prompt=prompt), truth, views)
