"""The rigging stage: from a reel and its dynamic surfels to a rigged asset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.confidence import judge
from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.estimate import Estimate, estimate
from reel2sim.rigging.footage import Normalisation, prepare
from reel2sim.rigging.posed import SurfelModel
from reel2sim.rigging.structure import breadth_first
from reel2sim.scene import JointType, Progress, Reel, SurfelSequence, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import RiggingError

if TYPE_CHECKING:
    from reel2sim.scene import RiggedAsset


@dataclass(frozen=True, eq=False)
class Articulated:
    """Result of joint estimation.

    Attributes:
        articulation: parts and joints, world units.
        metrics: figures of the fit.
        notes: limits of the result, for people.
    """

    articulation: Articulation
    metrics: dict[str, float]
    notes: tuple[str, ...]


def rig(
    reel: Reel,
    sequence: SurfelSequence,
    *,
    config: RiggingConfig,
    name: str = "asset",
    progress: Progress = silent,
) -> RiggedAsset:
    """Find parts and joints and give every part a body.

    Args:
        reel: calibrated and masked.
        sequence: its dynamic surfels.
        config: settings.
        name: file-safe name of the asset.
        progress: reports under ``"rigging"``.

    Raises:
        RiggingError: if the reel lacks cameras or masks, or no stream shows motion.
    """
    from reel2sim.rigging.physics import embody
    from reel2sim.scene.progress import subrange

    found = articulate(reel, sequence, config=config, progress=subrange(progress, 0.0, 0.6))
    return embody(
        found.articulation,
        sequence.canonical,
        config=config.physics,
        name=name,
        notes=found.notes,
        metrics=found.metrics,
        progress=subrange(progress, 0.6, 1.0),
    )


def articulate(
    reel: Reel,
    sequence: SurfelSequence,
    *,
    config: RiggingConfig,
    progress: Progress = silent,
) -> Articulated:
    """Find parts, joints and positions, without giving the parts bodies.

    Raises:
        RiggingError: if the reel lacks cameras or masks, or no stream shows motion.
    """
    if not reel.calibrated or not reel.masked:
        raise RiggingError(
            "rigging needs a camera and a mask for every frame",
            source=reel.source,
            remedy="reconstruct the clip first, which estimates both",
        )
    norm = Normalisation.of(sequence.canonical)
    footage = prepare(reel, norm, max_times=config.max_times)
    model = SurfelModel.of(norm.surfels(sequence.canonical))
    state = _in_order(estimate(footage, model, config, progress=progress))
    diagonal = model.surfels.diagonal
    joints = tuple(
        _joint(state, part, norm, footage.times_s, reel.times_s, diagonal, config)
        for part in range(1, len(state.parts))
    )
    base = np.tile(np.eye(4), (len(reel.times_s), 1, 1))
    articulation = Articulation(reel.times_s, state.labels, joints, base)
    costs = [part.cost for part in state.parts[1:]]
    metrics = {
        "tracks": float(state.tracks),
        "moving_parts": float(len(joints)),
        "joint_cost_px2": float(np.mean(costs)) if costs else 0.0,
    }
    return Articulated(articulation, metrics, _notes(joints, state.tracks))


def _in_order(state: Estimate) -> Estimate:
    """The same parts numbered root first, parents before children."""
    parents = {k: part.parent for k, part in enumerate(state.parts) if k}
    order = [0, *breadth_first(parents)]
    new = {old: i for i, old in enumerate(order)}
    parts = [state.parts[k] for k in order]
    parts = [replace(p, parent=new.get(p.parent, -1)) for p in parts]
    labels = np.array([new[k] for k in range(len(order))])[state.labels]
    return replace(
        state,
        parts=parts,
        labels=labels,
        choices={new[k]: choice for k, choice in state.choices.items()},
    )


def _joint(
    state: Estimate,
    part: int,
    norm: Normalisation,
    sampled_s: Array,
    times_s: Array,
    diagonal: float,
    config: RiggingConfig,
) -> JointEstimate:
    motion = state.parts[part]
    model = motion.joint
    if model is None:
        raise RiggingError(f"part {part} was left without a joint")
    verdict = judge(state.choices.get(part), model, diagonal=diagonal, config=config)
    unit = norm.radius if model.type is JointType.PRISMATIC else 1.0
    positions = (model.positions - model.positions[0]) * unit
    if len(times_s) != len(sampled_s):
        positions = PchipInterpolator(sampled_s, positions)(times_s)
    return JointEstimate(
        parent=motion.parent,
        child=part,
        type=model.type,
        axis=model.axis,
        pivot=norm.points_back(model.pivot),
        positions=positions - positions[0],
        confidence=verdict.confidence,
        observed=verdict.observed,
        reason=verdict.reason,
    )


def _notes(joints: tuple[JointEstimate, ...], tracks: int) -> tuple[str, ...]:
    notes: list[str] = []
    if not joints:
        notes.append("No part was seen to move against another: the result is one rigid body.")
    if tracks < 50:
        notes.append("Few points could be tracked: the surface has little texture.")
    return tuple(notes)
