"""Two ways to draw an object: its meshes, shaded, or its surfels, with the light of their film."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Literal, Protocol

import numpy as np

from reel2sim.dataset.figure import Figure, figure_of
from reel2sim.dataset.picture import Picture, drawn, lamps
from reel2sim.pipeline.layers import draw, pictures
from reel2sim.pipeline.subject import Subject
from reel2sim.pipeline.views import View
from reel2sim.rendering import Mesh, Model, Surface, Tableau
from reel2sim.rendering.normals import corner_normals
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.world import Scene

_SEEN = 0.1
"""Opacity from which a surfel counts to the object."""
_KEPT = 2
"""Poses that are kept: large objects must not be held at all of their times."""


class Studio(Protocol):
    """Draws one object; quickest when views of one time follow each other."""

    kind: Literal["mesh", "surfels"]

    def points(self, time_s: float) -> Array:
        """Points of its surface at a time ``(n, 3)``, world."""
        ...

    def shot(self, view: View, *, front_deg: float) -> Picture:
        """The picture of a view, lit for a front camera at the azimuth ``front_deg``."""
        ...


class MeshStudio:
    """Draws shaded triangles, for files that say nothing of light.

    Raises:
        InputError: if the scene has no triangle.
    """

    kind: Literal["mesh", "surfels"] = "mesh"

    def __init__(self, scene: Scene) -> None:
        figure: Figure = figure_of(scene)
        self._figure = figure
        self._used = np.unique(figure.faces)
        self._numbers = [int(number) for number in np.unique(figure.part_of)]
        self._placed = lru_cache(_KEPT)(figure.vertices_at)
        self._posed = lru_cache(_KEPT)(self._pose)

    def points(self, time_s: float) -> Array:
        """The corners of the triangles."""
        return self._placed(time_s)[self._used]

    def shot(self, view: View, *, front_deg: float) -> Picture:
        """The picture of a view, under lamps that stand still."""
        return drawn(self._posed(view.time_s, front_deg), view.camera)

    def _pose(self, time_s: float, front_deg: float) -> Tableau:
        """The triangles at a time, one mesh for each part."""
        figure = self._figure
        vertices = self._placed(time_s)
        normals = corner_normals(vertices, figure.faces)
        meshes: list[Mesh] = []
        for number in self._numbers:
            own = figure.part_of == number
            faces = figure.faces[own]
            used, local = np.unique(faces, return_inverse=True)
            meshes.append(
                Mesh(
                    vertices[used],
                    local.reshape(faces.shape),
                    normals=normals[own],
                    colors=figure.colors[used],
                    part=number,
                )
            )
        lights = lamps(float(np.radians(front_deg)))
        return Model(meshes, [Surface()]).posed([np.eye(4)] * len(meshes), lights)


class SurfelStudio:
    """Draws surfels as they were reconstructed; they have the light of their film.

    Raises:
        InputError: if none can be seen.
    """

    kind: Literal["mesh", "surfels"] = "surfels"

    def __init__(self, subject: Subject) -> None:
        self._subject = replace(subject, surfels_at=lru_cache(_KEPT)(subject.surfels_at))
        if not len(self.points(subject.start_s)):
            raise InputError("has no surfel that can be seen")

    def points(self, time_s: float) -> Array:
        """Centres of the surfels that can be seen."""
        surfels = self._subject.surfels_at(self._subject.held(time_s))
        return surfels.means[surfels.opacities >= _SEEN].astype(np.float64)

    def shot(self, view: View, *, front_deg: float) -> Picture:
        """The picture of a view."""
        shown = draw(self._subject, view.camera, view.time_s, ("rgb", "depth", "parts"))
        rgba = pictures(shown, "rgb", "transparent")[".png"]
        index = shown.index if shown.index is not None else np.zeros(rgba.shape[:2])
        return Picture(rgba, shown.shown.depth, np.asarray(index, dtype=np.int32))
