"""The rigging stage: from a reel and its dynamic surfels to a rigged asset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation, Slerp

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.estimate import Estimate, estimate
from reel2sim.rigging.parts.bodies import bodies_of
from reel2sim.rigging.pictures.drawings import Drawings
from reel2sim.rigging.pictures.footage import Normalisation, prepare
from reel2sim.rigging.pictures.posed import SurfelModel
from reel2sim.rigging.review.confidence import judge, shared_bends
from reel2sim.rigging.skeleton import articulation_of, bending
from reel2sim.scene import JointType, Progress, Reel, SurfelSequence, silent
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.errors import RiggingError
from reel2sim.scene.transforms import pose

if TYPE_CHECKING:
    from reel2sim.scene import RiggedAsset


@dataclass(frozen=True, eq=False)
class Articulated:
    """Result of joint estimation.

    Attributes:
        articulation: parts and joints, world units.
        metrics: figures of the fit.
        notes: limits of the result, for people.
        weights: of the parts for each surfel ``(n, p)``, for a subject that bends; else None.
    """

    articulation: Articulation
    metrics: dict[str, float]
    notes: tuple[str, ...]
    weights: Array | None = None


def rig(
    reel: Reel,
    sequence: SurfelSequence,
    *,
    config: RiggingConfig,
    name: str = "asset",
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> RiggedAsset:
    """Find parts and joints and give every part a body; a subject that bends gets a skin, too.

    Args:
        reel: calibrated and masked.
        sequence: its dynamic surfels.
        config: settings.
        name: file-safe name of the asset.
        checkpoints: where finished steps are kept; a run that was killed goes on from there when
            it is called with the same ones, for the same input and configuration, and gives the
            same bits.
        progress: reports under ``"rigging"``.

    Raises:
        RiggingError: if the reel lacks cameras or masks, or no stream shows motion.
    """
    from reel2sim.rigging.couplings.coupled import coupled
    from reel2sim.rigging.physics import embody
    from reel2sim.rigging.skeleton import covered
    from reel2sim.scene.progress import subrange

    found = checkpoints.step(
        "articulation",
        lambda: articulate(
            reel, sequence, config=config, checkpoints=checkpoints.within("articulation"),
            progress=subrange(progress, 0.0, 0.6),
        ),
    )  # fmt: skip
    asset = embody(
        found.articulation,
        sequence.canonical,
        config=config.physics,
        name=name,
        notes=found.notes,
        metrics=found.metrics,
        checkpoints=checkpoints.within("bodies"),
        progress=subrange(progress, 0.6, 1.0),
    )
    if found.weights is None:
        return coupled(asset, found.articulation)
    labels = found.articulation.part_of_surfel
    return covered(asset, found.weights, labels, config=config.physics)


def articulate(
    reel: Reel,
    sequence: SurfelSequence,
    *,
    config: RiggingConfig,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
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
    footage = prepare(reel, norm, max_times=config.max_times, max_streams=config.max_streams)
    model = SurfelModel(norm.surfels(sequence.canonical))
    bodies = bodies_of(sequence, footage.times_s - reel.times_s[0], norm)
    drawings = Drawings.of(reel, sequence.canonical, footage.times_s, norm)
    state = estimate(
        footage, model, bodies, drawings, config, checkpoints=checkpoints, progress=progress
    )
    bent = checkpoints.step(
        "bending",
        lambda: bending(
            sequence,
            reel.times_s - reel.times_s[0],
            drawings=drawings,
            drawn=np.searchsorted(reel.times_s, footage.times_s),
            norm=norm,
            labels=state.labels,
            motions=state.linkage.motions,
            seed=config.seed,
        ),
    )
    if bent.soft:
        skeletal = articulation_of(bent.built, reel.times_s)
        weights = bent.built.skeleton.weights
        return Articulated(skeletal, bent.metrics, bent.notes, weights)
    order = (0, *state.linkage.order)
    diagonal = model.surfels.diagonal
    joints = tuple(
        _joint(state, part, order, norm, footage.times_s, reel.times_s, diagonal, config)
        for part in order[1:]
    )
    labels = np.argsort(order)[state.labels]
    base = _at(norm.motion_back(state.linkage.base), footage.times_s, reel.times_s)
    articulation = Articulation(reel.times_s, labels, joints, base)
    metrics = {
        "bodies": float(len(bodies.paths)),
        "moving_parts": float(len(joints)),
        "joint_cost_px2": float(np.mean(state.costs)) if len(joints) else 0.0,
        **bent.metrics,
    }
    return Articulated(articulation, metrics, _notes(joints, base, state.bends))


def _at(T: Array, sampled_s: Array, times_s: Array) -> Array:
    """Poses ``(t, 4, 4)`` at other times, by interpolation."""
    if len(times_s) == len(sampled_s):
        return T
    turns = Slerp(sampled_s, Rotation.from_matrix(T[:, :3, :3]))(times_s)
    return pose(turns.as_matrix(), PchipInterpolator(sampled_s, T[:, :3, 3])(times_s))


def _joint(
    state: Estimate,
    part: int,
    order: tuple[int, ...],
    norm: Normalisation,
    sampled_s: Array,
    times_s: Array,
    diagonal: float,
    config: RiggingConfig,
) -> JointEstimate:
    """The joint of one part in metres, parts numbered by their place in ``order``."""
    model = state.linkage.joints[part - 1]
    verdict = judge(
        state.type_costs.get(part),
        model,
        axis_sigma_rad=float(state.axis_sigmas[part - 1]),
        support=float(state.supports[part - 1]),
        bend=float(shared_bends(state.bends)[part - 1]),
        cost=float(state.usual_costs[part - 1]),
        share=float((state.labels == part).mean()),
        diagonal=diagonal,
        config=config,
    )
    positions = (model.positions - model.positions[0]) * _units(model.type, norm.radius)
    if len(times_s) != len(sampled_s):
        positions = PchipInterpolator(sampled_s, positions)(times_s)
    return JointEstimate(
        parent=order.index(state.linkage.parents[part - 1]),
        child=order.index(part),
        type=model.type,
        axis=model.axis,
        pivot=norm.points_back(model.pivot),
        positions=positions - positions[0],
        pitch=model.pitch * norm.radius,
        confidence=verdict.certainty.confidence,
        certainty=verdict.certainty,
        observed=verdict.observed,
        reason=verdict.reason,
    )


def _units(type: JointType, radius: float) -> Array | float:
    """What one unit of each coordinate of a normalised joint is, metres or radians."""
    if type is JointType.FREE:
        return np.array([1.0, 1.0, 1.0, radius, radius, radius])
    return radius if type is JointType.PRISMATIC else 1.0


def _notes(joints: tuple[JointEstimate, ...], base: Array, bends: Array) -> tuple[str, ...]:
    moved = float(np.abs(base - base[0]).max()) > 0
    if joints:
        said = ["The root part moves: the base floats free."] if moved else []
        if bends.mean() > 0:
            said.append(
                "The parts seem to bend into each other rather than move at joints: the rig is a "
                "rigid approximation of something soft."
            )
        return tuple(said)
    carried = ", which moves as a whole" if moved else ""
    return (f"No part was seen to move against another: the result is one rigid body{carried}.",)
