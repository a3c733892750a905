"""Two ways to draw an object: its meshes, shaded, or its surfels, with the light of their film."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np

from reel2sim.dataset.figure import Figure, corner_normals, figure_of
from reel2sim.dataset.raster import Picture, drawn, lamps
from reel2sim.dataset.recipe import Staging
from reel2sim.pipeline.layers import draw, pictures
from reel2sim.pipeline.subject import Subject
from reel2sim.pipeline.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.world import Scene

_SEEN = 0.1
"""Opacity from which a surfel counts to the object."""


class Studio(Protocol):
    """Draws one object."""

    kind: Literal["mesh", "surfels"]

    def points(self, time_s: float) -> Array:
        """Points of its surface at a time ``(n, 3)``, world."""
        ...

    def shoot(self, staging: Staging) -> Mapping[str, tuple[Picture, ...]]:
        """A picture for each view, by series."""
        ...


class MeshStudio:
    """Draws shaded triangles, for files that say nothing of light.

    Raises:
        InputError: if the scene has no triangle.
    """

    kind: Literal["mesh", "surfels"] = "mesh"

    def __init__(self, scene: Scene) -> None:
        self._figure: Figure = figure_of(scene)
        self._used = np.unique(self._figure.faces)

    def points(self, time_s: float) -> Array:
        """The corners of the triangles."""
        return self._figure.vertices_at(time_s)[self._used]

    def shoot(self, staging: Staging) -> Mapping[str, tuple[Picture, ...]]:
        """A picture for each view, by series, under lamps that stand as for the front camera."""
        lights = lamps(float(np.radians(staging.azimuth_deg)))
        return {
            name: tuple(self._shot(view, lights) for view in views)
            for name, views in staging.views.items()
        }

    def _shot(self, view: View, lights: Array) -> Picture:
        figure = self._figure
        vertices = figure.vertices_at(view.time_s)
        normals = corner_normals(vertices, figure.faces)
        return drawn(
            vertices, figure.faces, normals, figure.colors, figure.part_of, view.camera, lights
        )


class SurfelStudio:
    """Draws surfels as they were reconstructed.

    Raises:
        InputError: if none can be seen.
    """

    kind: Literal["mesh", "surfels"] = "surfels"

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        if not len(self.points(subject.start_s)):
            raise InputError("has no surfel that can be seen")

    def points(self, time_s: float) -> Array:
        """Centres of the surfels that can be seen."""
        surfels = self._subject.surfels_at(self._subject.held(time_s))
        return surfels.means[surfels.opacities >= _SEEN].astype(np.float64)

    def shoot(self, staging: Staging) -> Mapping[str, tuple[Picture, ...]]:
        """A picture for each view, by series."""
        return {
            name: tuple(self._shot(view) for view in views) for name, views in staging.views.items()
        }

    def _shot(self, view: View) -> Picture:
        shown = draw(self._subject, view.camera, view.time_s, ("rgb", "depth", "parts"))
        rgba = pictures(shown, "rgb", "transparent")[".png"]
        index = shown.index if shown.index is not None else np.zeros(rgba.shape[:2])
        return Picture(rgba, shown.shown.depth, np.asarray(index, dtype=np.int32))
