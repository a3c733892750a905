"""Skinned meshes: which bodies carry which vertices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reel2sim.importers.gltf.bodies import Skeleton
from reel2sim.importers.gltf.container import Container
from reel2sim.importers.gltf.fields import Fields
from reel2sim.importers.gltf.meshes import Piece
from reel2sim.scene import Influences, TriangleMesh
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

_MOST_WEIGHTS = 40_000_000
_SAME = 1e-5
"""Difference of matrices, and of metres to the size, that is rounding."""


@dataclass(frozen=True, eq=False)
class Bound:
    """A skin of the file.

    Attributes:
        joints: nodes ``(j,)``.
        inverse: the mesh's frame in each joint's where it was bound ``(j, 4, 4)``.
    """

    joints: tuple[int, ...]
    inverse: Array


@dataclass(frozen=True, eq=False)
class Carried:
    """A mesh with the bodies that carry it.

    Attributes:
        mesh: where all joints are at zero, in the root's frame.
        bodies: nodes of bodies, in the columns of ``weights``.
        weights: ``(v, b)``, rows sum to 1.
        bent: whether it is not as it was bound.
    """

    mesh: TriangleMesh
    bodies: tuple[int, ...]
    weights: Array
    bent: bool


def bound_skin(container: Container, facts: Fields) -> Bound:
    """Read a skin.

    Raises:
        InputError: if it has no joints, or not one matrix for each.
    """
    nodes = len(container.root.items("nodes"))
    joints = facts.indices("joints", nodes)
    if not joints:
        raise facts.wrong("joints", "are none")
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    if "inverseBindMatrices" in facts:
        index = facts.index("inverseBindMatrices", container.accessors)
        rows = container.accessor(index, "MAT4")
        if len(rows) < len(joints):
            raise facts.wrong("inverseBindMatrices", f"are {len(rows)} for {len(joints)} joints")
        inverse = rows[: len(joints)].reshape(-1, 4, 4).swapaxes(1, 2)
    return Bound(tuple(joints), inverse)


def carried(piece: Piece, skin: Bound, skeleton: Skeleton, where: Fields) -> Carried:
    """The piece where all joints are at zero, by bodies.

    Raises:
        InputError: if it names joints that the skin has not, or the scene does not show.
    """
    if piece.joints is None or piece.weights is None:
        raise where.wrong("skin", "carries a mesh without joints and weights")
    columns = np.where(piece.weights > 0, piece.joints, piece.joints[:, :1])
    if columns.max() >= len(skin.joints):
        raise where.wrong("skin", "has fewer joints than its mesh names")
    used = np.unique(columns)
    missing = [skin.joints[k] for k in used if skin.joints[k] not in skeleton.G_world]
    if missing:
        raise where.wrong("skin", f"has joint {missing[0]}, which the scene does not show")
    root = next(iter(skeleton.bodies.values()))
    to_root = invert(root.T_world)
    M = np.zeros((len(skin.joints), 4, 4))
    M[used] = [to_root @ skeleton.G_world[skin.joints[k]] @ skin.inverse[k] for k in used]
    owners = [skeleton.owner[skin.joints[k]] for k in used]
    bodies = tuple(dict.fromkeys(owners))
    if len(columns) * len(bodies) > _MOST_WEIGHTS:
        raise where.wrong("skin", f"has over {_MOST_WEIGHTS} weights")
    column = {body: i for i, body in enumerate(bodies)}
    of_joint = np.zeros(len(skin.joints), np.int64)
    of_joint[used] = [column[body] for body in owners]
    weights = np.zeros((len(columns), len(bodies)))
    rows = np.arange(len(columns))
    for k in range(columns.shape[1]):
        np.add.at(weights, (rows, of_joint[columns[:, k]]), piece.weights[:, k])
    points, bent = _posed(piece, columns, M, used)
    return Carried(replace(piece.mesh, vertices=points), bodies, weights, bent)


def _posed(piece: Piece, columns: Array, M: Array, used: Array) -> tuple[Array, bool]:
    """Vertices where the joints are at zero, and whether those are not all moved as one."""
    vertices, weights = piece.mesh.vertices, piece.weights
    if np.abs(M[used] - np.eye(4)).max() < _SAME:  # to the last digit
        return vertices, False
    total = np.zeros_like(vertices)
    for k in range(columns.shape[1]):
        each = M[columns[:, k]]
        moved = np.einsum("vij,vj->vi", each[:, :3, :3], vertices) + each[:, :3, 3]
        total += weights[:, k, None] * moved  # pyright: ignore[reportOptionalSubscript]
    size = max(float(np.abs(total).max()), 1e-12)
    bent = bool(np.abs(M[used] - M[used[0]]).max() > 1e-3 * max(size, 1.0))
    return total, bent


def influences(parts: list[Carried], place: dict[int, int]) -> Influences:
    """Influences over links of all parts together.

    Args:
        parts: meshes in order.
        place: index of the link of each body.
    """
    each = [Influences.strongest(part.weights) for part in parts]
    tables = [np.array([place[body] for body in part.bodies] + [0] * 4) for part in parts]
    links = [table[one.links] for table, one in zip(tables, each, strict=True)]
    return Influences(np.concatenate(links), np.concatenate([one.weights for one in each]))


def rigid_parts(part: Carried) -> dict[int, TriangleMesh]:
    """Each body's share of a mesh: the triangles that it carries most."""
    strongest = part.weights[part.mesh.faces].sum(axis=1).argmax(axis=1)
    found: dict[int, TriangleMesh] = {}
    for k, body in enumerate(part.bodies):
        faces = part.mesh.faces[strongest == k]
        used, flat = np.unique(faces, return_inverse=True)
        if len(used):
            colors = part.mesh.colors
            found[body] = TriangleMesh(
                part.mesh.vertices[used],
                flat.reshape(-1, 3),
                None if colors is None else colors[used],
            )
    return found
