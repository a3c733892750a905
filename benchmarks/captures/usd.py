"""Animated USD files as bodies: UsdSkel skins and moved transforms, baked for any time."""

# The USD bindings ship no type information.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from captures.body import SHARP, Body
from captures.texture import Skin
from PIL import Image
from pxr import Ar, Gf, Usd, UsdGeom, UsdShade, UsdSkel, Vt

from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError

_Z_FROM_Y = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class _Part:
    """A mesh of the stage: its triangles on merged vertices, and what moves it."""

    stage: Usd.Stage  # prims do not keep theirs alive
    prim: Usd.Prim
    faces: Array
    corners: Array | None
    kept: Array
    skeleton: UsdSkel.SkeletonQuery | None
    skinning: UsdSkel.SkinningQuery | None


def load_usd(path: Path) -> Body:
    """Read all meshes of a stage; its whole range of time codes becomes the motion.

    The result is Z up and in metres, whatever the stage is.

    Raises:
        InputError: if the file cannot be opened, shows no mesh or holds no animation.
    """
    stage = Usd.Stage.Open(str(path))
    if not stage:
        raise InputError("cannot be opened as USD", source=path)
    start, stop = stage.GetStartTimeCode(), stage.GetEndTimeCode()
    if stop <= start:
        raise InputError("has no range of time codes to play", source=path)
    cache = UsdSkel.Cache()
    parts = [_part(prim, cache) for prim in _meshes(stage, cache)]
    if not parts:
        raise InputError("has no meshes", source=path)
    axes = _Z_FROM_Y if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.y else np.eye(3)
    to_metres = UsdGeom.GetStageMetersPerUnit(stage) * axes

    def vertices_at(share: float) -> Array:
        time = Usd.TimeCode(start + share * (stop - start))
        return np.concatenate([_points(part, time)[part.kept] for part in parts]) @ to_metres.T

    starts = np.cumsum([0, *(len(part.kept) for part in parts)])
    faces = [part.faces + offset for part, offset in zip(parts, starts[:-1], strict=True)]
    skins = [_skin(part) for part in parts]
    skinned = any(part.skinning is not None for part in parts)
    return Body(
        name=path.stem,
        faces=np.concatenate(faces),
        face_parts=np.repeat(np.arange(len(parts)), [len(part.faces) for part in parts]),
        parts=tuple(part.prim.GetName() for part in parts),
        vertices_at=vertices_at,
        # A painted skin draws its own edges; it is smooth between them.
        sharp=np.pi if skinned and skins[0] is not None else SHARP,
        skin=skins[0] if len(parts) == 1 else None,
    )


def _meshes(stage: Usd.Stage, cache: UsdSkel.Cache) -> list[Usd.Prim]:
    for prim in stage.Traverse():
        if prim.IsA(UsdSkel.Root):
            cache.Populate(UsdSkel.Root(prim), Usd.PrimDefaultPredicate)
    return [prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh)]


def _part(prim: Usd.Prim, cache: UsdSkel.Cache) -> _Part:
    mesh = UsdGeom.Mesh(prim)
    counts = np.array(mesh.GetFaceVertexCountsAttr().Get())
    if (counts != 3).any():
        raise InputError("has faces that are not triangles", source=str(prim.GetPath()))
    corners = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
    points = np.array(mesh.GetPointsAttr().Get(), dtype=np.float64)
    # Files split vertices where texture or normals jump; the surface is one there all the same.
    size = max(float(np.ptp(points, axis=0).max()), 1e-12)
    _, kept, merged = np.unique(
        np.rint(points / size * 1e6), axis=0, return_index=True, return_inverse=True
    )
    faces = merged.reshape(-1)[corners]
    whole = (
        (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    )
    api = UsdSkel.BindingAPI(prim)
    skeleton = api.GetInheritedSkeleton()
    skinning = cache.GetSkinningQuery(prim) if skeleton else None
    return _Part(
        stage=prim.GetStage(),
        prim=prim,
        faces=faces[whole],
        corners=corners[whole],
        kept=kept,
        skeleton=cache.GetSkelQuery(skeleton) if skinning else None,
        skinning=skinning if skinning else None,
    )


def _points(part: _Part, time: Usd.TimeCode) -> Array:
    """All vertices of the file ``(v, 3)`` in its world at ``time``."""
    xforms = UsdGeom.XformCache(time)
    points = UsdGeom.Mesh(part.prim).GetPointsAttr().Get(time)
    if part.skinning is None or part.skeleton is None:
        matrix = xforms.GetLocalToWorldTransform(part.prim)
        return _apply(np.array(points, dtype=np.float64), matrix)
    moved = part.skeleton.ComputeSkinningTransforms(time)
    skinned = Vt.Vec3fArray([Gf.Vec3f(p) for p in points])
    if not part.skinning.ComputeSkinnedPoints(moved, skinned, time):
        raise InputError("cannot be skinned", source=str(part.prim.GetPath()))
    # Skinned points are in the skeleton's space; the mesh's own transform no longer counts.
    matrix = xforms.GetLocalToWorldTransform(part.skeleton.GetPrim())
    return _apply(np.array(skinned, dtype=np.float64), matrix)


def _apply(points: Array, matrix: Gf.Matrix4d) -> Array:
    M = np.array(matrix)  # row vectors, as USD multiplies them
    return points @ M[:3, :3] + M[3, :3]


def _skin(part: _Part) -> Skin | None:
    """The diffuse picture of the mesh's material, if it has one and coordinates to wrap it."""
    material, _ = UsdShade.MaterialBindingAPI(part.prim).ComputeBoundMaterial()
    st = UsdGeom.PrimvarsAPI(part.prim).GetPrimvar("st")
    if not material or not st or not st.HasValue() or st.GetInterpolation() != "vertex":
        return None
    for prim in Usd.PrimRange(material.GetPrim()):
        shader = UsdShade.Shader(prim)
        if shader and shader.GetIdAttr().Get() == "UsdUVTexture":
            resolved = shader.GetInput("file").Get().resolvedPath
            asset = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(resolved))
            image = Image.open(io.BytesIO(bytes(asset.GetBuffer()))).convert("RGB")
            uv = np.array(st.ComputeFlattened(), dtype=np.float64)
            return Skin(np.asarray(image, dtype=np.float64) / 255, uv[part.corners])
    return None
