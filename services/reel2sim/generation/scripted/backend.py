"""The scripted backend: objects built, moved and photographed from a prompt."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from reel2sim.generation.backend import Capabilities, GeneratedReel, GenerationConfig
from reel2sim.generation.scripted.cameras import Shot, plan_shots
from reel2sim.generation.scripted.happened import make_truth
from reel2sim.generation.scripted.perform import perform
from reel2sim.generation.scripted.play import Performance
from reel2sim.generation.scripted.resolve import parse_prompt
from reel2sim.generation.scripted.studio import Studio, studio
from reel2sim.media.images import shrink
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.progress import Progress
from reel2sim.scene.reel import Frame, Reel

_LOOK_PX = 256
"""Least width of the depth that tells which surface points are seen."""


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
        )

    def generate(
        self, prompt: str, *, config: GenerationConfig, progress: Progress
    ) -> GeneratedReel:
        """Make a reel of what ``prompt`` says.

        Streams: ``static`` circles the object at time zero, ``orbit`` passes in front of it while
        it moves, ``front`` stands still and watches it move.

        Raises:
            PromptError: if the prompt is not understood.
        """
        scene = parse_prompt(prompt)
        rng = np.random.default_rng(config.seed)
        seconds = config.seconds / scene.tempo
        play = perform(scene, rng, np.linspace(0.0, seconds, config.frames))
        shots = plan_shots(play, config, scene.view)
        with (
            tempfile.TemporaryDirectory(prefix="reel2sim-") as name,
            studio(play, Path(name), rng) as photographer,
        ):
            frames = _film(photographer, play, shots, config, progress)
            eyes = [shot.camera for shot in shots if shot.instant == 0]
            truth = make_truth(play, _first_look(photographer, eyes), rng)
        return GeneratedReel(Reel(tuple(frames), source="scripted", prompt=prompt), truth)


def _film(
    photographer: Studio,
    play: Performance,
    shots: list[Shot],
    config: GenerationConfig,
    progress: Progress,
) -> list[Frame]:
    """A frame for every shot, in their order."""
    frames: dict[int, Frame] = {}
    for k in sorted(range(len(shots)), key=lambda k: shots[k].instant):
        shot = shots[k]
        progress("generation", len(frames) / len(shots), f"rendering {shot.stream}")
        photographer.pose(shot.instant)
        picture, mask, _ = photographer.photograph(shot.camera, config.supersample)
        image, alpha = shrink(picture, mask, config.size)
        frames[k] = Frame(
            image=image,
            time_s=float(play.times_s[shot.instant]),
            camera=shot.camera,
            mask=alpha,
            stream=shot.stream,
            name=shot.name,
        )
    progress("generation", 1.0, f"{len(frames)} frames")
    return [frames[k] for k in range(len(shots))]


def _first_look(photographer: Studio, cameras: list[Camera]) -> list[tuple[Camera, Array]]:
    """Depth of the first instant, sharp enough to tell slits from surfaces."""
    photographer.pose(0)
    looks: list[tuple[Camera, Array]] = []
    for camera in cameras:
        factor = max(1, -(-_LOOK_PX // camera.width))
        looks.append((camera, photographer.photograph(camera, factor)[2]))
    return looks
