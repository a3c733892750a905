"""Bodies and joints as trees: one for each object of the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reel2sim.importers.usd.joints import Constraint


@dataclass(frozen=True, eq=False)
class Edge:
    """A joint in its tree.

    Attributes:
        joint: the joint.
        parent: path of the body nearer to the root; empty for the world.
        child: path of the other.
    """

    joint: Constraint
    parent: str
    child: str

    @property
    def forward(self) -> bool:
        """Whether body 1 is the child."""
        return self.joint.ends[1] == self.child


@dataclass(frozen=True, eq=False)
class Tree:
    """Bodies that joints hold together.

    Attributes:
        bodies: paths, in the stage's order.
        root: path of the root; empty where something moves against the world.
        anchor: the fixed joint that holds the root to the world, if there is one.
        edges: joints, parents first.
        parted: pairs of bodies that a joint joins which closes a loop.
    """

    bodies: tuple[str, ...]
    root: str
    anchor: Constraint | None
    edges: tuple[Edge, ...]
    parted: tuple[tuple[str, str], ...]


def trees(
    bodies: Sequence[str], joints: Sequence[Constraint], roots: frozenset[str]
) -> tuple[list[Tree], list[str]]:
    """Trees in the order of their first bodies, and notes on joints that close loops.

    Joints that the file keeps out of articulations close loops before others do.

    Args:
        bodies: paths, in the stage's order.
        joints: between them, or to the world.
        roots: bodies that the file makes the root of an articulation.
    """
    notes: list[str] = []
    above = {body: body for body in bodies}
    held: dict[str, Constraint] = {}
    kept: list[Constraint] = []
    left: list[Constraint] = []

    def top(body: str) -> str:
        while above[body] != body:
            above[body] = above[above[body]]
            body = above[body]
        return body

    for joint in sorted(joints, key=lambda j: (j.excluded, not ("" in j.ends and not j.freedoms))):
        tops = [top(end) for end in joint.ends if end]
        if len(tops) == 1:
            loop = tops[0] in held
            if not loop:
                held[tops[0]] = joint
        else:
            loop = tops[0] == tops[1] or (tops[0] in held and tops[1] in held)
            if not loop:
                above[tops[1]] = tops[0]
                if tops[1] in held:
                    held[tops[0]] = held[tops[1]]
        if loop:
            left.append(joint)
            notes.append(f"{joint.path} closes a loop and is left out")
        elif len(tops) == 2:
            kept.append(joint)
    groups: dict[str, list[str]] = {}
    for body in bodies:
        groups.setdefault(top(body), []).append(body)
    found = [
        _tree(
            group,
            [j for j in kept if top(j.ends[0]) == name],
            held.get(name),
            [j for j in left if top(j.ends[0] or j.ends[1]) == name],
            roots,
        )
        for name, group in groups.items()
    ]
    return found, notes


def _tree(
    bodies: list[str],
    joints: list[Constraint],
    held: Constraint | None,
    left: list[Constraint],
    roots: frozenset[str],
) -> Tree:
    edges: list[Edge] = []
    anchor = None
    if held is None:
        start = root = _natural_root(bodies, joints, roots)
    else:
        start = held.ends[0] or held.ends[1]
        root = "" if held.freedoms else start
        if held.freedoms:
            edges.append(Edge(held, "", start))
        else:
            anchor = held
    waiting, reached = [start], {start}
    around: dict[str, list[Constraint]] = {body: [] for body in bodies}
    for joint in joints:
        for end in joint.ends:
            around[end].append(joint)
    while waiting:
        body = waiting.pop(0)
        for joint in around[body]:
            other = joint.ends[1] if joint.ends[0] == body else joint.ends[0]
            if other not in reached:
                reached.add(other)
                waiting.append(other)
                edges.append(Edge(joint, body, other))
    parted = tuple((j.ends[0], j.ends[1]) for j in left if all(j.ends))
    return Tree(tuple(bodies), root, anchor, tuple(edges), parted)


def _natural_root(bodies: list[str], joints: list[Constraint], roots: frozenset[str]) -> str:
    """The body that the file says, or the first that hangs on no other."""
    said = [body for body in bodies if body in roots]
    hangs = {joint.ends[1] for joint in joints}
    free = [body for body in bodies if body not in hangs]
    return (said or free or bodies)[0]
