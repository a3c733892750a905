"""Meshes, lights and a camera become a picture, on one core of a CPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reel2sim.exporters.color import srgb_from_linear
from reel2sim.rendering.cover import cover
from reel2sim.rendering.model import Geometry, Lights, Mesh, Picture, Surface, merged
from reel2sim.rendering.pyramid import Pyramids, pack
from reel2sim.rendering.shade import Corners, Lit, shaded
from reel2sim.rendering.shadows import ShadowMap, shadow_map
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError

_NEAR_SHARE = 1e-3
"""Least depth that is drawn, as a share of the greatest."""
_CELLS = 1024
"""Sides of a shadow map."""


class Model:
    """What is drawn, packed once for any number of poses and pictures."""

    def __init__(self, meshes: Sequence[Mesh], surfaces: Sequence[Surface]) -> None:
        """Pack ``meshes``, whose surfaces index ``surfaces``.

        Raises:
            InputError: if a mesh names a surface that is not there.
        """
        for mesh in meshes:
            if not 0 <= mesh.surface < len(surfaces):
                raise InputError(f"names surface {mesh.surface} of {len(surfaces)}", source="Mesh")
        self.meshes = tuple(meshes)
        self.textures: Pyramids = pack(surfaces)
        offsets = np.cumsum([0, *(len(m.vertices) for m in meshes)])[:-1]
        faces = [m.faces + o for m, o in zip(meshes, offsets, strict=True)]
        counts = [len(m.faces) for m in meshes]
        self.faces: Array = np.concatenate([*faces, np.zeros((0, 3), np.int64)])
        self.uv: Array = np.concatenate([*(np.asarray(m.uv) for m in meshes), np.zeros((0, 3, 2))])
        self.colors: Array = np.concatenate(
            [*(np.asarray(m.colors) for m in meshes), np.zeros((0, 3))]
        )
        self.surface: Array = np.repeat(np.array([m.surface for m in meshes], np.int64), counts)
        self.part: Array = np.repeat(np.array([m.part for m in meshes], np.int64), counts)

    def posed(
        self, poses: Sequence[Array], lights: Lights, *, bounds: Array | None = None
    ) -> Tableau:
        """The model at one instant.

        Args:
            poses: ``T_world_part`` ``(4, 4)`` of every mesh.
            lights: all light.
            bounds: lowest and highest corner of all that casts shadows at any time ``(2, 3)``;
                default: of this instant, which lets the rims of shadows change from one to another.
        """
        return Tableau(self, poses, lights, bounds)


class Tableau:
    """A model that stands still, lit, for any number of cameras."""

    def __init__(
        self, model: Model, poses: Sequence[Array], lights: Lights, bounds: Array | None = None
    ) -> None:
        """See :meth:`Model.posed`."""
        vertices, normals = merged(model.meshes, poses)
        self._model = model
        self._corners = Corners(
            vertices, model.faces, normals, model.uv, model.colors, model.surface, model.part
        )
        self._lit = _lit(lights, self._shadow(lights, bounds))

    @property
    def vertices(self) -> Array:
        """Of all meshes ``(v, 3)``, world, metres."""
        return self._corners.vertices

    def picture(self, camera: Camera, *, samples: int = 2) -> Picture:
        """What ``camera`` sees, with ``samples`` × ``samples`` samples a pixel."""
        face, _, planes, _ = self._cover(camera, samples)
        linear, share = shaded(
            face,
            planes,
            self._corners,
            self._model.textures,
            self._lit,
            camera.position,
            samples,
        )
        return Picture(
            _bytes(srgb_from_linear(linear)), _bytes(share[..., 0]), _bytes(share[..., 1])
        )

    def geometry(self, camera: Camera) -> Geometry:
        """Depth, parts and normals at the centres of pixels."""
        face, depth, _, _ = self._cover(camera, 1)
        hit, at = face >= 0, np.maximum(face, 0)
        if not len(self._corners.faces):
            nothing = np.zeros(face.shape)
            return Geometry(nothing, nothing.astype(np.int32), np.zeros((*face.shape, 3)))
        a, b, c = (self.vertices[self._corners.faces[:, k]] for k in range(3))
        normals = np.cross(b - a, c - a)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
        away = np.einsum("fk,fk->f", normals, camera.position - a) < 0
        normals[away] *= -1.0
        return Geometry(
            np.where(hit, depth, 0.0),
            np.where(hit, self._corners.part[at], 0).astype(np.int32),
            np.where(hit[..., None], normals[at], 0.0),
        )

    def _cover(self, camera: Camera, samples: int) -> tuple[Array, Array, Array, Array]:
        T = camera.T_camera_world
        seen = self.vertices @ T[:3, :3].T + T[:3, 3]
        lens = np.array([camera.fx, camera.fy, camera.cx, camera.cy]) * samples
        near = _NEAR_SHARE * max(float(seen[:, 2].max(initial=0.0)), 1e-9)
        size = camera.height * samples, camera.width * samples
        depth, face, planes, volumes = cover(seen, self._corners.faces, lens, *size, near)
        return face, depth, planes, volumes

    def _shadow(self, lights: Lights, bounds: Array | None) -> tuple[int, ShadowMap | None]:
        found = [n for n, lamp in enumerate(lights.lamps) if lamp.shadow]
        casters = self._corners.faces[self._corners.part != 0]
        if not found or not len(casters):
            return -1, None
        lamp = lights.lamps[found[0]]
        if bounds is None:
            points = self.vertices[np.unique(casters)]
            bounds = np.stack([points.min(axis=0), points.max(axis=0)])
        toward = np.array(lamp.toward)
        return found[0], shadow_map(
            self.vertices, casters, toward, bounds, cells=_CELLS, blur=lamp.blur
        )


def draw(
    meshes: Sequence[Mesh],
    surfaces: Sequence[Surface],
    poses: Sequence[Array],
    camera: Camera,
    lights: Lights,
    *,
    samples: int = 2,
) -> tuple[Picture, Geometry]:
    """Draw once; who draws more than once packs a :class:`Model`.

    Args:
        meshes: what to draw.
        surfaces: what it looks like.
        poses: ``T_world_part`` ``(4, 4)`` of every mesh.
        camera: from where.
        lights: all light.
        samples: a side of a pixel.
    """
    tableau = Model(meshes, surfaces).posed(poses, lights)
    return tableau.picture(camera, samples=samples), tableau.geometry(camera)


def _lit(lights: Lights, shadow: tuple[int, ShadowMap | None]) -> Lit:
    rows = [
        [*(np.array(lamp.toward) / np.linalg.norm(lamp.toward)), *lamp.strength]
        for lamp in lights.lamps
    ]
    lamps = np.array(rows, float).reshape(-1, 6)
    sky, ground = np.array(lights.sky, float), np.array(lights.ground, float)
    number, made = shadow
    if made is None:
        return Lit(lamps, sky, ground, -1, np.zeros((0, 0)), np.eye(3), np.zeros(3), 1.0, 1.0)
    return Lit(lamps, sky, ground, number, made.depth, made.axes, made.corner, made.texel, made.rim)


def _bytes(values: Array) -> Array:
    return (values * 255.0 + 0.5).astype(np.uint8)
