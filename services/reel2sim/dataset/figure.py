"""What is drawn for a dataset: triangles that move, each of a named part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reel2sim.dataset.sweep import moving
from reel2sim.exporters.color import linear_from_srgb
from reel2sim.pipeline.subject import Subject, subject_of_scene
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply
from reel2sim.scene.world import Scene

_GREY = 0.7


@dataclass(frozen=True, eq=False)
class Figure:
    """Triangles that move.

    Attributes:
        vertices_at: their corners at a time in seconds ``(v, 3)``, world, metres.
        faces: ``(f, 3)`` vertex indices.
        colors: linear-light colour of each vertex ``(v, 3)``, 0..1.
        part_of: 1 + the part of each face ``(f,)``.
    """

    vertices_at: Callable[[float], Array]
    faces: Array
    colors: Array
    part_of: Array


def staged(scene: Scene) -> tuple[Scene, Subject, bool]:
    """The scene in motion, it as a subject, and whether the motion is a sweep of its joints.

    A scene in which anything moves stays as it is.
    """
    still = all(len(placement.asset.motion.times_s) == 1 for placement in scene.placements)
    if still:
        placements = tuple(
            replace(placement, asset=moving(placement.asset)) for placement in scene.placements
        )
        scene = replace(scene, placements=placements)
    return scene, subject_of_scene(scene), still


def figure_of(scene: Scene) -> Figure:
    """The visual meshes, or skins, of all assets; parts are numbered as a subject's are.

    Raises:
        InputError: if there is no triangle.
    """
    parts: list[_Piece] = []
    first = 0
    for asset in scene.assets:
        parts += _pieces(asset, first)
        first += len(asset.links)
    if not sum(len(part.faces) for part in parts):
        raise InputError("has no triangle to draw", source=scene.name)
    offsets = np.cumsum([0, *(len(part.colors) for part in parts)])[:-1]

    def vertices_at(time_s: float) -> Array:
        return np.concatenate([part.vertices_at(time_s) for part in parts])

    faces = [part.faces + o for part, o in zip(parts, offsets, strict=True)]
    return Figure(
        vertices_at,
        np.concatenate(faces),
        np.concatenate([part.colors for part in parts]),
        np.concatenate([part.part_of for part in parts]),
    )


@dataclass(frozen=True, eq=False)
class _Piece(Figure):
    """The triangles of one asset's link or skin."""


def _pieces(asset: RiggedAsset, first: int) -> Sequence[_Piece]:
    if asset.skin is not None:
        mesh, carried = asset.skin.mesh, asset.skin.vertices
        weights = carried.weights
        leading = carried.links[np.arange(len(weights)), weights.argmax(axis=1)]
        owner = leading[mesh.faces[:, 0]] if len(mesh.faces) else np.zeros(0, int)
        return [_Piece(asset.skin_at, mesh.faces, _linear(mesh.colors, mesh), owner + first + 1)]
    return [
        _Piece(
            _posed(asset, i),
            link.visual.faces,
            _linear(link.visual.colors, link.visual),
            np.full(len(link.visual.faces), first + i + 1),
        )
        for i, link in enumerate(asset.links)
    ]


def _posed(asset: RiggedAsset, i: int) -> Callable[[float], Array]:
    def vertices_at(time_s: float) -> Array:
        return apply(asset.link_poses_at(time_s)[i], asset.links[i].visual.vertices)

    return vertices_at


def _linear(colors: Array | None, mesh: object) -> Array:
    count = len(mesh.vertices)  # type: ignore[attr-defined]
    return linear_from_srgb(np.full((count, 3), _GREY) if colors is None else colors)
