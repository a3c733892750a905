"""How plausible the later stages find a reel: its joints explain it, its links stay apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import exp
from typing import TYPE_CHECKING

import numpy as np

from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.contacts import held_links
from reel2sim.scene.errors import InputError, StageError
from reel2sim.scene.progress import Progress
from reel2sim.scene.reel import Reel

if TYPE_CHECKING:
    from reel2sim.pipeline import PipelineConfig

RESIDUAL_SCALE = 4.0
"""Joint residual, in square pixels, at which its term falls to 1/e."""
PENETRATION_SCALE = 0.05
"""Depth of two links in each other, over the asset's size, at which its term falls to 1/e."""


@dataclass(frozen=True)
class Plausibility:
    """What a rig says about the reel it was made from.

    Attributes:
        value: 0..1, ``confidence · exp(−residual / 4) · exp(−penetration / 0.05)``; 0 if nothing
            could be rigged. The reward that ranks samples.
        joints: how many were found.
        confidence: mean over the joints; 0 without any.
        residual: mean cost of the joints' fits, square pixels; 0 where the rig tells none.
        penetration: greatest depth of two links that no joint joins in each other, at rest and
            along the reel, over the asset's size.
        fault: why nothing could be rigged, or "".
    """

    value: float
    joints: int = 0
    confidence: float = 0.0
    residual: float = 0.0
    penetration: float = 0.0
    fault: str = ""


Judge = Callable[[Reel, Progress], Plausibility]
"""Says how plausible a reel is; must be deterministic."""


def plausibility(asset: RiggedAsset) -> Plausibility:
    """Judge a rigged asset by itself; see :class:`Plausibility`."""
    confidence = float(np.mean([j.confidence for j in asset.joints])) if asset.joints else 0.0
    residual = float(asset.metrics.get("joint_cost_px2", 0.0))
    depth = penetration(asset)
    value = confidence * exp(-residual / RESIDUAL_SCALE) * exp(-depth / PENETRATION_SCALE)
    return Plausibility(value, len(asset.joints), confidence, residual, depth)


def penetration(asset: RiggedAsset) -> float:
    """As :attr:`Plausibility.penetration`."""
    from reel2sim.rigging.physics.overlap import depths_between, seen_states

    if len(asset.links) < 2:
        return 0.0
    depths = depths_between(asset, seen_states(asset))
    index = asset.link_index
    for a, b in held_links(asset):
        depths[index[a], index[b]] = depths[index[b], index[a]] = 0.0
    size = float(np.linalg.norm(np.ptp(asset.surfels.means, axis=0)))
    return max(0.0, float(depths.max())) / max(size, 1e-9)


def draft_judge(config: PipelineConfig) -> Judge:
    """A judge that reconstructs and rigs a draft of every reel.

    Args:
        config: of the run; its preset is replaced by ``draft``.
    """
    from reel2sim.pipeline.runner import Runner
    from reel2sim.pipeline.toolchain import standard_toolchain

    tools, chosen = standard_toolchain(), replace(config, preset="draft")

    def judge(reel: Reel, progress: Progress) -> Plausibility:
        runner = Runner(chosen, progress)
        try:
            surfels, _ = runner(tools.reconstruction, reel)
            asset, _ = runner(tools.rigging, (reel, surfels))
        except (InputError, StageError) as error:
            return Plausibility(0.0, fault=str(error))
        return plausibility(asset)

    return judge
