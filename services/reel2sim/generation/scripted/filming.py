"""A performance on film: what cameras see of it, and what is true of every picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reel2sim.generation.backend import GenerationConfig
from reel2sim.generation.materials import material
from reel2sim.generation.scripted.cameras import Shot
from reel2sim.generation.scripted.hand import Hand
from reel2sim.generation.scripted.kinematics import Part, Surface
from reel2sim.generation.scripted.play import Actor, Performance
from reel2sim.generation.scripted.solids import Solid
from reel2sim.generation.surroundings import lights, scenery
from reel2sim.generation.view_truth import FilmedTruth, Take
from reel2sim.rendering import Mesh, Model, Tableau
from reel2sim.rendering import Surface as Look
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.progress import Progress
from reel2sim.scene.reel import Frame

_STREAM = 0x51
"""Sets the draws of pictures apart from those that shape objects."""
_WHITE = 255
_LOOK_PX = 256
"""Least width of the depth that tells which surface points are seen."""


def film(
    performance: Performance,
    shots: Sequence[Shot],
    config: GenerationConfig,
    *,
    hand: Hand | None = None,
    progress: Progress,
) -> tuple[list[Frame], FilmedTruth]:
    """Take all pictures; what is true of each is worked out when it is asked for.

    Args:
        performance: what happens.
        shots: the pictures.
        config: place, light and sharpness.
        hand: somebody's, who moves things; no part of any object.
        progress: told of pictures.

    Returns:
        A frame for each shot, in their order, with the mask of all objects; what is true of these
        frames.
    """
    reel = Film(performance, shots, config, hand=hand)
    taken: dict[int, Frame] = {}
    # Shadows of an instant are drawn once for all of its cameras.
    for k in sorted(range(len(shots)), key=lambda k: shots[k].instant):
        progress("generation", len(taken) / len(shots), f"rendering {shots[k].stream}")
        taken[k] = reel.frame(shots[k])
    progress("generation", 1.0, f"{len(shots)} frames")
    frames = [taken[k] for k in range(len(shots))]
    takes = [Take(s.stream, s.instant, s.camera) for s in shots]
    return frames, FilmedTruth(reel.model, reel.poses, takes, part_names(performance))


def first_looks(views: FilmedTruth, shots: Sequence[Shot]) -> list[tuple[Camera, Array]]:
    """Depth of the first instant ``(h, w)``, sharp enough to tell slits from surfaces."""
    looks: list[tuple[Camera, Array]] = []
    for shot in shots:
        if shot.instant == 0:
            factor = max(1, -(-_LOOK_PX // shot.camera.width))
            width, height = factor * shot.camera.width, factor * shot.camera.height
            looks.append((shot.camera, views.depth(shot.camera.resized(width, height), 0)))
    return looks


def part_names(performance: Performance) -> tuple[str, ...]:
    """All parts in the order in which index pictures number them, from 1."""
    return tuple(
        performance.part_name(actor, part.name)
        for actor in performance.actors
        for part in actor.spec.parts
    )


class Film:
    """The model of a performance and where its meshes are at every instant."""

    def __init__(
        self,
        performance: Performance,
        shots: Sequence[Shot],
        config: GenerationConfig,
        *,
        hand: Hand | None = None,
    ) -> None:
        """Dress everything and put up what surrounds it; see :func:`film`."""
        rng = np.random.default_rng([config.seed, _STREAM])
        cloud = performance.points()
        self._bounds = np.stack([cloud.min(axis=0), cloud.max(axis=0)])
        self._times = performance.times_s
        self._config = config
        self._lights = lights(config.setting.lighting, rng)
        self._numbers = {name: k for k, name in enumerate(part_names(performance), start=1)}
        self._looks: list[Look] = []
        meshes: list[Mesh] = []
        tracks: list[Array] = []
        for actor in performance.actors:
            dressed = self._dressed(actor)
            for part in actor.spec.parts:
                number = self._numbers[performance.part_name(actor, part.name)]
                for solid in part.solids:
                    look, surface = dressed[solid.surface], actor.spec.surfaces[solid.surface]
                    meshes.append(_mesh(solid, part, surface, look, number, rng))
                    tracks.append(actor.part_poses[part.name])
        middle = self._bounds.mean(axis=0)
        reach = max(
            (float(np.linalg.norm((s.camera.position - middle)[:2])) for s in shots), default=1.0
        )
        around = scenery(config.setting.background, self._bounds[0], self._bounds[1], reach, rng)
        still = np.broadcast_to(np.eye(4), (len(self._times), 4, 4))
        looks = [*self._looks]
        others = [(around.meshes, (still,) * len(around.meshes), around.surfaces)]
        if hand is not None:
            others.append((hand.meshes, hand.tracks, hand.looks))
        for own, ways, surfaces in others:
            meshes += [replace(mesh, surface=mesh.surface + len(looks)) for mesh in own]
            tracks += ways
            looks += surfaces
        self.model = Model(meshes, looks)
        self.poses: tuple[Array, ...] = tuple(tracks)
        self._posed: tuple[int, Tableau] | None = None

    def frame(self, shot: Shot) -> Frame:
        """What a camera sees, white where nothing is."""
        if self._posed is None or self._posed[0] != shot.instant:
            poses = [track[shot.instant] for track in self.poses]
            tableau = self.model.posed(poses, self._lights, bounds=self._bounds)
            self._posed = shot.instant, tableau
        picture = self._posed[1].picture(shot.camera, samples=self._config.supersample)
        seen = picture.alpha[..., None] > 0
        return Frame(
            image=np.where(seen, picture.rgb, _WHITE).astype(np.uint8),
            time_s=float(self._times[shot.instant]),
            camera=shot.camera,
            mask=picture.mask,
            stream=shot.stream,
            name=shot.name,
        )

    def _dressed(self, actor: Actor) -> dict[str, int]:
        """Which look each surface of an object has."""
        chosen: dict[str, int] = {}
        for name, surface in actor.spec.surfaces.items():
            chosen[name] = len(self._looks)
            self._looks.append(
                material(
                    surface.material, surface.colour, self._config.seed, pattern=surface.pattern
                )
            )
        return chosen


def _mesh(
    solid: Solid, part: Part, surface: Surface, look: int, number: int, rng: np.random.Generator
) -> Mesh:
    """A solid in its part's frame; its pattern starts anywhere, so that no two look the same."""
    uv = solid.uv if surface.pattern else solid.uv / surface.metres + rng.random(2)
    return Mesh(
        solid.vertices - np.asarray(part.pivot),
        solid.faces,
        uv=uv[solid.faces],
        normals=solid.normals[solid.faces],
        surface=look,
        part=number,
    )
