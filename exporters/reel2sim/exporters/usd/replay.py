"""The reel's motion as time samples of the bodies."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from pxr import Usd

from reel2sim.exporters.joints import poses_over_time
from reel2sim.exporters.usd.stage import PrimPaths, frame_rate, placement_ops, quatd, vec3d
from reel2sim.scene import RiggedAsset


def author_motion(stage: Usd.Stage, asset: RiggedAsset) -> None:
    """Time samples of every body's pose at the reel's times."""
    paths = PrimPaths.of(asset)
    poses = poses_over_time(asset)
    codes = asset.motion.times_s * frame_rate(asset)
    for i, link in enumerate(asset.links):
        prim = stage.OverridePrim(paths.body(link.name))
        translate, orient = placement_ops(prim)
        for code, T in zip(codes.tolist(), poses[:, i], strict=True):
            translate.Set(vec3d(T[:3, 3]), code)
            orient.Set(quatd(T[:3, :3]), code)
