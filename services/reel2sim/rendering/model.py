"""What is drawn: triangles with textures, lamps that light them, and the picture that results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from reel2sim.rendering.normals import corner_normals
from reel2sim.scene.arrays import Array, assign, checked
from reel2sim.scene.errors import InputError

_WHITE = np.full((1, 1, 3), 255, np.uint8)


@dataclass(frozen=True, eq=False)
class Surface:
    """How a material looks.

    Attributes:
        image: colour ``(h, w, 3)`` uint8 sRGB; its first row is at v = 1, its left column at u = 0.
        roughness: 0 is a mirror, 1 is chalk.
        specular: share of light reflected head-on by what is no metal, 0.04 for most.
        metallic: 0 or 1, or between them for worn paint: the reflection takes the colour.
        emission: light of its own, as a share of its colour.
        repeats: whether the image goes on beyond 0..1, or its rim does.
    """

    image: Array = field(default_factory=lambda: _WHITE)
    roughness: float = 0.8
    specular: float = 0.0
    metallic: float = 0.0
    emission: float = 0.0
    repeats: bool = True

    def __post_init__(self) -> None:
        image = checked("Surface.image", self.image, ("h", "w", 3), dtype=np.uint8)
        if not image.size:
            raise InputError("is empty", source="Surface.image")
        for name in ("roughness", "specular", "metallic", "emission"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError("is not in 0..1", source="Surface", field=name)
        assign(self, image=image)


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles of one rigid part and one surface, in the frame of the part.

    Attributes:
        vertices: ``(v, 3)``, metres.
        faces: ``(f, 3)`` vertex indices; counter-clockwise from outside, but both sides are drawn.
        uv: texture coordinates of every corner ``(f, 3, 2)``; one unit is one image. None: zero.
        normals: of every corner ``(f, 3, 3)``; None: smooth, but sharp at edges of over 40°.
        colors: linear light ``(v, 3)`` that tints the texture; None: white.
        surface: index into the surfaces that are drawn with.
        part: what the index picture says there: 0 for scenery, which has no place in masks and
            throws no shadow; negative for what moves and has no place there either.
    """

    vertices: Array
    faces: Array
    uv: Array | None = None
    normals: Array | None = None
    colors: Array | None = None
    surface: int = 0
    part: int = 1

    def __post_init__(self) -> None:
        vertices = checked("Mesh.vertices", self.vertices, ("v", 3))
        faces = checked("Mesh.faces", self.faces, ("f", 3), dtype=np.int64)
        count = len(faces)
        if count and (faces.min() < 0 or faces.max() >= len(vertices)):
            raise InputError("names a vertex that is not there", source="Mesh.faces")
        uv = np.zeros((count, 3, 2)) if self.uv is None else self.uv
        normals = corner_normals(vertices, faces) if self.normals is None else self.normals
        colors = np.ones(vertices.shape) if self.colors is None else self.colors
        assign(
            self,
            vertices=vertices,
            faces=faces,
            uv=checked("Mesh.uv", uv, (count, 3, 2)),
            normals=checked("Mesh.normals", normals, (count, 3, 3)),
            colors=checked("Mesh.colors", colors, vertices.shape),
        )


@dataclass(frozen=True)
class Lamp:
    """A lamp so far away that its light is parallel.

    Attributes:
        toward: direction from the scene to the lamp ``(3,)``, world; any length but 0.
        strength: of its light in linear red, green and blue; 1 shows a surface that faces it in
            its own colour.
        shadow: whether what stands in the way casts a shadow.
        blur: width of the shadow's rim as a share of the scene's size.
    """

    toward: tuple[float, float, float]
    strength: tuple[float, float, float]
    shadow: bool = False
    blur: float = 0.006

    def __post_init__(self) -> None:
        if not 1e-9 < float(np.linalg.norm(self.toward)) < np.inf:
            raise InputError("is no direction", source="Lamp", field="toward")


@dataclass(frozen=True)
class Lights:
    """All light.

    Attributes:
        lamps: any number; one of them may cast a shadow.
        sky: light from straight above, linear red, green and blue.
        ground: light from straight below.
    """

    lamps: tuple[Lamp, ...]
    sky: tuple[float, float, float]
    ground: tuple[float, float, float]

    def __post_init__(self) -> None:
        if sum(lamp.shadow for lamp in self.lamps) > 1:
            raise InputError("casts shadows from more than one lamp", source="Lights.lamps")


@dataclass(frozen=True, eq=False)
class Picture:
    """One view.

    Attributes:
        rgb: ``(h, w, 3)`` uint8 sRGB, not premultiplied: the mean colour of what is seen, black
            where nothing is.
        alpha: share of the pixel that shows any surface ``(h, w)`` uint8.
        mask: share of the pixel that shows a part, not scenery, ``(h, w)`` uint8.
    """

    rgb: Array
    alpha: Array
    mask: Array


@dataclass(frozen=True, eq=False)
class Geometry:
    """What is seen at the centres of the pixels of one view.

    Attributes:
        depth: along the optical axis ``(h, w)`` float64, metres; 0 where nothing is.
        part: the part's number ``(h, w)`` int32; 0 for scenery and where nothing is, negative for
            what moves and is no part.
        normals: of the triangles, towards the camera ``(h, w, 3)`` float64, world; zero where
            nothing is.
    """

    depth: Array
    part: Array
    normals: Array


def merged(meshes: Sequence[Mesh], poses: Sequence[Array]) -> tuple[Array, Array]:
    """World vertices ``(v, 3)`` and corner normals ``(f, 3, 3)`` of all meshes.

    Args:
        meshes: what to place.
        poses: ``T_world_part`` ``(4, 4)`` of each.
    """
    vertices = [m.vertices @ T[:3, :3].T + T[:3, 3] for m, T in zip(meshes, poses, strict=True)]
    normals = [np.asarray(m.normals) @ T[:3, :3].T for m, T in zip(meshes, poses, strict=True)]
    return (
        np.ascontiguousarray(np.concatenate([*vertices, np.zeros((0, 3))])),
        np.ascontiguousarray(np.concatenate([*normals, np.zeros((0, 3, 3))])),
    )
