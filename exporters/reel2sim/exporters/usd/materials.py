"""Materials: how a surface looks, and how it rubs and bounces."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
from pxr import Sdf, Usd, UsdGeom, UsdPhysics, UsdSemantics, UsdShade

from reel2sim.exporters.color import linear_from_srgb
from reel2sim.exporters.names import free_name, identifier
from reel2sim.exporters.obj import NEUTRAL
from reel2sim.exporters.usd.stage import PrimPaths, vec3f_array
from reel2sim.scene import Material, RiggedAsset


def material_paths(asset: RiggedAsset) -> dict[Material, Sdf.Path]:
    """One prim for each distinct material of the links."""
    scope = PrimPaths.of(asset).materials
    found: dict[Material, Sdf.Path] = {}
    for link in asset.links:
        if link.material not in found:
            taken = [path.name for path in found.values()]
            name = free_name(identifier(link.material.name), taken)
            found[link.material] = scope.AppendChild(name)
    return found


def author_contacts(stage: Usd.Stage, asset: RiggedAsset) -> None:
    """Density, friction and restitution of every material, and its name as a label."""
    UsdGeom.Scope.Define(stage, PrimPaths.of(asset).materials)
    for material, path in material_paths(asset).items():
        prim = UsdShade.Material.Define(stage, path).GetPrim()
        api = UsdPhysics.MaterialAPI.Apply(prim)
        api.CreateDensityAttr(material.density)
        api.CreateStaticFrictionAttr(material.friction)
        api.CreateDynamicFrictionAttr(material.friction)
        api.CreateRestitutionAttr(material.restitution)
        UsdSemantics.LabelsAPI.Apply(prim, "material").CreateLabelsAttr(
            [material.name or "unknown"]
        )


def author_surfaces(stage: Usd.Stage, asset: RiggedAsset) -> None:
    """A preview surface for every material."""
    UsdGeom.Scope.Define(stage, PrimPaths.of(asset).materials)
    for path in material_paths(asset).values():
        _author_surface(stage, path)


def _author_surface(stage: Usd.Stage, path: Sdf.Path) -> None:
    """A preview surface whose diffuse colour is the mesh's own ``displayColor``."""
    material = UsdShade.Material.Define(stage, path)
    reader = UsdShade.Shader.Define(stage, path.AppendChild("VertexColor"))
    reader.CreateIdAttr("UsdPrimvarReader_float3")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("displayColor")
    fallback = vec3f_array(linear_from_srgb(np.array([NEUTRAL])))[0]
    reader.CreateInput("fallback", Sdf.ValueTypeNames.Float3).Set(fallback)
    color = reader.CreateOutput("result", Sdf.ValueTypeNames.Float3)
    surface = UsdShade.Shader.Define(stage, path.AppendChild("Surface"))
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).ConnectToSource(color)
    surface.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(0.7)
    output = surface.CreateOutput("surface", Sdf.ValueTypeNames.Token)
    material.CreateSurfaceOutput().ConnectToSource(output)
