"""The skin as UsdSkel: a mesh that a skeleton bends, beside the bodies.

The skeleton's joints are the links, by name and in the tree of the joints, so that it moves as the
bodies do: ``SkelAnimation`` holds the poses of :mod:`reel2sim.exporters.usd.replay` relative to
their parents. The links' own meshes are then the rigid approximation that collides; they become
guides, because drawing both would show the subject twice.
"""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import numpy as np
from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, UsdSkel, Vt

from reel2sim.exporters.joints import poses_over_time, start_poses
from reel2sim.exporters.names import free_name
from reel2sim.exporters.usd.geometry import VISUAL, author_colors, define_mesh
from reel2sim.exporters.usd.materials import material_paths
from reel2sim.exporters.usd.stage import PrimPaths, frame_rate, quatf, vec3f_array
from reel2sim.scene import RiggedAsset, Skin
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

MESH, SKELETON, ANIMATION = "mesh", "skeleton", "animation"


def skin_path(asset: RiggedAsset) -> Sdf.Path:
    """The ``SkelRoot``; a name that nothing else beside the bodies has."""
    paths = PrimPaths.of(asset)
    taken = [link.name for link in asset.links] + [paths.joints.name, paths.materials.name]
    return paths.root.AppendChild(free_name("Skin", taken))


def joint_tokens(asset: RiggedAsset) -> list[str]:
    """Paths of the links in the tree of joints, in the order of the links."""
    found = {asset.links[0].name: asset.links[0].name}
    for joint in asset.joints:
        found[joint.child] = f"{found[joint.parent]}/{joint.child}"
    return [found[link.name] for link in asset.links]


def author_skin(stage: Usd.Stage, asset: RiggedAsset) -> None:
    """Skinned mesh, skeleton and animation; nothing for an asset without a skin."""
    if asset.skin is None:
        return
    root = UsdSkel.Root.Define(stage, skin_path(asset))
    skeleton = _define_skeleton(stage, asset, root.GetPath())
    mesh = _define_mesh(stage, asset, asset.skin, root.GetPath())
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    _author_influences(binding, asset.skin)
    _author_extent(root, asset)
    paths = PrimPaths.of(asset)
    for link in asset.links:
        if len(link.visual.faces):
            body = paths.body(link.name)
            visual = UsdGeom.Imageable(stage.OverridePrim(body.AppendChild(VISUAL)))
            visual.CreatePurposeAttr(UsdGeom.Tokens.guide)


def _define_skeleton(stage: Usd.Stage, asset: RiggedAsset, above: Sdf.Path) -> UsdSkel.Skeleton:
    skeleton = UsdSkel.Skeleton.Define(stage, above.AppendChild(SKELETON))
    tokens = joint_tokens(asset)
    skeleton.CreateJointsAttr(tokens)
    # Influences are counted from rest, where the surface was when it was bound.
    skeleton.CreateBindTransformsAttr(_matrices(asset.rest_poses))
    start = start_poses(asset)
    skeleton.CreateRestTransformsAttr(_matrices(_local(asset, start[None])[0]))
    animation = UsdSkel.Animation.Define(stage, above.AppendChild(ANIMATION))
    animation.CreateJointsAttr(tokens)
    rate = frame_rate(asset)
    local = _local(asset, poses_over_time(asset))
    moved, turned = animation.CreateTranslationsAttr(), animation.CreateRotationsAttr()
    animation.CreateScalesAttr(Vt.Vec3hArray(len(tokens), Gf.Vec3h(1, 1, 1)))
    for time_s, T in zip(asset.motion.times_s, local, strict=True):
        moved.Set(vec3f_array(T[:, :3, 3]), float(time_s) * rate)
        turned.Set(Vt.QuatfArray([quatf(R) for R in T[:, :3, :3]]), float(time_s) * rate)
    binding = UsdSkel.BindingAPI.Apply(skeleton.GetPrim())
    binding.CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    return skeleton


def _define_mesh(stage: Usd.Stage, asset: RiggedAsset, skin: Skin, above: Sdf.Path) -> UsdGeom.Mesh:
    mesh = define_mesh(stage, above.AppendChild(MESH), skin.mesh)
    author_colors(mesh, skin.mesh)
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim())
    # The material is in the layer of the bodies' meshes, so it is named and not looked up.
    bound = mesh.GetPrim().CreateRelationship(UsdShade.Tokens.materialBinding, False)
    bound.SetTargets([material_paths(asset)[asset.links[0].material]])
    return mesh


def _author_influences(binding: UsdSkel.BindingAPI, skin: Skin) -> None:
    """Four joints and weights a vertex, bound where the mesh is at time zero in the world."""
    width = skin.vertices.links.shape[1]
    links = np.ascontiguousarray(skin.vertices.links.ravel(), dtype=np.int32)
    weights = np.ascontiguousarray(skin.vertices.weights.ravel(), dtype=np.float32)
    binding.CreateJointIndicesPrimvar(False, width).Set(Vt.IntArray.FromNumpy(links))
    binding.CreateJointWeightsPrimvar(False, width).Set(Vt.FloatArray.FromNumpy(weights))
    binding.CreateGeomBindTransformAttr(Gf.Matrix4d(1.0))


def _local(asset: RiggedAsset, T_world_link: Array) -> Array:
    """Poses ``(t, l, 4, 4)`` against the parent link's; the root's as they are."""
    index = asset.link_index
    local = T_world_link.copy()
    for i, joint in enumerate(asset.joints, start=1):
        local[:, i] = invert(T_world_link[:, index[joint.parent]]) @ T_world_link[:, i]
    return local


def _author_extent(root: UsdSkel.Root, asset: RiggedAsset) -> None:
    """The extent at every time as OpenUSD computes it: validators compute it too and compare.

    It is the joints' bounds, padded by how far the surface is from them at rest.
    """
    extent = root.CreateExtentAttr()
    codes = [float(t) * frame_rate(asset) for t in asset.motion.times_s]
    for code in (Usd.TimeCode.Default(), *map(Usd.TimeCode, codes)):
        extent.Set(UsdGeom.Boundable.ComputeExtentFromPlugins(root, code), code)


def _matrices(T: Array) -> Vt.Matrix4dArray:
    """USD multiplies row vectors from the left."""
    return Vt.Matrix4dArray([Gf.Matrix4d(*map(float, M.T.ravel())) for M in T])
