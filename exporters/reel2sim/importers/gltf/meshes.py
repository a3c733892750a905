"""Meshes of a file as triangles with vertex colours, and what carries their vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.exporters.color import srgb_from_linear
from reel2sim.importers.gltf.container import Container
from reel2sim.importers.gltf.fields import Fields
from reel2sim.importers.gltf.materials import Materials
from reel2sim.scene import TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError

_MOST_FACES = 2_000_000
_MOST_ROWS = 20_000_000
"""Corners and skinned points of all primitives: they may share accessors."""
_TRIANGLES, _STRIP, _FAN = 4, 5, 6
_SETS = 4
"""Of four joints each that are read; the strongest four count in the end."""


@dataclass(frozen=True, eq=False)
class Piece:
    """The triangles of one primitive.

    Attributes:
        mesh: in the node's frame, before its scale.
        joints: indices into the skin's joints ``(v, k)``; None without a skin.
        weights: of these joints ``(v, k)``, rows sum to 1.
    """

    mesh: TriangleMesh
    joints: Array | None = None
    weights: Array | None = None


class Meshes:
    """Meshes of one file, by index and by name."""

    def __init__(self, container: Container, notes: list[str]) -> None:
        self._container, self._notes = container, notes
        self._facts = container.root.each("meshes")
        self._materials = Materials(container, notes)
        self._built: dict[int, tuple[Piece, ...]] = {}
        self._faces = 0
        self._rows = 0

    def __len__(self) -> int:
        return len(self._facts)

    def named(self, name: str) -> int | None:
        """Index of the mesh of that name."""
        found = [i for i, facts in enumerate(self._facts) if facts.text("name") == name]
        return found[0] if found else None

    def pieces(self, index: int, *, count: bool = True) -> tuple[Piece, ...]:
        """Triangles of a mesh; points and lines are left out.

        Args:
            index: of the mesh.
            count: whether they are shown once more.

        Raises:
            InputError: if it is damaged, or there are too many triangles altogether.
        """
        if index not in self._built:
            facts = self._facts[index]
            name = facts.text("name") or f"mesh {index}"
            made = [self._piece(part, name) for part in facts.each("primitives")]
            self._built[index] = tuple(piece for piece in made if piece is not None)
        built = self._built[index]
        self._faces += sum(len(piece.mesh.faces) for piece in built) if count else 0
        if self._faces > _MOST_FACES:
            raise InputError(
                f"shows over {_MOST_FACES} triangles",
                source=self._container.path,
                remedy="decimate it first",
            )
        return built

    def _piece(self, facts: Fields, name: str) -> Piece | None:
        if "KHR_gaussian_splatting" in facts.inner("extensions"):
            self._note(f"splats of {name} are left out: they have no surface")
            return None
        mode = facts.whole("mode", _TRIANGLES)
        if mode not in (_TRIANGLES, _STRIP, _FAN):
            self._note(f"points or lines of {name} are left out")
            return None
        if facts.items("targets"):
            self._note(f"morph targets of {name} are left out")
        attributes = facts.inner("attributes")
        points = self._attribute(attributes, "POSITION", "VEC3")
        if points is None:
            return None
        self._spend(facts, len(points) if "JOINTS_0" in attributes else 0)
        faces = _faces(self._corners(facts, len(points)), mode)
        used, flat = np.unique(faces, return_inverse=True)
        if not len(used):
            return None
        table = {
            key: self._attribute(attributes, key, ("VEC3", "VEC4", "VEC2"))
            for key in attributes.values
            if key.startswith(("TEXCOORD_", "COLOR_0"))
        }
        for key, values in table.items():
            if values is not None and len(values) != len(points):
                raise attributes.wrong(key, f"has {len(values)} rows for {len(points)} points")
        rows = {key: values[used] for key, values in table.items() if values is not None}
        linear = self._materials.linear(facts, rows, len(used))
        colors = None if linear is None else srgb_from_linear(linear)
        mesh = TriangleMesh(points[used], flat.reshape(-1, 3), colors)
        joints, weights = self._influences(attributes, len(points))
        if joints is None or weights is None:
            return Piece(mesh)
        return Piece(mesh, joints[used], weights[used])

    def _corners(self, facts: Fields, count: int) -> Array:
        """Vertex of each corner ``(c,)``."""
        if "indices" not in facts:
            self._spend(facts, count)
            return np.arange(count)
        index = facts.index("indices", self._container.accessors)
        self._spend(facts, self._container.count(index))
        corners = self._container.accessor(index, "SCALAR")[:, 0]
        if corners.dtype.kind != "i":
            raise facts.wrong("indices", "are not whole numbers")
        if len(corners) and (corners.min() < 0 or corners.max() >= count):
            raise facts.wrong("indices", "name a vertex that is not there")
        return corners

    def _attribute(self, facts: Fields, key: str, kind: str | tuple[str, ...]) -> Array | None:
        if key not in facts:
            return None
        return self._container.accessor(facts.index(key, self._container.accessors), kind)

    def _influences(self, facts: Fields, count: int) -> tuple[Array | None, Array | None]:
        """Joints and weights ``(v, k)`` of all sets; None without any."""
        joints: list[Array] = []
        weights: list[Array] = []
        for k in range(_SETS):
            j = self._attribute(facts, f"JOINTS_{k}", "VEC4")
            w = self._attribute(facts, f"WEIGHTS_{k}", "VEC4")
            if j is None or w is None:
                break
            if j.dtype.kind != "i" or len(j) != count or len(w) != count or (w < 0).any():
                raise facts.wrong(f"JOINTS_{k}", "and its weights are not one row a point")
            joints.append(j)
            weights.append(w.astype(np.float64))
        if not joints:
            return None, None
        every = np.concatenate(weights, axis=1)
        total = every.sum(axis=1, keepdims=True)
        if count and total.min() <= 0:  # carried by nothing: by its first joint
            every = np.where(total > 0, every, np.eye(1, every.shape[1]))
            total = every.sum(axis=1, keepdims=True)
        return np.concatenate(joints, axis=1), every / total

    def _spend(self, facts: Fields, rows: int) -> None:
        self._rows += rows
        if self._rows > _MOST_ROWS:
            raise facts.wrong("", f"and those before it have over {_MOST_ROWS} corners")

    def _note(self, text: str) -> None:
        if text not in self._notes:
            self._notes.append(text)


def _faces(corners: Array, mode: int) -> Array:
    """Triangles ``(f, 3)`` of a list, strip or fan; what a list has too much is dropped."""
    if mode == _TRIANGLES:
        return corners[: len(corners) // 3 * 3].reshape(-1, 3)
    if len(corners) < 3:
        return np.zeros((0, 3), np.int64)
    if mode == _FAN:
        first = np.full(len(corners) - 2, corners[0])
        faces = np.stack([corners[1:-1], corners[2:], first], axis=1)
    else:
        faces = np.stack([corners[:-2], corners[1:-1], corners[2:]], axis=1)
        faces[1::2] = faces[1::2][:, [0, 2, 1]]
    a, b, c = faces.T
    return faces[(a != b) & (b != c) & (c != a)]
