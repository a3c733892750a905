"""The page of a scene."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.joints import start_poses
from reel2sim.exporters.manifest import scene_manifest
from reel2sim.exporters.media import Provenance
from reel2sim.exporters.report.doubts import grade, in_words, percent
from reel2sim.exporters.report.environment import write_page
from reel2sim.exporters.report.pictures import thumbnail_uri
from reel2sim.scene import JointType, RiggedAsset, Scene
from reel2sim.scene.transforms import apply


def write_scene_report(
    scene: Scene, path: Path, *, provenance: Provenance, folders: Mapping[str, str]
) -> None:
    """Write the report of a scene, one file without outside references, to ``path``.

    Args:
        scene: the scene.
        path: file to write.
        provenance: where it came from.
        folders: folder of each asset's bundle, whose report is linked to, relative to the file.
    """
    assets, edited = scene.assets, provenance.edited
    values = {
        "name": scene.name,
        "manifest": scene_manifest(scene, provenance),
        "headline": f"{len(assets)} asset{'' if len(assets) == 1 else 's'}",
        "thumbnail": thumbnail_uri(*assets),
        "rows": [_row(asset, folders[asset.name]) for asset in assets],
        "world": _world(scene),
        "edits": [] if edited is None else [json.dumps(dict(edit)) for edit in edited.edits],
        "stages": [(stage.name, stage.version) for stage in provenance.stages],
    }
    write_page("scene.html.j2", path, values)


def _row(asset: RiggedAsset, folder: str) -> dict[str, Any]:
    moving = [joint for joint in asset.joints if joint.type is not JointType.FIXED]
    least = min(moving, key=lambda joint: (joint.observed, joint.confidence), default=None)
    return {
        "name": asset.name,
        "folder": folder,
        "thumbnail": thumbnail_uri(asset),
        "links": len(asset.links),
        "joints": len(moving),
        "least": least
        and {
            "name": least.name,
            "words": in_words(least.confidence, observed=least.observed),
            "percent": percent(least.confidence),
            "grade": grade(least.confidence, observed=least.observed),
        },
        "mass": f"{sum(link.inertial.mass for link in asset.links):,.4g}",
        "base": "fixed" if asset.fixed_base else "free",
        "foot": _foot(asset),
    }


def _foot(asset: RiggedAsset) -> str:
    corners = [
        apply(T, link.visual.vertices)
        for T, link in zip(start_poses(asset), asset.links, strict=True)
        if len(link.visual.vertices)
    ]
    if not corners:
        return "–"
    low, high = (f(np.concatenate(corners), axis=0) for f in (np.min, np.max))
    middle = (*((low + high) / 2)[:2], low[2])
    return ", ".join(f"{v:.3f}" for v in np.round(middle, 3) + 0.0)


def _world(scene: Scene) -> list[tuple[str, str]]:
    gravity = ", ".join(f"{v:g}" for v in scene.gravity)
    surfels = 0 if scene.background is None else len(scene.background)
    return [
        ("gravity", f"{gravity} m/s²"),
        ("ground", "none" if scene.ground_z is None else f"at {scene.ground_z:g} m"),
        ("lights", ", ".join(light.name for light in scene.lights) or "none"),
        ("cameras", ", ".join(scene.cameras) or "none"),
        ("background", f"{surfels:,} surfels" if surfels else "none"),
    ]
