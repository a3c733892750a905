"""Bones that move the canonical surfels through all frames.

Optical flow brings the bones along from time zero, instant by instant; a spline is laid through
their poses; then spline and skinning weights are fitted together to all pictures. The canonical
surfels stay as they are: free to change, they would repaint themselves to explain what a door
reveals.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from reel2sim.reconstruction.bones import Skeleton, lay_bones
from reel2sim.reconstruction.bounds import Sphere
from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.device import target
from reel2sim.reconstruction.losses import image_loss, psnr_db, squared_error
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.skinning import (
    BonePoses,
    blend,
    ellipsoid_logits,
    rotate,
    skinning_weights,
    spline_poses,
)
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.ticker import Ticker
from reel2sim.reconstruction.tracking import track
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.progress import Progress, silent, subrange
from reel2sim.scene.spline import PoseSpline, bspline_basis
from reel2sim.scene.transforms import quaternion_from_matrix

_RATES = {"translations": 3e-3, "rotations": 5e-3, "delta": 1e-1}
_FINAL_RATE = 0.2
_MIN_KNOTS = 4


@dataclass(frozen=True, eq=False)
class DynamicFit:
    """Motion of the bones, normalised units.

    Attributes:
        translations: spline control points ``(k, b, 3)``.
        rotations: spline control points ``(k, b, 4)`` wxyz.
        centers: ``(b, 3)``.
        scales: semi-axes of the bones' ellipsoids ``(b, 3)``.
        weights: skinning weights ``(n, b)``.
        losses: photometric loss of every optimiser step.
    """

    translations: Array
    rotations: Array
    centers: Array
    scales: Array
    weights: Array
    losses: tuple[float, ...]

    def spline(self, *, sphere: Sphere, stop_s: float) -> PoseSpline:
        """The motion in metres in the reel's world."""
        return PoseSpline(
            0.0,
            stop_s,
            self.translations * sphere.radius_m,
            self.rotations,
            sphere.denormalise(self.centers),
        )


def key_times(times_s: Array, *, most: int) -> Array:
    """At most ``most`` of ascending ``times_s``, evenly chosen, both ends included."""
    if len(times_s) <= most:
        return times_s
    return times_s[np.unique(np.rint(np.linspace(0, len(times_s) - 1, most)).astype(np.int64))]


def fit_dynamic(
    surfels: SurfelTensors,
    views: Sequence[View],
    *,
    config: ReconstructionConfig,
    progress: Progress = silent,
) -> DynamicFit:
    """Fit bones to all views; the surfels are not changed.

    Args:
        surfels: canonical, normalised units.
        views: of all times.
        config: see :class:`ReconstructionConfig`.
        progress: told of steps and of ``psnr``.
    """
    where = target(config.device)
    surfels = surfels.detached()
    times = key_times(np.unique([v.time_s for v in views]), most=config.max_times)
    rng = np.random.default_rng(config.seed)
    instants = [[v for v in views if v.time_s == t] for t in times]
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
    few = [_some(v, 2 * config.views_per_time, rng) for v in instants]
    poses = track(
        surfels,
        skinning_weights(logits, torch.zeros_like(logits)),
        skeleton,
        few,
        config=config,
        backend=where.backend,
        tick=Ticker(subrange(progress, 0.0, 0.35), "following bones"),
    )
    knots = max(_MIN_KNOTS, min(len(times) + 2, round(config.knots_per_time * len(times)) + 3))
    basis = bspline_basis(times, start_s=0.0, stop_s=float(times[-1]), knots=knots)
    translations, rotations = lay_spline(poses, skeleton.centers, basis)
    return _refine(
        surfels, skeleton, logits, translations, rotations, basis, instants,
        config=config, backend=where.backend, rng=rng,
        progress=subrange(progress, 0.35, 1.0),
    )  # fmt: skip


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
    q = quaternion_from_matrix(poses[..., :3, :3])
    for f in range(1, len(q)):
        q[f] *= np.where((q[f] * q[f - 1]).sum(-1, keepdims=True) < 0, -1.0, 1.0)
    t = np.einsum("tbij,bj->tbi", poses[..., :3, :3], centers) + poses[..., :3, 3] - centers
    weight = np.ones((len(basis), 1))
    weight[0] = 5.0
    bend = 0.05 * np.diff(np.eye(basis.shape[1]), n=2, axis=0)
    # The bend rows alone leave straight lines free, so the system has full rank with two instants.
    system = np.concatenate([basis * weight, bend])
    values = np.concatenate([t, q], axis=-1).reshape(len(basis), -1) * weight
    right = np.concatenate([values, np.zeros((len(bend), values.shape[1]))])
    control = np.linalg.lstsq(system, right, rcond=None)[0]
    control = control.reshape(basis.shape[1], -1, 7)
    rotations = control[..., 3:]
    return control[..., :3], rotations / np.linalg.norm(rotations, axis=-1, keepdims=True)


def _refine(
    surfels: SurfelTensors,
    skeleton: Skeleton,
    logits: Tensor,
    translations: Array,
    rotations: Array,
    basis: Array,
    instants: Sequence[Sequence[View]],
    *,
    config: ReconstructionConfig,
    backend: Backend,
    rng: np.random.Generator,
    progress: Progress,
) -> DynamicFit:
    """Fit spline and skinning weights to the pictures of all instants by Adam."""
    like = surfels.means
    leaf = {
        "translations": torch.as_tensor(translations).to(like).requires_grad_(),
        "rotations": torch.as_tensor(rotations).to(like).requires_grad_(),
        "delta": torch.zeros_like(logits).requires_grad_(),
    }
    centers = torch.as_tensor(skeleton.centers).to(like)
    rows = torch.as_tensor(basis).to(like)
    priors = Priors.of(skeleton, like)
    optimiser = torch.optim.Adam(
        [{"params": [leaf[n]], "lr": r, "name": n} for n, r in _RATES.items()],
        betas=(0.9, 0.95),
        eps=1e-12,
    )
    tick = Ticker(progress, "fitting motion")
    recent: deque[tuple[float, int]] = deque(maxlen=8)
    losses: list[float] = []
    queue: list[int] = []
    for step in range(config.dynamic_steps):
        queue = queue or rng.permutation(len(instants)).tolist()
        f = queue.pop()
        poses = spline_poses(rows[[0, f]], leaf["translations"], leaf["rotations"], centers)
        bones = BonePoses(poses.rotation[1], poses.translation[1])
        weights = skinning_weights(logits, leaf["delta"])
        posed = surfels.moved(blend(weights, bones))
        pictures = _some(instants[f], config.views_per_time, rng)
        loss = torch.zeros((), device=like.device)
        for view in pictures:
            out = posed.draw(view, backend=backend)
            loss = loss + image_loss(out, view, mask_weight=config.mask_weight)
            recent.append(squared_error(out, view))
        loss = loss / max(len(pictures), 1)
        losses.append(float(loss.detach()))
        loss = (
            loss
            + config.rigidity * priors.stretch(posed.means)
            + config.bone_rigidity * priors.tear(bones)
            + config.skin_smoothness * priors.speckle(weights)
            + config.smoothness * (_bend(leaf["translations"]) + _bend(leaf["rotations"]))
        )
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        rate = _FINAL_RATE ** (step / config.dynamic_steps)
        for group in optimiser.param_groups:
            group["lr"] = _RATES[group["name"]] * rate
        optimiser.step()
        tick(step + 1, config.dynamic_steps, psnr=psnr_db(list(recent)))
    with torch.no_grad():
        weights = skinning_weights(logits, leaf["delta"])
        q = torch.nn.functional.normalize(leaf["rotations"], dim=-1)
    return DynamicFit(
        leaf["translations"].detach().cpu().numpy().astype(np.float64),
        q.cpu().numpy().astype(np.float64),
        skeleton.centers,
        skeleton.scales,
        weights.cpu().numpy().astype(np.float64),
        tuple(losses),
    )


def _bend(control: Tensor) -> Tensor:
    """Mean squared second difference of control points ``(k, b, c)``."""
    return (torch.diff(control, n=2, dim=0) ** 2).sum(-1).mean()


@dataclass(frozen=True, eq=False)
class Priors:
    """What a plausible motion and skinning look like; see :class:`Skeleton` for the fields."""

    neighbours: Tensor
    distances: Tensor
    affinity: Tensor
    pairs: Tensor
    probes: Tensor

    @classmethod
    def of(cls, skeleton: Skeleton, like: Tensor) -> Priors:
        """On the device of ``like``."""
        arms = 0.12 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])

        def tensor(value: Array) -> Tensor:
            return torch.as_tensor(value).to(like)

        return cls(
            torch.as_tensor(skeleton.neighbours, device=like.device),
            tensor(skeleton.distances),
            tensor(skeleton.affinity),
            torch.as_tensor(skeleton.pairs, device=like.device),
            tensor(skeleton.contacts[:, None] + arms),
        )

    def stretch(self, means: Tensor) -> Tensor:
        """Mean change of the distances to neighbouring surfels."""
        offset = means[:, None] - means[self.neighbours]
        length = torch.sqrt((offset**2).sum(-1) + 1e-9)
        return ((length - self.distances).abs() * self.affinity).mean()

    def tear(self, bones: BonePoses) -> Tensor:
        """Mean distance by which touching bones disagree on where common points go."""
        if not len(self.pairs):
            return torch.zeros((), device=self.probes.device)
        image = [
            rotate(bones.rotation[b][:, None], self.probes) + bones.translation[b][:, None]
            for b in self.pairs.T
        ]
        gap = ((image[0] - image[1]) ** 2).sum(-1).mean(1)
        return torch.sqrt(gap + 1e-5).mean()

    def speckle(self, weights: Tensor) -> Tensor:
        """Mean squared difference of skinning weights between neighbours."""
        difference = weights[:, None] - weights[self.neighbours]
        return ((difference**2).sum(-1) * self.affinity).mean()
