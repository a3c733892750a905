"""The skin of a stage as UsdSkel understands it."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdSkel, Vt

from reel2sim.exporters.check.looks.skins import SkinReading
from reel2sim.scene.arrays import Array


def read_skin(stage: Usd.Stage, where: str) -> SkinReading | None:
    """The first mesh that a skeleton carries; None without one.

    Raises:
        ValueError: if a mesh is bound to a skeleton but UsdSkel finds no influences.
    """
    cache = UsdSkel.Cache()
    for prim in stage.Traverse():
        if not prim.IsA(UsdSkel.Root):
            continue
        root = UsdSkel.Root(prim)
        cache.Populate(root, Usd.PrimDefaultPredicate)
        for binding in cache.ComputeSkelBindings(root, Usd.PrimDefaultPredicate):
            skeleton = cache.GetSkelQuery(binding.GetSkeleton())
            for query in binding.GetSkinningTargets():
                if query.GetPrim().IsA(UsdGeom.Mesh):
                    return _reading(stage, where, cache, skeleton, query)
    return None


def _reading(stage: Usd.Stage, where: str, cache: Any, skeleton: Any, query: Any) -> SkinReading:
    joints = tuple(str(path).rsplit("/", 1)[-1] for path in skeleton.GetJointOrder())
    width = query.GetNumInfluencesPerComponent()
    found = query.ComputeJointInfluences()
    if found is None or not width:
        raise ValueError(f"{query.GetPrim().GetPath()} has no influences")
    indices, weights = (np.array(values).reshape(-1, width) for values in found)
    bind = np.array(query.GetGeomBindTransform())
    points = np.array(UsdGeom.Mesh(query.GetPrim()).GetPointsAttr().Get(), dtype=np.float64)
    return SkinReading(
        where,
        joints,
        points @ bind[:3, :3] + bind[3, :3],
        indices.astype(np.int64),
        weights.astype(np.float64),
        _Player(stage, cache, skeleton, query, points).ways,
    )


@dataclass(frozen=True, eq=False)
class _Player:
    """Poses the mesh; it holds the stage and the cache, whose end would end the queries."""

    stage: Usd.Stage
    cache: Any
    skeleton: Any
    query: Any
    points: Array

    def ways(self, times_s: Array) -> Array:
        """Vertices ``(t, v, 3)`` in the world at times of the stage's clock."""
        rate = self.stage.GetTimeCodesPerSecond()
        return np.stack([self._at(Usd.TimeCode(float(t) * rate)) for t in times_s])

    def _at(self, time: Usd.TimeCode) -> Array:
        xforms = self.skeleton.ComputeSkinningTransforms(time)
        moved = Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(self.points, dtype=np.float32))
        if not self.query.ComputeSkinnedPoints(xforms, moved, time):
            raise ValueError("UsdSkel cannot skin the mesh")
        T = np.array(UsdGeom.XformCache(time).GetLocalToWorldTransform(self.skeleton.GetPrim()))
        return np.array(moved, dtype=np.float64) @ T[:3, :3] + T[3, :3]
