"""A skeleton of a reconstruction, and the parts and ball joints that stand for it in physics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.joints.model import rotation_vectors
from reel2sim.rigging.skeleton.bones import Bones, bones_of
from reel2sim.rigging.skeleton.fit import Skeleton, fitted, hung
from reel2sim.rigging.skeleton.symmetry import mirrored
from reel2sim.rigging.skeleton.tracks import Tracks, tracks_of
from reel2sim.rigging.skeleton.tree import Tree, spanning_tree
from reel2sim.scene import JointType, SurfelSequence
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert

_LITTLE = 0.17
"""Turn in radians under which a ball joint's centre is hardly known."""


@dataclass(frozen=True, eq=False)
class Built:
    """A skeleton and what is known of it.

    Attributes:
        skeleton: fitted to the surface's motion.
        turns: of each bone against its parent, mean over all instants ``(b,)``, radians; 0 for the
            root.
        apart: by how much each joint came apart when its bones moved freely, as a share of how
            far the child moved against its parent ``(b,)``; 0 for the root.
        alike: joints that were placed by symmetry.
        error: mean distance of the skin from the reconstruction, in diagonals.
        left: the same as a share of how far the surface moved; 1 is what doing nothing gets.
    """

    skeleton: Skeleton
    turns: Array
    apart: Array
    alike: int
    error: float
    left: float

    @property
    def seam(self) -> float:
        """Length of the seams in thicknesses: the median, each weighing as much as it turns."""
        lengths = np.array([seam.length for seam in self.skeleton.seams])[1:]
        if not len(lengths) or self.turns.sum() <= 1e-9:
            return 0.0
        order = np.argsort(lengths)
        share = np.cumsum(self.turns[1:][order]) / self.turns.sum()
        return float(lengths[order][np.searchsorted(share, 0.5)])


def build_skeleton(sequence: SurfelSequence, times_s: Array, *, seed: int = 0) -> Built:
    """Find bones, hang them on each other and fit their joints.

    Args:
        sequence: dynamic surfels.
        times_s: instants since the first ``(t,)``, seconds.
        seed: picks the surfels that are looked at.
    """
    tracks = tracks_of(sequence, times_s, seed=seed)
    bones = bones_of(sequence, times_s, tracks)
    tree = spanning_tree(bones, tracks)
    skeleton, alike = mirrored(fitted(hung(bones, tree), tracks), tracks)
    error = skeleton.error(tracks)
    return Built(
        skeleton,
        *_relative(bones, tree, tracks),
        alike,
        error=error / max(tracks.diagonal, 1e-12),
        left=error / max(tracks.moved, 1e-12),
    )


def _relative(bones: Bones, tree: Tree, tracks: Tracks) -> tuple[Array, Array]:
    """See :attr:`Built.turns` and :attr:`Built.apart`."""
    labels = bones.weights[tracks.chosen].argmax(axis=1)
    turns, apart = np.zeros((2, len(tree)))
    for k, parent in enumerate(tree.parents):
        own = tracks.points[labels == tree.order[k]]
        if parent < 0 or not len(own):
            continue
        child, above = bones.motions[tree.order[k]], bones.motions[tree.order[parent]]
        turned = Rotation.from_matrix((invert(above) @ child)[:, :3, :3])
        turns[k] = turned.magnitude().mean()
        joint = tree.joints[k][None]
        gap = np.linalg.norm(apply(child, joint) - apply(above, joint), axis=-1).mean()
        way = np.linalg.norm(apply(child, own) - apply(above, own), axis=-1).mean()
        apart[k] = gap / max(float(way), 1e-12)
    return turns, apart


def articulation_of(built: Built, times_s: Array) -> Articulation:
    """Rigid parts, one for each bone, on ball joints.

    Every surfel belongs to the bone that carries most of it.

    Args:
        built: a skeleton.
        times_s: the instants it was fitted to ``(t,)``, seconds.
    """
    skeleton = built.skeleton
    joints = tuple(_joint(built, k) for k in range(1, len(skeleton)))
    labels = skeleton.weights.argmax(axis=1)
    return Articulation(times_s, labels, joints, skeleton.base)


def _joint(built: Built, k: int) -> JointEstimate:
    """The ball joint of bone ``k``; surer the farther it turns and the less it came apart."""
    positions = rotation_vectors(built.skeleton.turns[:, k])
    angle = float(np.linalg.norm(positions, axis=1).max())
    observed = angle >= _LITTLE
    confidence = (1 - np.exp(-((angle / _LITTLE) ** 2))) * np.exp(-float(built.apart[k]))
    reason = "" if built.apart[k] < 0.35 else "its centre is not well defined"
    return JointEstimate(
        parent=built.skeleton.parents[k],
        child=k,
        type=JointType.SPHERICAL,
        axis=np.array([0.0, 0.0, 1.0]),
        pivot=built.skeleton.joints[k],
        positions=positions - positions[0],
        confidence=float(np.clip(confidence if observed else min(confidence, 0.3), 0.0, 1.0)),
        observed=observed,
        reason=reason if observed else f"only {np.degrees(angle):.1f}° of rotation was seen",
    )
