"""A surface that moves: vertices for every time, triangles that stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from captures.models import Model
from captures.texture import Skin

from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

SHARP = float(np.radians(35))
"""Radians between triangles from which their edge is drawn hard."""


@dataclass(frozen=True, eq=False)
class Body:
    """What gets rendered. World frame, Z up, metres.

    Attributes:
        name: of the capture folder.
        faces: triangles ``(f, 3)``.
        face_parts: index into ``parts`` of each triangle ``(f,)``.
        parts: names; each has a texture of its own.
        vertices_at: vertices ``(v, 3)`` at a share 0..1 of the motion.
        sharp: angle in radians from which an edge is hard; π: smooth all over.
        skin: the file's own picture; without, a procedural texture.
        model: the joints, if the parts are rigid and their joints known.
        poses_at: motion since time zero of each part, by name ``(4, 4)``, at a share of the
            motion; None if it is not known.
    """

    name: str
    faces: Array
    face_parts: Array
    parts: tuple[str, ...]
    vertices_at: Callable[[float], Array]
    sharp: float = SHARP
    skin: Skin | None = None
    model: Model | None = None
    poses_at: Callable[[float], Mapping[str, Array]] | None = None

    @classmethod
    def still(cls, name: str, parts: Mapping[str, trimesh.Trimesh]) -> Body:
        """Meshes that never move."""
        return cls.of(Model(name, dict(parts), ()))

    @classmethod
    def of(cls, model: Model) -> Body:
        """The body of an articulated model."""
        meshes = list(model.parts.values())
        starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
        faces = [mesh.faces + start for mesh, start in zip(meshes, starts[:-1], strict=True)]

        def poses_at(share: float) -> dict[str, Array]:
            return model.poses(model.positions(np.array([share]))[0])

        def vertices_at(share: float) -> Array:
            T = poses_at(share)
            return np.concatenate([apply(T[n], m.vertices) for n, m in model.parts.items()])

        return cls(
            name=model.name,
            faces=np.concatenate(faces),
            face_parts=np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes]),
            parts=tuple(model.parts),
            vertices_at=vertices_at,
            model=model,
            poses_at=poses_at,
        )

    def named(self, name: str) -> Body:
        """The same under another name."""
        return replace(self, name=name)

    @property
    def diagonal(self) -> float:
        """Bounding box diagonal at time zero, metres."""
        return float(np.linalg.norm(np.ptp(self.vertices_at(0.0)[np.unique(self.faces)], axis=0)))

    def points(self, share: float, triangles: Array, bary: Array) -> Array:
        """Where the points at ``bary`` ``(n, 3)`` of ``triangles`` ``(n,)`` are: ``(n, 3)``."""
        corners = self.vertices_at(share)[self.faces[triangles]]
        return np.einsum("nk,nki->ni", bary, corners)

    def shading(self) -> tuple[Array, Array]:
        """Corners that share a normal: ids ``(f, 3)`` and the vertex of each id ``(m,)``."""
        start = self.vertices_at(0.0)
        ids, origin, count = np.empty_like(self.faces), [], 0
        for part in range(len(self.parts)):
            own = np.flatnonzero(self.face_parts == part)
            mesh = trimesh.Trimesh(start, self.faces[own], process=False)
            smooth = trimesh.graph.smooth_shade(mesh, angle=self.sharp)
            groups = smooth.metadata.get("original_components")
            order = np.concatenate(groups) if groups is not None else np.arange(len(own))
            vertex = np.empty(len(smooth.vertices), dtype=self.faces.dtype)
            vertex[smooth.faces] = self.faces[own[order]]
            ids[own[order]] = smooth.faces + count
            origin.append(vertex)
            count += len(vertex)
        return ids, np.concatenate(origin)
