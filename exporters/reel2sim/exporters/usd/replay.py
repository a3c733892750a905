"""The reel's motion as time samples of the bodies."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from pxr import Gf, Sdf, Usd

from reel2sim.exporters.joints import poses_over_time
from reel2sim.exporters.usd.stage import PrimPaths, frame_rate, placement_ops
from reel2sim.scene import RiggedAsset
from reel2sim.scene.transforms import quaternion_from_matrix


def author_motion(stage: Usd.Stage, asset: RiggedAsset) -> None:
    """Time samples of every body's pose at the reel's times."""
    paths = PrimPaths.of(asset)
    codes = (asset.motion.times_s * frame_rate(asset)).tolist()
    poses = poses_over_time(asset)
    places = poses[..., :3, 3] + 0.0
    turns = quaternion_from_matrix(poses[..., :3, :3])
    placed = [placement_ops(stage.OverridePrim(paths.body(link.name))) for link in asset.links]
    layer = stage.GetRootLayer()
    # Thousands of samples, straight into the layer: composition need not look at each.
    with Sdf.ChangeBlock():
        for i, (translate, orient) in enumerate(placed):
            moved, turned = translate.GetAttr().GetPath(), orient.GetAttr().GetPath()
            for code, xyz, wxyz in zip(
                codes, places[:, i].tolist(), turns[:, i].tolist(), strict=True
            ):
                layer.SetTimeSample(moved, code, Gf.Vec3d(*xyz))
                layer.SetTimeSample(turned, code, Gf.Quatd(*wxyz))
