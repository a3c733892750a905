"""Which nodes are bodies, how they hang together and how they move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reel2sim.importers.gltf.animation import Channel, Poses, sample_times
from reel2sim.importers.gltf.declared import declared_step, joint_facts, joint_fields, link_facts
from reel2sim.importers.gltf.nodes import Z_UP_FROM_Y_UP, Node, parts_of, zero_poses
from reel2sim.importers.movement import Movement, movement_of
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import invert

_MOST_BODIES = 1000
_MOST_POSES = 400_000
"""Of all bodies at all samples."""
_STEP_S = 1 / 30
GROUND = -1
"""Stands for the node of all that does not move."""


@dataclass
class Body:
    """A node that moves by itself, with what hangs on it and does not.

    Attributes:
        node: its index, or ``GROUND``.
        name: of the node.
        parent: node of the body above; None for one that nothing is above.
        linked: whether the file says that it is a link.
        declared: what the file says of its joint; None if that is found from its motion.
        T_world: its frame where all joints are at zero ``(4, 4)``, Z up.
        relative: its frame in that of the body above over time ``(t, 4, 4)``.
        movement: how it moves against the body above.
    """

    node: int
    name: str
    parent: int | None
    linked: bool = False
    declared: dict[str, Any] | None = None
    T_world: Array = field(default_factory=lambda: np.eye(4))
    relative: Array = field(default_factory=lambda: np.eye(4)[None])
    movement: Movement = field(default_factory=lambda: Movement((), np.zeros(3)))


@dataclass(frozen=True, eq=False)
class Skeleton:
    """All bodies of a scene.

    Attributes:
        bodies: by node, the root first, then every parent before its children.
        owner: node of the body that each node belongs to.
        G_world: frames of all nodes at zero, with scale ``(4, 4)``, Z up.
        times_s: of the samples ``(t,)``.
        base: frame of the root in the world over time ``(t, 4, 4)``.
        base_moves: whether it does.
    """

    bodies: dict[int, Body]
    owner: dict[int, int]
    G_world: dict[int, Array]
    times_s: Array
    base: Array
    base_moves: bool


def skeleton_of(
    nodes: dict[int, Node],
    channels: list[Channel],
    content: dict[int, Array],
    notes: list[str],
) -> Skeleton:
    """Find the bodies.

    Args:
        nodes: of the scene.
        channels: what moves them.
        content: nodes that hold something or carry a skin, with points around it in the node's
            frame ``(k, 3)``.
        notes: what was assumed is added.

    Raises:
        InputError: if there are too many, or what is declared is no joint.
    """
    full = _with_content(nodes, content)
    jointed = {i for i, n in nodes.items() if joint_facts(n.facts) is not None}
    said = jointed | {i for i, n in nodes.items() if link_facts(n.facts) is not None}
    moved = Poses(nodes, channels, sample_times(channels, step_s=None, most=2000)).moved - said
    for index in sorted(moved - full):
        notes.append(f"{nodes[index].name} moves nothing, and is left out")
    moving = (moved & full) | said
    if len(moving) > _MOST_BODIES:
        raise InputError(f"has over {_MOST_BODIES} nodes that move", source=_source(nodes))
    found = bool(moved & full)  # ours need nothing between their keys
    most = min(max(_MOST_POSES // max(len(moving), 1), 2), 4000)
    times = sample_times(channels, step_s=_STEP_S if found else None, most=most)
    poses = Poses(nodes, channels, times)
    G_world = zero_poses(nodes, {i: poses.local(i)[0] for i in moving - jointed})
    owner = _owners(nodes, moving)
    bodies = _bodies(nodes, moving, owner)
    size = _size(G_world, content)
    for body in bodies.values():
        if body.node != GROUND:
            _place(body, bodies, nodes, poses, G_world, notes)
            _move(body, bodies, size)
    return _rooted(bodies, owner, G_world, times - times[0] if found else times, content)


def _source(nodes: dict[int, Node]) -> str:
    return next(iter(nodes.values())).facts.source


def _with_content(nodes: dict[int, Node], content: Iterable[int]) -> set[int]:
    """Nodes that hold something, or have one below that does."""
    full: set[int] = set()
    for index in content:
        at: int | None = index
        while at is not None and at not in full:
            full.add(at)
            at = nodes[at].parent
    return full


def _owners(nodes: dict[int, Node], moving: set[int]) -> dict[int, int]:
    owner: dict[int, int] = {}
    for index, node in nodes.items():
        above = GROUND if node.parent is None else owner[node.parent]
        owner[index] = index if index in moving else above
    return owner


def _bodies(nodes: dict[int, Node], moving: set[int], owner: dict[int, int]) -> dict[int, Body]:
    bodies = {GROUND: Body(GROUND, _ground_name(nodes), None)}
    for index, node in nodes.items():
        if index not in moving:
            continue
        facts = joint_facts(node.facts)
        above = GROUND if node.parent is None else owner[node.parent]
        linked = link_facts(node.facts) is not None
        declared = None if facts is None else joint_fields(facts)
        bodies[index] = Body(index, node.name, above, linked, declared)
    return bodies


def _ground_name(nodes: dict[int, Node]) -> str:
    tops = [node for node in nodes.values() if node.parent is None]
    return tops[0].facts.text("name") or "base" if len(tops) == 1 else "base"


def _size(G_world: dict[int, Array], content: dict[int, Array]) -> float:
    """Diagonal of all that is shown, metres; 1 of nothing."""
    corners = [points @ G_world[i][:3, :3].T + G_world[i][:3, 3] for i, points in content.items()]
    if not corners:
        return 1.0
    return float(np.linalg.norm(np.ptp(np.concatenate(corners), axis=0))) or 1.0


def _place(
    body: Body,
    bodies: dict[int, Body],
    nodes: dict[int, Node],
    poses: Poses,
    G_world: dict[int, Array],
    notes: list[str],
) -> None:
    """Fill in where a body is, and where against the one above over time."""
    body.T_world = parts_of(G_world[body.node])[0]
    above = bodies[GROUND if body.parent is None else body.parent]
    G = Z_UP_FROM_Y_UP if above.node == GROUND else G_world[above.node]
    G = invert(above.T_world) @ G
    for index in _between(nodes, body.node, above.node):
        G = G @ nodes[index].local()
    body.relative, sizes = parts_of(G @ poses.local(body.node))
    if np.ptp(sizes, axis=0).max() > 1e-3 * max(float(np.abs(sizes).max()), 1e-12):
        notes.append(f"{body.name} changes its size; it keeps the one it begins with")


def _between(nodes: dict[int, Node], below: int, above: int) -> list[int]:
    """Nodes between two, those further up first."""
    found: list[int] = []
    at = nodes[below].parent
    while at is not None and at != above:
        found.append(at)
        at = nodes[at].parent
    return found[::-1]


def _move(body: Body, bodies: dict[int, Body], size: float) -> None:
    """Fill in the joints that make a body move against the one above."""
    above = bodies[GROUND if body.parent is None else body.parent]
    since = invert(invert(above.T_world) @ body.T_world) @ body.relative
    if body.declared is None:
        body.movement = movement_of(since, size=size)
    else:
        body.movement = Movement((declared_step(body.declared, since),), np.zeros(3))


def _rooted(
    bodies: dict[int, Body],
    owner: dict[int, int],
    G_world: dict[int, Array],
    times_s: Array,
    content: Iterable[int],
) -> Skeleton:
    """The skeleton, its root being the ground unless all hangs on one body that floats."""
    base, base_moves = np.eye(4)[None], False
    tops = [body for body in bodies.values() if body.parent == GROUND]
    bare = all(owner[index] != GROUND for index in content)
    if bare and len(tops) == 1 and tops[0].declared is None:
        (top,) = tops
        if top.linked or len(top.movement.steps) != 1:
            del bodies[GROUND]
            base, base_moves = top.relative, bool(top.movement.steps)
            top.parent, top.movement = None, Movement((), np.zeros(3))
    base = np.broadcast_to(base, (len(times_s), 4, 4))
    return Skeleton(bodies, owner, G_world, times_s, base, base_moves)
