"""Surfels of each link as a particle field that renderers splat."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math

import numpy as np
from pxr import Sdf, Usd, UsdGeom, UsdVol, Vt

from reel2sim.exporters.splat import FLAT_SCALE_M
from reel2sim.exporters.usd.geometry import VISUAL
from reel2sim.exporters.usd.skin import skin_path
from reel2sim.exporters.usd.stage import PrimPaths, vec3f_array, write_extent
from reel2sim.scene import RiggedAsset, Surfels
from reel2sim.scene.arrays import Array

SPLATS = "splats"


def author_splats(stage: Usd.Stage, asset: RiggedAsset) -> None:
    """Each link's surfels in its own frame; its mesh is hidden, and the skin.

    Splats cannot be skinned in USD: they move rigidly with their link.
    """
    paths = PrimPaths.of(asset)
    if asset.skin is not None:
        skin = UsdGeom.Imageable(stage.OverridePrim(skin_path(asset)))
        skin.CreateVisibilityAttr(UsdGeom.Tokens.invisible)
    origins = asset.rest_poses[:, :3, 3]
    order = np.argsort(asset.surfel_links, kind="stable")
    starts = np.searchsorted(asset.surfel_links[order], np.arange(len(asset.links) + 1))
    for i, link in enumerate(asset.links):
        body = paths.body(link.name)
        if len(link.visual.faces):
            visual = UsdGeom.Imageable(stage.OverridePrim(body.AppendChild(VISUAL)))
            visual.CreateVisibilityAttr(UsdGeom.Tokens.invisible)
        own = order[starts[i] : starts[i + 1]]
        if len(own):
            field = body.AppendChild(SPLATS)
            author_field(stage, field, asset.surfels.select(own), -origins[i])


def author_field(stage: Usd.Stage, path: Sdf.Path, surfels: Surfels, shift: Array) -> None:
    """Gaussians flat along their normal: scales are linear, opacities 0..1, rotation real first."""
    field = UsdVol.ParticleField3DGaussianSplat.Define(stage, path)
    prim = field.GetPrim()
    points = surfels.means + shift
    flat = np.full((len(surfels), 1), FLAT_SCALE_M)
    scales = np.hstack([surfels.scales, flat])
    field.CreatePositionsAttr(vec3f_array(points))
    # Real first in memory here, imaginary first in a Vt array made from numpy.
    xyzw = np.ascontiguousarray(np.roll(surfels.rotations, -1, axis=1), dtype=np.float32)
    field.CreateOrientationsAttr(Vt.QuatfArray.FromNumpy(xyzw))
    field.CreateScalesAttr(vec3f_array(scales))
    opacities = np.ascontiguousarray(np.clip(surfels.opacities, 0.0, 1.0), dtype=np.float32)
    field.CreateOpacitiesAttr(Vt.FloatArray.FromNumpy(opacities))
    size = surfels.sh.shape[1]
    field.CreateRadianceSphericalHarmonicsDegreeAttr(math.isqrt(size) - 1)
    sh = field.CreateRadianceSphericalHarmonicsCoefficientsAttr(
        vec3f_array(surfels.sh.reshape(-1, 3))
    )
    sh.SetMetadata("interpolation", UsdGeom.Tokens.vertex)
    sh.SetMetadata("elementSize", size)
    reach = 3.0 * surfels.scales.max(axis=1, keepdims=True)
    bounds = np.vstack([points - reach, points + reach])
    UsdGeom.Boundable(prim).CreateExtentAttr(write_extent(bounds))
