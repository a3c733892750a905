"""Bodies that a stage keeps from colliding."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from pxr import Usd, UsdPhysics

from reel2sim.importers.usd.frames import Frames
from reel2sim.importers.usd.shapes import Shape, carrier


def filtered_pairs(
    frames: Frames, bodies: Mapping[str, Any], shapes: Mapping[str, Sequence[Shape]]
) -> set[frozenset[str]]:
    """Pairs of paths of bodies none of whose colliders may touch."""
    stage = frames.stage
    found: set[frozenset[str]] = set()
    for prim in Usd.PrimRange.Stage(stage, Usd.TraverseInstanceProxies()):
        if prim.HasAPI(UsdPhysics.FilteredPairsAPI):
            targets = UsdPhysics.FilteredPairsAPI(prim).GetFilteredPairsRel().GetForwardedTargets()
            for target in targets:
                other = stage.GetPrimAtPath(target)
                if not other:
                    continue
                mine, theirs = _meant(prim, bodies), _meant(other, bodies)
                found |= {frozenset((a, b)) for a in mine for b in theirs if a != b}
    return found | _by_groups(stage, bodies, shapes)


def _meant(prim: Any, bodies: Mapping[str, Any]) -> list[str]:
    """The body that ``prim`` is or is a part of; else all below it."""
    body = carrier(prim, bodies)
    if body:
        return [body]
    above = prim.GetPath()
    return [path for path, other in bodies.items() if other.GetPath().HasPrefix(above)]


def _by_groups(
    stage: Usd.Stage, bodies: Mapping[str, Any], shapes: Mapping[str, Sequence[Shape]]
) -> set[frozenset[str]]:
    """Pairs all of whose colliders are in groups that do not collide."""
    groups = [
        UsdPhysics.CollisionGroup(prim)
        for prim in stage.Traverse()
        if prim.IsA(UsdPhysics.CollisionGroup)
    ]
    if not groups:
        return set()
    table = UsdPhysics.CollisionGroup.ComputeCollisionGroupTable(stage)
    queries = [
        (group.GetPrim().GetPath(), group.GetCollidersCollectionAPI().ComputeMembershipQuery())
        for group in groups
    ]
    solid = {
        path: [s.prim.GetPath() for s in shapes.get(path, ()) if s.solid is not None]
        for path in bodies
    }
    member = {
        collider: [name for name, query in queries if query.IsPathIncluded(collider)]
        for colliders in solid.values()
        for collider in colliders
    }

    def apart(first: Any, second: Any) -> bool:
        return any(
            not table.IsCollisionEnabled(a, b) for a in member[first] for b in member[second]
        )

    return {
        frozenset((a, b))
        for a, b in combinations([path for path in bodies if solid[path]], 2)
        if all(apart(x, y) for x in solid[a] for y in solid[b])
    }
