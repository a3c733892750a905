"""How close a rig made from one clip is to the truth, as far as one camera can tell.

A single view leaves open how large the subject is, and errs in depth with the focal length that it
assumes. So motion is compared in the picture: points that are seen at the first instant are laid
on the rig's surface, moved by the rig, and should be where the true points are, in pixels of the
first instant's camera; what the camera does later is taken out of both. Directions of axes are
compared in that camera's frame. Failures count as in :mod:`reel2sim.pipeline.evaluation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from reel2sim.generation.truth import TrueJoint, Truth
from reel2sim.pipeline.joint_matching import (
    Match,
    angle_deg,
    axis_point,
    carried_points,
    kind_of,
    matched_score,
    mean_distance,
    overlap,
    part_distance,
    range_of,
    replayed_motions,
)
from reel2sim.pipeline.rig_score import JointScore, RigScore
from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.camera import Camera
from reel2sim.scene.errors import InputError
from reel2sim.scene.rig import Joint, JointType
from reel2sim.scene.transforms import apply

_FRONT = 4
"""Of so many surfels nearest in the picture, the one in front is what a point lies on."""


def score_clip(asset: RiggedAsset, truth: Truth, *, camera: Camera, assumed: Camera) -> RigScore:
    """Score a rig that was made from a clip without cameras.

    Args:
        asset: what was recovered, in a world of its own.
        truth: what happened.
        camera: true camera of the clip's first instant, in the truth's world.
        assumed: the camera that the rig was made with at that instant, in the rig's world; of the
            same picture.

    Returns:
        As of :func:`reel2sim.pipeline.evaluation.score`, but ``replay_error`` is in pixels over
        pixels, ``replay_diagonals`` and ``pivot_frac`` are in diagonals of the picture, and
        ``state_error`` of a slide is in metres after the best scale.

    Raises:
        InputError: if either has no surface in the picture.
    """
    sides = _InPicture.of(asset, truth, camera, assumed)
    error, idle = sides.distances()
    return matched_score(
        asset,
        truth,
        sides.match,
        sides.compare,
        replay_error=error / max(idle, 1e-6),
        replay_diagonals=error / sides.diagonal_px,
    )


@dataclass(frozen=True, eq=False)
class _InPicture:
    """Rig and truth in pixels of the first instant's camera.

    Attributes:
        asset: the rig.
        truth: the truth.
        camera: true camera.
        assumed: camera of the rig.
        seen: true points in the picture ``(n,)`` bool.
        wanted: where these truly are over time ``(t, m, 2)``, pixels.
        surface: what of the rig's surface they are seen on ``(m, 3)``, rig's world.
        links: whose surface that is ``(m,)``.
        replayed: motion of each link ``(l, t, 4, 4)``, rig's world.
    """

    asset: RiggedAsset
    truth: Truth
    camera: Camera
    assumed: Camera
    seen: Array
    wanted: Array
    surface: Array
    links: Array
    replayed: Array

    @classmethod
    def of(cls, asset: RiggedAsset, truth: Truth, camera: Camera, assumed: Camera) -> _InPicture:
        size = np.array([camera.width, camera.height])
        scale = np.array([assumed.width, assumed.height]) / size
        first, depth = camera.project(truth.points)
        seen = (depth > 0) & (first >= 0).all(axis=1) & (first < size).all(axis=1)
        shown, away = assumed.project(asset.surfels.means)
        front = np.nonzero(away > 0)[0]
        if not seen.any() or not len(front):
            raise InputError("has no surface in the first picture", source=asset.name)
        times = range(len(truth.times_s))
        wanted = [camera.project(truth.points_at(t)[seen])[0] * scale for t in times]
        nearest = KDTree(shown[front]).query(wanted[0], min(_FRONT, len(front)))[1]
        around = front[np.asarray(nearest).reshape(len(wanted[0]), -1)]
        on = around[np.arange(len(around)), away[around].argmin(axis=1)]
        replayed = replayed_motions(asset, truth)
        surface = assumed.unproject(wanted[0], away[on])
        links = asset.surfel_links[on]
        return cls(asset, truth, camera, assumed, seen, np.stack(wanted), surface, links, replayed)

    @property
    def diagonal_px(self) -> float:
        """Of the picture."""
        return float(np.hypot(self.assumed.width, self.assumed.height))

    @property
    def scale(self) -> float:
        """Length in the rig's world of what is a metre in the truth's."""
        true = self.camera.project(self.truth.points[self.seen])[1]
        return float(np.median(self.assumed.project(self.surface)[1] / true))

    def moved(self, link: int, which: Array) -> Array:
        """Where points ``which`` ``(m,)`` are if a link carries them ``(t, k, 2)``, pixels."""
        ways = [apply(T, self.surface[which]) for T in self.replayed[link]]
        return np.stack([self.assumed.project(points)[0] for points in ways])

    def carried(self, true: TrueJoint) -> Array:
        """Which of the seen points hang below a true joint ``(m,)`` bool."""
        return carried_points(self.truth, true)[self.seen]

    def match(self, true: TrueJoint, joint: Joint) -> Match:
        """Compare the motion of what a true joint carries with that of a link."""
        own, link = self.carried(true), self.asset.link_index[joint.child]
        if not own.any():
            return Match(np.inf, False, np.inf)
        wanted = self.wanted[:, own]
        idle = mean_distance(wanted[:1], wanted)
        error = mean_distance(self.moved(link, own), wanted) / max(idle, 1e-6)
        shared = overlap(own, self.links == link)
        return Match(error, False, min(error, 5.0) + 1e-3 * (1.0 - shared))

    def compare(self, true: TrueJoint, joint: Joint, match: Match) -> JointScore:
        """Score a joint that is matched to a true one."""
        axis = self.camera.T_camera_world[:3, :3] @ true.axis
        found = self.assumed.T_camera_world[:3, :3] @ joint.axis
        type_ok = kind_of(true.type) is kind_of(joint.type)
        state = _state_error(self, true, joint) if type_ok else range_of(true)
        got = self.links == self.asset.link_index[joint.child]
        return JointScore(
            name=true.name,
            type=kind_of(true.type),
            matched=joint.name,
            type_ok=type_ok,
            axis_deg=angle_deg(axis, found),
            pivot_frac=_line_distance(self, true, joint) / self.diagonal_px,
            state_error=state,
            state_frac=state / range_of(true),
            part_iou=overlap(self.carried(true), got),
            replay_error=match.replay_error,
        )

    def distances(self) -> tuple[float, float]:
        """Mean distance from the true points of the rig's and of unmoved ones, pixels.

        All parts that are seen weigh the same.
        """
        got = np.empty_like(self.wanted)
        for link in np.unique(self.links):
            own = self.links == link
            got[:, own] = self.moved(int(link), own)
        parts = self.truth.point_parts[self.seen]
        resting = self.wanted[:1]
        return part_distance(parts, got, self.wanted), part_distance(parts, resting, self.wanted)


def _state_error(sides: _InPicture, true: TrueJoint, joint: Joint) -> float:
    """Mean state error without sign, offset and, of a slide, scale."""
    states = [sides.asset.motion.sample(float(t))[1][joint.name] for t in sides.truth.times_s]
    q = np.array(states) / (1.0 if joint.type.angular else sides.scale)
    q, wanted = q - q.mean(), true.positions - true.positions.mean()
    return float(min(np.abs(sign * q - wanted).mean() for sign in (1.0, -1.0)))


def _line_distance(sides: _InPicture, true: TrueJoint, joint: Joint) -> float:
    """Pixels from the true axis, where its part is, to the line of the axis found; 0 for slides."""
    if kind_of(true.type) is JointType.PRISMATIC:
        return 0.0
    if not joint.type.angular:
        return sides.diagonal_px
    scale = np.array([sides.assumed.width, sides.assumed.height])
    scale = scale / [sides.camera.width, sides.camera.height]
    here = sides.camera.project(axis_point(sides.truth, true)[None])[0][0] * scale
    pivot = sides.asset.rest_poses[sides.asset.link_index[joint.child]][:3, 3]
    reach = 0.1 * float(np.linalg.norm(pivot - sides.assumed.position))
    ends, _ = sides.assumed.project(pivot + reach * np.array([[-1.0], [1.0]]) * joint.axis)
    along = ends[1] - ends[0]
    length = float(np.linalg.norm(along))
    if length < 1.0:  # seen end on
        return float(np.linalg.norm(here - ends.mean(axis=0)))
    off = here - ends[0]
    return float(abs(along[0] * off[1] - along[1] * off[0]) / length)
