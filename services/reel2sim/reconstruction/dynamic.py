"""Surfels that move through all frames.

A spline is laid through the motions that were found; then surfels, motion and skinning are trained
together on all pictures. Until then the surfels stay as they are: free to change, they
would repaint themselves to explain what a door reveals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.device import target
from reel2sim.reconstruction.motion import FoundMotion, find_motion
from reel2sim.reconstruction.reveal import reveal_hidden
from reel2sim.reconstruction.skinning import matrices
from reel2sim.reconstruction.splines import (
    BEND,
    MIN_KNOTS,
    REFINEMENT_KNOTS,
    clock_of,
    control_points,
    lay_spline,
    motion_basis,
)
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.training import MovingSurfels, train
from reel2sim.reconstruction.training.cameras import CameraCorrection
from reel2sim.reconstruction.training.model import FREE, HINGE, SLIDE
from reel2sim.reconstruction.views import View
from reel2sim.reconstruction.volume import Volume
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.spline import PoseSpline, bspline_basis
from reel2sim.scene.surfels import Refinement, SurfelSequence

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
        poses = matrices(self.model.bones(rows))[:, bound]
        t, r = lay_spline(poses, centers[bound], new, bend=0.0)
        translations[:, bound], rotations[:, bound] = t, r
        return translations, rotations


def _none(n: int, c: int) -> Array:
    return np.zeros((MIN_KNOTS, n, c))


def key_times(times_s: Array, *, most: int) -> Array:
    """At most ``most`` of ascending ``times_s``, evenly chosen, both ends included."""
    if len(times_s) <= most:
        return times_s
    return times_s[np.unique(np.rint(np.linspace(0, len(times_s) - 1, most)).astype(np.int64))]


@dataclass(frozen=True, eq=False)
class Prepared:
    """What the training of everything starts from.

    Attributes:
        model: moving surfels, normalised units.
        scales: semi-axes of the bones' ellipsoids ``(b, 3)``.
        still: bones that stand still.
    """

    model: MovingSurfels
    scales: Array
    still: tuple[int, ...]


def fit_dynamic(
    prepared: Prepared,
    views: Sequence[View],
    *,
    config: ReconstructionConfig,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> DynamicFit:
    """Train everything on all views.

    Args:
        prepared: where to start.
        views: of all times.
        config: see :class:`ReconstructionConfig`.
        checkpoints: where the training is kept and continued from.
        progress: told of steps and of ``psnr``.
    """
    times, instants = by_instant(views, config=config)
    clock = clock_of(times, like=prepared.model.centers, config=config)
    model, cameras = train(
        prepared.model, instants, clock, still=prepared.still, config=config,
        backend=target(config.device).backend, checkpoints=checkpoints, progress=progress,
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
    checkpoints: Checkpoints = NO_CHECKPOINTS,
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
        checkpoints: where its steps are kept and continued from.
        progress: told of steps and of ``psnr``.
    """
    backend = target(config.device).backend
    surfels = surfels.detached()
    times, instants = by_instant(views, config=config)
    motion = checkpoints.step(
        "motion",
        lambda: find_motion(
            surfels, instants, config=config, backend=backend,
            checkpoints=checkpoints.within("motion"), progress=subrange(progress, 0.0, 0.7),
        ),
    )  # fmt: skip
    clock = clock_of(times, like=surfels.means, config=config)
    model, _ = checkpoints.step(
        "motion trained",
        lambda: train(
            moving_surfels(surfels, motion, times, config=config), instants, clock,
            still=motion.still, config=config, backend=backend, motion_only=True,
            checkpoints=checkpoints.within("motion trained"),
            progress=subrange(progress, 0.7, 0.85),
        ),
    )  # fmt: skip
    if config.reveal and volume is not None and motion.still:
        model = reveal_hidden(
            model, clock, instants, times, volume=volume, sphere=sphere,
            most=config.most_surfels // 3, seed=config.seed, backend=backend,
            checkpoints=checkpoints, progress=subrange(progress, 0.85, 1.0),
        )  # fmt: skip
    return Prepared(model, motion.scales, motion.still)


@torch.no_grad()
def travel(prepared: Prepared, views: Sequence[View], *, config: ReconstructionConfig) -> float:
    """How far from its place at time zero the farthest surfel gets at any instant, radii."""
    times, _ = by_instant(views, config=config)
    model = prepared.model
    clock = clock_of(times, like=model.centers, config=config)
    rest = model.own["means"]
    gone = [
        (model.posed(clock.motion[[0, f]], 0 * clock.refinement[f]).means - rest).norm(dim=1)
        for f in range(len(times))
    ]
    return float(torch.stack(gone).max())


def moving_surfels(
    surfels: SurfelTensors, motion: FoundMotion, times_s: Array, *, config: ReconstructionConfig
) -> MovingSurfels:
    """Surfels on bones whose splines pass near the poses that were found."""
    basis = motion_basis(times_s, config)
    translations, rotations = lay_spline(motion.poses, motion.centers, basis)
    like, n = surfels.means, len(surfels)
    r = REFINEMENT_KNOTS if config.refinement else 0
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
    return {"axis": axis, "pivot": pivot, "coordinate": control_points(basis, q, bend=BEND)}, kinds
