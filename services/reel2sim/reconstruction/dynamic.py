"""Surfels that move through all frames.

Optical flow brings bones along from time zero, instant by instant; bones that turn out to move as
one are made one body; a spline is laid through the motions; then surfels, motion and skinning are
trained together on all pictures. Until then the surfels stay as they are: free to change, they
would repaint themselves to explain what a door reveals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from reel2sim.reconstruction.bodies import find_bodies
from reel2sim.reconstruction.bodies.labels import adjacency
from reel2sim.reconstruction.bodies.screw import Screw
from reel2sim.reconstruction.bones import lay_bones
from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.device import target
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.reveal import UNSURE, reveal_hidden
from reel2sim.reconstruction.skinning import ellipsoid_logits, matrices, skinning_weights
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.ticker import Ticker
from reel2sim.reconstruction.tracking import track
from reel2sim.reconstruction.training import Clock, MovingSurfels, train
from reel2sim.reconstruction.training.cameras import CameraCorrection
from reel2sim.reconstruction.training.checkpoint import Checkpoint
from reel2sim.reconstruction.training.model import FREE, HINGE, SLIDE
from reel2sim.reconstruction.views import View
from reel2sim.reconstruction.volume import Volume
from reel2sim.scene.arrays import Array
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.spline import PoseSpline, bspline_basis
from reel2sim.scene.surfels import Refinement, SurfelSequence
from reel2sim.scene.transforms import quaternion_from_matrix

_MIN_KNOTS = 4
_REFINEMENT_KNOTS = 5
_BEND = 0.05
"""Weight of a spline's second differences against one tracked pose."""
_FINER = 4
"""Spans of the stored motion for each span of the trained one, where hinges need them."""


@dataclass(frozen=True, eq=False)
class DynamicFit:
    """Moving surfels and how to place them in time.

    Attributes:
        model: trained, normalised units.
        scales: semi-axes of the bones' ellipsoids ``(b, 3)``.
        cameras: what was found wrong with them.
        times_s: instants the fit looked at ``(t,)``.
    """

    model: MovingSurfels
    scales: Array
    cameras: CameraCorrection
    times_s: Array

    @torch.no_grad()
    def corrected(self, views: Sequence[View], *, config: ReconstructionConfig) -> tuple[View, ...]:
        """The views that were fitted, with their cameras where they are believed to be."""
        _, instants = by_instant(views, config=config)
        return tuple(
            self.cameras.corrected(view, f, v)
            for f, group in enumerate(instants)
            for v, view in enumerate(group)
        )

    def sequence(self, *, sphere: Sphere, times_s: Array, confidence: Array) -> SurfelSequence:
        """In metres in the reel's world.

        Args:
            sphere: unit of length of the fit.
            times_s: of the reel's frames, from 0.
            confidence: of the surfels ``(n,)``.
        """
        own, shared = (
            {k: v.detach().cpu().numpy().astype(np.float64) for k, v in tensors.items()}
            for tensors in (self.model.own, self.model.shared)
        )
        stop_s = float(self.times_s[-1])
        translations, rotations = self._control_points(shared)
        spline = PoseSpline(
            0.0,
            stop_s,
            translations * sphere.radius_m,
            rotations,
            sphere.denormalise(self.model.centers.cpu().numpy()),
        )
        canonical = self.model.canonical().surfels(sphere=sphere, confidence=confidence)
        sh = np.concatenate([canonical.sh, own["bands"]], axis=1)
        refinement = Refinement(
            stop_s,
            np.moveaxis(own["turn"], 1, 0) if own["turn"].size else _none(len(sh), 3),
            np.moveaxis(own["stretch"], 1, 0) if own["stretch"].size else _none(len(sh), 2),
            shared["light"],
        )
        return SurfelSequence(
            replace(canonical, sh=sh),
            spline,
            self.scales * sphere.radius_m,
            self.model.weights().detach().cpu().numpy(),
            times_s,
            refinement=refinement,
        )

    def _control_points(self, shared: dict[str, Array]) -> tuple[Array, Array]:
        """Translations ``(k, b, 3)`` and rotations ``(k, b, 4)``, hinges and slides included."""
        translations, rotations = shared["translations"], shared["bone_rotations"]
        bound = self.model.kinds.cpu().numpy() != FREE
        if not bound.any():
            return translations, rotations
        # A turn about a hinge is no spline of poses; with shorter spans it is, but for little.
        knots = len(translations)
        finer = _FINER * (knots - 3) + 3
        often = np.linspace(0.0, 1.0, 4 * finer)
        old, new = (bspline_basis(often, start_s=0.0, stop_s=1.0, knots=k) for k in (knots, finer))
        refine = np.linalg.lstsq(new, old, rcond=None)[0]
        translations = np.einsum("lk,kbc->lbc", refine, translations)
        rotations = np.einsum("lk,kbc->lbc", refine, rotations)
        like, centers = self.model.centers, self.model.centers.cpu().numpy().astype(np.float64)
        rows = torch.as_tensor(old[[0, *range(len(old))]]).to(like)  # the first is left out
        t, r = _laid(matrices(self.model.bones(rows))[:, bound], centers[bound], new)
        translations[:, bound], rotations[:, bound] = t, r
        return translations, rotations


def _none(n: int, c: int) -> Array:
    return np.zeros((_MIN_KNOTS, n, c))


def key_times(times_s: Array, *, most: int) -> Array:
    """At most ``most`` of ascending ``times_s``, evenly chosen, both ends included."""
    if len(times_s) <= most:
        return times_s
    return times_s[np.unique(np.rint(np.linspace(0, len(times_s) - 1, most)).astype(np.int64))]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the training of everything starts from, or goes on from.

    Attributes:
        model: moving surfels, normalised units.
        scales: semi-axes of the bones' ellipsoids ``(b, 3)``.
        still: bones that stand still.
    """

    model: MovingSurfels
    scales: Array
    still: tuple[int, ...]

    @classmethod
    def resumed(cls, checkpoint: Checkpoint) -> Prepared | None:
        """What a killed training had started from, or None."""
        state = checkpoint.load()
        if state is None:
            return None
        model = MovingSurfels(state["own"], state["shared"], state["centers"], state["kinds"])
        return cls(model, state["scales"].numpy(), tuple(state["still"]))

    def record(self) -> dict[str, object]:
        """What :meth:`resumed` needs besides the trained tensors."""
        scales = torch.as_tensor(self.scales)
        return {
            "centers": self.model.centers,
            "kinds": self.model.kinds,
            "scales": scales,
            "still": list(self.still),
        }


def fit_dynamic(
    prepared: Prepared,
    views: Sequence[View],
    *,
    config: ReconstructionConfig,
    checkpoint: Checkpoint | None = None,
    progress: Progress = silent,
) -> DynamicFit:
    """Train everything on all views.

    Args:
        prepared: where to start.
        views: of all times.
        config: see :class:`ReconstructionConfig`.
        checkpoint: where the training is kept and continued from.
        progress: told of steps and of ``psnr``.
    """
    times, instants = by_instant(views, config=config)
    clock = _clock(times, like=prepared.model.centers, config=config)
    model, cameras = train(
        prepared.model, instants, clock, still=prepared.still, config=config,
        backend=target(config.device).backend, checkpoint=checkpoint, record=prepared.record(),
        progress=progress,
    )  # fmt: skip
    return DynamicFit(model, prepared.scales, cameras, times)


def by_instant(
    views: Sequence[View], *, config: ReconstructionConfig
) -> tuple[Array, list[list[View]]]:
    """The instants that are fitted ``(t,)`` and the views of each."""
    times = key_times(np.unique([v.time_s for v in views]), most=config.max_times)
    return times, [[v for v in views if v.time_s == t] for t in times]


def prepare(
    surfels: SurfelTensors,
    views: Sequence[View],
    *,
    sphere: Sphere,
    volume: Volume | None,
    config: ReconstructionConfig,
    progress: Progress = silent,
) -> Prepared:
    """Find the motion, and the surfaces it reveals.

    Args:
        surfels: canonical, normalised units.
        views: of all times.
        sphere: unit of length.
        volume: visual hull at time zero, in which hidden surfaces are looked for; None if it is
            not known.
        config: see :class:`ReconstructionConfig`.
        progress: told of steps and of ``psnr``.
    """
    backend = target(config.device).backend
    surfels = surfels.detached()
    times, instants = by_instant(views, config=config)
    motion = find_motion(
        surfels, instants, config=config, backend=backend, progress=subrange(progress, 0.0, 0.7)
    )
    clock = _clock(times, like=surfels.means, config=config)
    model, _ = train(
        moving_surfels(surfels, motion, times, config=config), instants, clock,
        still=motion.still, config=config, backend=backend, motion_only=True,
        progress=subrange(progress, 0.7, 0.85),
    )  # fmt: skip
    if config.reveal and volume is not None and motion.still:
        model = reveal_hidden(
            model, clock, instants, times, volume=volume, sphere=sphere,
            most=config.most_surfels // 3, seed=config.seed, backend=backend,
            progress=subrange(progress, 0.85, 1.0),
        )  # fmt: skip
    return Prepared(model, motion.scales, motion.still)


@torch.no_grad()
def travel(prepared: Prepared, views: Sequence[View], *, config: ReconstructionConfig) -> float:
    """How far from its place at time zero the farthest surfel gets at any instant, radii."""
    times, _ = by_instant(views, config=config)
    model = prepared.model
    clock = _clock(times, like=model.centers, config=config)
    rest = model.own["means"]
    gone = [
        (model.posed(clock.motion[[0, f]], 0 * clock.refinement[f]).means - rest).norm(dim=1)
        for f in range(len(times))
    ]
    return float(torch.stack(gone).max())


@dataclass(frozen=True, eq=False)
class FoundMotion:
    """Bones and who follows them, before training.

    Attributes:
        poses: since time zero ``(t, b, 4, 4)``.
        centers: ``(b, 3)``.
        scales: semi-axes of the bones' ellipsoids ``(b, 3)``.
        skin: logits of the skinning weights ``(n, b)``.
        still: bones that stand still; none if bones were not made bodies.
        screws: of each bone, where it is a hinge or slide.
    """

    poses: Array
    centers: Array
    scales: Array
    skin: Array
    still: tuple[int, ...]
    screws: tuple[Screw | None, ...]


def find_motion(
    surfels: SurfelTensors,
    instants: Sequence[Sequence[View]],
    *,
    config: ReconstructionConfig,
    backend: Backend,
    progress: Progress = silent,
) -> FoundMotion:
    """Follow bones from time zero and make bodies of those that move as one."""
    rng = np.random.default_rng(config.seed)
    points = surfels.means.cpu().numpy().astype(np.float64)
    colors = surfels.colors.cpu().numpy().clip(0, 1)
    skeleton = lay_bones(points, colors, count=config.bones, seed=config.seed)
    like = surfels.means
    logits = ellipsoid_logits(
        like,
        torch.as_tensor(skeleton.centers).to(like),
        torch.as_tensor(skeleton.scales).to(like),
        temperature=config.skin_temperature,
    )
    few = [_some(v, config.views_per_time + 1, rng) for v in instants]
    poses = track(
        surfels,
        skinning_weights(logits, torch.zeros_like(logits)),
        skeleton,
        few,
        config=config,
        backend=backend,
        tick=Ticker(subrange(progress, 0.0, 0.5), "following bones"),
    )
    if config.body_rounds == 0:
        skin = logits.clamp(min=-12).cpu().numpy().astype(np.float64)
        free = (None,) * len(skeleton.centers)
        return FoundMotion(poses, skeleton.centers, skeleton.scales, skin, (), free)
    bodies = find_bodies(
        surfels, skeleton, poses, few, rounds=config.body_rounds, backend=backend,
        tick=Ticker(subrange(progress, 0.5, 1.0), "finding bodies"),
    )  # fmt: skip
    members = [points[bodies.labels == k] for k in range(len(bodies.motions))]
    members = [own if len(own) else points for own in members]
    share = np.eye(len(members))[bodies.labels]
    W = adjacency(skeleton.neighbours, skeleton.affinity)
    for _ in range(2):
        share = 0.5 * share + 0.5 * (W @ share)
    return FoundMotion(
        np.swapaxes(bodies.motions, 0, 1),
        np.stack([own.mean(0) for own in members]),
        np.maximum(np.stack([own.std(0) for own in members]), 0.02),
        np.log(share + UNSURE),
        (0,),
        bodies.screws,
    )


def _basis(times_s: Array, config: ReconstructionConfig) -> Array:
    """Spline weights ``(t, k)`` of the bones' motion at the instants."""
    count = len(times_s)
    knots = max(_MIN_KNOTS, min(count + 2, round(config.knots_per_time * count) + 3))
    return bspline_basis(times_s, start_s=0.0, stop_s=float(times_s[-1]), knots=knots)


def _clock(times_s: Array, *, like: Tensor, config: ReconstructionConfig) -> Clock:
    knots = _REFINEMENT_KNOTS if config.refinement else 0
    return Clock.of(times_s, _basis(times_s, config), knots=knots, like=like)


def moving_surfels(
    surfels: SurfelTensors, motion: FoundMotion, times_s: Array, *, config: ReconstructionConfig
) -> MovingSurfels:
    """Surfels on bones whose splines pass near the poses that were found."""
    basis = _basis(times_s, config)
    translations, rotations = lay_spline(motion.poses, motion.centers, basis)
    like, n = surfels.means, len(surfels)
    r = _REFINEMENT_KNOTS if config.refinement else 0
    own = {
        "means": like,
        "rotations": surfels.rotations,
        "log_scales": surfels.log_scales,
        "opacity_logits": surfels.opacity_logits,
        "colors": surfels.colors,
        "bands": torch.zeros(n, (config.sh_degree + 1) ** 2 - 1, 3).to(like),
        "skin": torch.as_tensor(motion.skin).to(like),
        "turn": torch.zeros(n, r, 3).to(like),
        "stretch": torch.zeros(n, r, 2).to(like),
    }
    shared = {
        "translations": torch.as_tensor(translations).to(like),
        "bone_rotations": torch.as_tensor(rotations).to(like),
        "light": torch.eye(9)[0].to(like),
    }
    lines, kinds = _lines(motion, basis)
    shared |= {name: torch.as_tensor(value).to(like) for name, value in lines.items()}
    centers = torch.as_tensor(motion.centers).to(like)
    return MovingSurfels(own, shared, centers, torch.as_tensor(kinds).to(like.device))


def _lines(motion: FoundMotion, basis: Array) -> tuple[dict[str, Array], Array]:
    """Axes, pivots and coordinates' control points of hinges and slides, and all kinds."""
    bones = len(motion.centers)
    axis, pivot = np.tile([0.0, 0.0, 1.0], (bones, 1)), motion.centers.copy()
    q, kinds = np.zeros((len(basis), bones)), np.full(bones, FREE)
    for b, screw in enumerate(motion.screws):
        if screw is not None:
            axis[b], pivot[b], q[:, b] = screw.axis, screw.pivot, screw.q
            kinds[b] = HINGE if screw.kind == "revolute" else SLIDE
    return {"axis": axis, "pivot": pivot, "coordinate": _control(basis, q, bend=_BEND)}, kinds


def _some(views: Sequence[View], most: int, rng: np.random.Generator) -> list[View]:
    """At most ``most`` of ``views``, in their order."""
    if len(views) <= most:
        return list(views)
    return [views[i] for i in sorted(rng.choice(len(views), most, replace=False))]


def lay_spline(poses: Array, centers: Array, basis: Array) -> tuple[Array, Array]:
    """Control points of the smoothest spline near tracked poses.

    Args:
        poses: ``(t, b, 4, 4)`` since time zero; instant 0 is the identity.
        centers: of the bones ``(b, 3)``.
        basis: ``(t, k)``.

    Returns:
        Translations ``(k, b, 3)`` and wxyz rotations ``(k, b, 4)``.
    """
    return _laid(poses, centers, basis, bend=_BEND)


def _laid(poses: Array, centers: Array, basis: Array, *, bend: float = 0.0) -> tuple[Array, Array]:
    """See :func:`lay_spline`."""
    q = quaternion_from_matrix(poses[..., :3, :3])
    for f in range(1, len(q)):
        q[f] *= np.where((q[f] * q[f - 1]).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    t = np.einsum("tbij,bj->tbi", poses[..., :3, :3], centers) + poses[..., :3, 3] - centers
    values = np.concatenate([t, q], axis=-1)
    control = _control(basis, values.reshape(len(basis), -1), bend=bend)
    control = control.reshape(-1, *values.shape[1:])
    rotations = control[..., 3:]
    return control[..., :3], rotations / np.linalg.norm(rotations, axis=-1, keepdims=True)


def _control(basis: Array, values: Array, *, bend: float) -> Array:
    """Control points ``(k, c)`` of the spline near ``values`` ``(t, c)``, smooth by ``bend``."""
    weight = np.ones((len(basis), 1))
    weight[0] = 5.0
    rows = bend * np.diff(np.eye(basis.shape[1]), n=2, axis=0)
    # The bend rows alone leave straight lines free, so the system has full rank with two instants.
    system = np.concatenate([basis * weight, rows])
    right = np.concatenate([values * weight, np.zeros((len(rows), values.shape[1]))])
    return np.linalg.lstsq(system, right, rcond=None)[0]
