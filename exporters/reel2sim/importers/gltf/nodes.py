"""The tree of nodes, and where its nodes are over time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.importers.gltf.container import Container
from reel2sim.importers.gltf.fields import Fields
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import pose

_MOST_NODES = 50_000
_MOST_DEPTH = 500
_FARTHEST = 1e7
"""Metres; what is beyond is a mistake, and no number to reckon with."""
Z_UP_FROM_Y_UP = pose(np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]))
_EXACT = 1e-12
"""What a turn that was computed may differ from what it should be."""


@dataclass
class Node:
    """A node that the scene shows.

    Attributes:
        index: in the file.
        facts: its JSON.
        parent: index of the node above; None for a root of the scene.
        children: indices of the nodes below.
        translation: ``(3,)``.
        rotation: xyzw ``(4,)``, unit.
        scale: ``(3,)``.
        matrix: ``(4, 4)`` where the file has that instead.
    """

    index: int
    facts: Fields
    parent: int | None
    children: list[int] = field(default_factory=list)
    translation: Array = field(default_factory=lambda: np.zeros(3))
    rotation: Array = field(default_factory=lambda: np.array([0.0, 0.0, 0.0, 1.0]))
    scale: Array = field(default_factory=lambda: np.ones(3))
    matrix: Array | None = None

    @property
    def name(self) -> str:
        """As in the file, or by its index."""
        return self.facts.text("name") or f"node_{self.index}"

    def local(self) -> Array:
        """Its frame in the one above, scaled ``(4, 4)``."""
        if self.matrix is not None:
            return self.matrix
        return composed(self.translation, self.rotation, self.scale)


def composed(translation: Array, rotation: Array, scale: Array) -> Array:
    """Matrices ``(..., 4, 4)`` of translations, xyzw quaternions and scales."""
    R = Rotation.from_quat(rotation.reshape(-1, 4)).as_matrix().reshape(*rotation.shape[:-1], 3, 3)
    whole = np.round(R)  # quarter turns have no digits to lose
    R = np.where(np.abs(R - whole) < 1e-15, whole, R)
    return pose(R * scale[..., None, :], translation)


def shown_nodes(container: Container) -> dict[int, Node]:
    """Nodes of the scene by index, every parent before its children.

    Raises:
        InputError: if they form no tree.
    """
    root = container.root
    facts = root.each("nodes")
    if len(facts) > _MOST_NODES:
        raise InputError(f"has over {_MOST_NODES} nodes", source=container.path)
    found: dict[int, Node] = {}
    waiting: list[tuple[int, int | None, int]] = [(i, None, 0) for i in _tops(root, facts)[::-1]]
    while waiting:
        index, parent, depth = waiting.pop()
        if index in found:
            raise facts[index].wrong("", "hangs on two nodes, or on itself")
        if depth > _MOST_DEPTH:
            raise facts[index].wrong("", f"hangs more than {_MOST_DEPTH} nodes deep")
        found[index] = _node(index, facts[index], parent)
        below = facts[index].indices("children", len(facts))
        found[index].children = below
        waiting += [(child, index, depth + 1) for child in reversed(below)]
    return found


def _tops(root: Fields, nodes: list[Fields]) -> list[int]:
    """Roots of the scene that the file wants shown; of all nodes if it has no scene."""
    scenes = root.each("scenes")
    if scenes:
        shown = root.indexed("scene", root.whole("scene", 0), len(scenes))
        return scenes[shown].indices("nodes", len(nodes))
    below = {child for node in nodes for child in node.indices("children", len(nodes))}
    return [i for i in range(len(nodes)) if i not in below]


def _node(index: int, facts: Fields, parent: int | None) -> Node:
    node = Node(index, facts, parent)
    if "matrix" in facts:
        node.matrix = facts.numbers("matrix", 16).reshape(4, 4).T
        if np.abs(node.matrix[3] - [0, 0, 0, 1]).max() > 1e-6:
            raise facts.wrong("matrix", "has a last row that is not 0 0 0 1")
        return node
    node.translation = facts.numbers("translation", 3, [0.0] * 3)
    node.scale = facts.numbers("scale", 3, [1.0] * 3)
    turn = facts.numbers("rotation", 4, [0.0, 0.0, 0.0, 1.0])
    length = float(np.linalg.norm(turn))
    if not 1e-6 < length < 1e6:
        raise facts.wrong("rotation", "has no length")
    node.rotation = turn / length
    return node


def zero_poses(nodes: dict[int, Node], locals_: dict[int, Array]) -> dict[int, Array]:
    """``T_world_node`` with scale ``(4, 4)``, Z up.

    Args:
        nodes: of the scene.
        locals_: frames ``(4, 4)`` of nodes that are not where their own fields have them.

    Raises:
        InputError: if a node is absurdly far or large.
    """
    found: dict[int, Array] = {}
    for index, node in nodes.items():
        above = Z_UP_FROM_Y_UP if node.parent is None else found[node.parent]
        found[index] = above @ locals_.get(index, node.local())
        if not np.abs(found[index]).max() < _FARTHEST:
            raise node.facts.wrong("", f"lies or reaches over {_FARTHEST:g} m away")
    return found


def parts_of(G: Array) -> tuple[Array, Array]:
    """Rigid transforms ``(..., 4, 4)`` and what scales and shears before them ``(..., 3, 3)``.

    ``G = T @ S``; ``S`` is symmetric, and mirrors where ``G`` does.
    """
    A = G[..., :3, :3]
    rigid = np.abs(A @ np.swapaxes(A, -1, -2) - np.eye(3)).max() < _EXACT
    if rigid and (np.linalg.det(A) > 0).all():
        return pose(A, G[..., :3, 3]), np.broadcast_to(np.eye(3), A.shape)
    left, size, right = np.linalg.svd(A)
    R = left @ right
    sign = np.where(np.linalg.det(R) < 0, -1.0, 1.0)[..., None, None]
    S = sign * (np.swapaxes(right, -1, -2) * size[..., None, :]) @ right
    return pose(R * sign, G[..., :3, 3]), S
