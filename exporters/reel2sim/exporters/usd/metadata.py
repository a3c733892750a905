"""What asset libraries ask to know of a stage."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import datetime
import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
from pxr import Gf, Usd

from reel2sim.exporters.joints import start_poses
from reel2sim.scene import RiggedAsset
from reel2sim.scene.transforms import apply

LABEL = "Q223557"
"""Wikidata's entry for a physical object: what holds of any subject without recognising it."""


def author_metadata(
    stage: Usd.Stage, name: str, assets: Sequence[RiggedAsset], *, source: str
) -> None:
    """Write ``SimReady_Metadata`` on all ``assets`` into the root layer's custom data.

    The date is that of ``SOURCE_DATE_EPOCH`` if set, else the epoch of zip files: a clock would
    make the same input give different bytes.
    """
    points = [
        apply(T, link.visual.vertices)
        for asset in assets
        for T, link in zip(start_poses(asset), asset.links, strict=True)
        if len(link.visual.vertices)
    ]
    size = np.ptp(np.concatenate(points), axis=0) if points else np.zeros(3)
    record: dict[str, Any] = {
        "author": "Reel2Sim",
        "asset_name": name,
        "asset_type": "prop",
        "asset_license": "unspecified",
        "category": "articulated object",
        "source_file": PurePath(source).name or name,
        "usd_date_generated": _date(),
        "qcode": LABEL,
        "rigid_body_count": sum(len(asset.links) for asset in assets),
        "asset_extents": Gf.Vec3f(*(float(s) for s in size)),
        "mass": float(sum(link.inertial.mass for asset in assets for link in asset.links)),
    }
    layer = stage.GetRootLayer()
    layer.customLayerData = {**layer.customLayerData, "SimReady_Metadata": record}


def _date() -> str:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch.isdigit():
        return "1980-01-01"
    return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).date().isoformat()
