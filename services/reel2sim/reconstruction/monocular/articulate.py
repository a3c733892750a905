"""Joints of a clip's parts at all of its times, and how sure they are."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from reel2sim.reconstruction.monocular.evidence import Evidence
from reel2sim.reconstruction.monocular.parts import ClipPart
from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.scene import Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

_MOST_CONFIDENT = 0.8
"""No joint of one view is surer than this: how deep things are is told by their motion alone."""
_TURN, _WAY, _WAY_WALKING = 0.3, 0.05, 0.1
"""Turn, and way as a share of the distance, from which a joint is well seen to move; and way if the
camera moves too: what stands at another depth than was thought slides a little before it."""
_BESIDE = 0.6
"""How much must be seen of a part, as a share of what is of the one most seen: lost tracks of that
one look like parts of their own."""
_FEW = 12
_EXPLAINED = 0.6
"""Share of what moves that joints must explain if they are to be trusted."""


def articulation_of(
    parts: list[ClipPart],
    evidence: Evidence,
    surfels: Surfels,
    owners: Array,
    times_s: Array,
    *,
    T_world_first: Array,
    whole: bool,
) -> Articulation:
    """Parts and joints of a clip.

    Args:
        parts: found in it.
        evidence: what they were found in.
        surfels: in the world.
        owners: part of each surfel ``(n,)``, 0 for what stands still.
        times_s: of all frames ``(t,)``.
        T_world_first: of the first camera, in whose frame parts are given.
        whole: whether the clip is a single shot.
    """
    trust = _trust(parts, evidence) * (1.0 if whole else 0.4)
    says = [_says(part, evidence) for part in parts]
    joints: list[JointEstimate] = []
    for k, part in enumerate(parts, start=1):
        joint = part.joint
        q = PchipInterpolator(times_s[evidence.frames], joint.states, extrapolate=False)(
            np.clip(times_s, times_s[evidence.frames[0]], times_s[evidence.frames[-1]])
        )
        beside = min(1.0, says[k - 1] / (_BESIDE * max(says)))
        way = _WAY if evidence.camera.still else _WAY_WALKING
        amplitude = joint.span / (_TURN if joint.type.angular else way)
        confidence, observed, reason = _verdict(part, amplitude, trust, beside)
        own = surfels.means[owners == k]
        pivot = apply(T_world_first, joint.pivot[None])[0]
        if not joint.type.angular and len(own):
            pivot = own.mean(axis=0).astype(np.float64)
        joints.append(
            JointEstimate(
                parent=0,
                child=k,
                type=joint.type,
                axis=T_world_first[:3, :3] @ joint.axis,
                pivot=pivot,
                positions=q - q[0],
                confidence=confidence,
                observed=observed,
                reason=reason,
            )
        )
    base = np.tile(np.eye(4), (len(times_s), 1, 1))
    return Articulation(times_s, owners, tuple(joints), base)


def _says(part: ClipPart, evidence: Evidence) -> float:
    """How much is seen of a part's motion."""
    return float(np.minimum(evidence.seen.way, 20.0)[part.members].sum())


def _trust(parts: list[ClipPart], evidence: Evidence) -> float:
    """How far the clip as a whole can be trusted ``0..1``."""
    followed = sum(_says(part, evidence) for part in parts)
    share = followed / max(float(np.minimum(evidence.seen.way, 20.0)[evidence.moving].sum()), 1e-9)
    camera = evidence.camera
    seen = 1.0 if camera.still else 0.9 if camera.solved else 0.3
    return seen * min(1.0, share / _EXPLAINED)


def _verdict(
    part: ClipPart, amplitude: float, trust: float, beside: float
) -> tuple[float, bool, str]:
    factors = (
        1 - np.exp(-(amplitude**2)),
        np.exp(-0.5 * part.error_px),
        1 - np.exp(-len(part.members) / 25),
        1 / (1 + np.exp(-3 * part.explained.margin - 0.5)),
        trust,
        beside,
    )
    confidence = float(_MOST_CONFIDENT * np.prod(factors))
    if amplitude < 0.5 or len(part.members) < _FEW:
        return min(confidence, 0.1), False, "too little motion, or too few points, to be sure"
    if trust < 0.4:
        return confidence, True, "much of what moves follows no joint, or the camera is not known"
    return confidence, True, "one view: depth and size follow from the motion alone"
