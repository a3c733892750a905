"""The loop: one instant a step, a few of its views, all parameters."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy.spatial import KDTree
from torch import Tensor

from reel2sim.reconstruction.config import ReconstructionConfig
from reel2sim.reconstruction.losses import (
    dissimilarity,
    image_loss,
    normal_loss,
    psnr_db,
    squared_error,
)
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.ticker import Ticker
from reel2sim.reconstruction.training.adam import Adam
from reel2sim.reconstruction.training.cameras import CameraCorrection
from reel2sim.reconstruction.training.density import redistributed
from reel2sim.reconstruction.training.model import MovingSurfels, Posed
from reel2sim.reconstruction.views import View
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints
from reel2sim.scene.errors import ReconstructionError
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.surfels import refinement_basis

_RATES = {
    "means": 6e-4,
    "rotations": 6e-3,
    "log_scales": 6e-3,
    "opacity_logits": 3e-2,
    "colors": 8e-3,
    "bands": 1.5e-3,
    "skin": 3e-2,
    "turn": 2e-3,
    "stretch": 2e-3,
    "translations": 5e-4,
    "bone_rotations": 1e-3,
    "axis": 5e-4,
    "pivot": 5e-4,
    "coordinate": 5e-4,
    "light": 5e-3,
}
_MOTION = ("skin", "translations", "bone_rotations", "axis", "pivot", "coordinate")
_FINAL_RATE = 0.1
"""Learning rates end at this share of where they start."""
_GROW = (0.08, 0.55)
"""Share of the steps between which surfels are added and dropped."""
_GROW_TIMES = 6
_REFINE_FROM = 0.35
"""Share of the steps after which ΔR and ΔS join in."""
_NORMALS_FROM = 0.15
_STALE_DB = 0.02
"""Gain per round of all views under which training ends early."""


@dataclass(frozen=True, eq=False)
class Clock:
    """Spline rows of every instant.

    Attributes:
        motion: ``(t, k)``; row 0 is time zero.
        refinement: ``(t, r)``; row 0 is zero.
    """

    motion: Tensor
    refinement: Tensor

    @classmethod
    def of(cls, times_s: np.ndarray, basis: np.ndarray, *, knots: int, like: Tensor) -> Clock:
        """From the instants' times, their motion basis ``(t, k)`` and the refinement's knots."""
        rows = np.zeros((len(times_s), 0))
        if knots:
            rows = refinement_basis(times_s, stop_s=float(times_s[-1]), knots=knots)
        return cls(torch.as_tensor(basis).to(like), torch.as_tensor(rows).to(like))


def train(
    model: MovingSurfels,
    instants: Sequence[Sequence[View]],
    clock: Clock,
    *,
    still: Sequence[int],
    config: ReconstructionConfig,
    backend: Backend,
    motion_only: bool = False,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    progress: Progress = silent,
) -> tuple[MovingSurfels, CameraCorrection]:
    """Fit everything to all views by Adam.

    Args:
        model: where to start.
        instants: views of each instant, first is time zero.
        clock: spline rows of the instants.
        still: bones that do not move.
        config: see :class:`ReconstructionConfig`.
        backend: rasteriser.
        motion_only: take ``config.motion_steps`` in which the surfels stay as they are, so that
            they do not explain by colour what is motion.
        checkpoints: where the state is kept every few seconds, and continued from.
        progress: told of steps, ``psnr`` and ``surfels``.

    Returns:
        The trained model, without gradients, and what was found wrong with the cameras.

    Raises:
        ReconstructionError: if the loss stops being finite.
    """
    total = config.motion_steps if motion_only else config.joint_steps
    state = Training(
        model.leaves(), instants, clock, still=still, config=config, backend=backend,
        motion_only=motion_only,
    )  # fmt: skip
    loop = checkpoints.loop("training")
    start = state.resume(loop.state)
    tick = Ticker(progress, "training motion" if motion_only else "training surfels and motion")
    for step in range(start, total):
        state.step(step, total)
        psnr = psnr_db(list(state.recent))
        tick(step + 1, total, psnr=psnr, surfels=float(len(state.model)))
        if state.stale(step, total):
            break
        loop.reached(partial(state.snapshot, step + 1))
    tick(total, total, psnr=psnr_db(list(state.recent)), surfels=float(len(state.model)))
    own = {k: v.detach() for k, v in state.model.own.items()}
    shared = {k: v.detach() for k, v in state.model.shared.items()}
    return replace(state.model, own=own, shared=shared), state.cameras


class Training:
    """What one training holds between steps."""

    def __init__(
        self,
        model: MovingSurfels,
        instants: Sequence[Sequence[View]],
        clock: Clock,
        *,
        still: Sequence[int],
        config: ReconstructionConfig,
        backend: Backend,
        motion_only: bool = False,
    ) -> None:
        self.model = model
        self.motion_only = motion_only
        self.rates = {n: 4 * _RATES[n] for n in _MOTION} if motion_only else dict(_RATES)
        self.config = config
        self.backend: Backend = backend
        self.clock = clock
        self.instants = [[view.cropped() for view in views] for views in instants]
        self.cameras = CameraCorrection.of(instants, active=config.refine_cameras)
        self.views = [(f, v) for f, views in enumerate(self.instants) for v in range(len(views))]
        self.rng = np.random.default_rng(config.seed)
        self.queue: list[int] = []
        self.recent: deque[tuple[float, int]] = deque(maxlen=len(self.views))
        self.best_psnr = -math.inf
        self.round_ended = 0
        self.still = torch.zeros(len(model.centers), dtype=torch.bool)
        self.still[list(still)] = True
        if not motion_only:
            self.rates |= self.cameras.rates
        self.optimiser = Adam(self._parameters())
        self.largest = 3.0 * float(model.own["log_scales"].detach().exp().median())
        self._count_neighbours()
        self.pull = torch.zeros(len(model))
        self.shown = torch.zeros(len(model))

    def step(self, step: int, total: int) -> None:
        """Look at one instant and improve.

        Raises:
            ReconstructionError: if the loss stops being finite.
        """
        f, views = self._pick()
        refined = step >= _REFINE_FROM * total and not self.motion_only
        row = self.clock.refinement[f] * float(refined)
        posed = self.model.posed(self.clock.motion[[0, f]], row)
        loss = torch.zeros(())
        for v in views:
            view = self.cameras.corrected(self.instants[f][v], f, v)
            out = posed.draw(view, backend=self.backend)
            loss = (
                loss
                + image_loss(
                    out,
                    view,
                    mask_weight=self.config.mask_weight,
                    levels=3 if self.motion_only else 2,
                )
                + self.config.ssim_weight * dissimilarity(out, view)
            )
            if step >= _NORMALS_FROM * total:
                loss = loss + self.config.normal_weight * normal_loss(out, view)
            self.recent.append(squared_error(out, view))
        loss = loss / len(views) + self._priors(posed)
        if not math.isfinite(float(loss.detach())):
            raise ReconstructionError(
                f"training diverged at step {step}",
                remedy="check that camera poses and masks belong together",
            )
        torch.autograd.backward(loss)
        self._note_pull()
        rate = _FINAL_RATE ** (step / total)
        self.optimiser.step({name: rate * r for name, r in self.rates.items()})
        self._redistribute(step, total)

    def stale(self, step: int, total: int) -> bool:
        """Whether the last round of all views gained too little to go on."""
        looked = (step + 1) * self.config.views_per_time
        if looked - self.round_ended < len(self.views) or len(self.recent) < len(self.views):
            return False
        self.round_ended = looked
        psnr = psnr_db(list(self.recent))
        gain, self.best_psnr = psnr - self.best_psnr, max(psnr, self.best_psnr)
        return step > 0.7 * total and gain < _STALE_DB and not self.motion_only

    def snapshot(self, step: int) -> dict[str, object]:
        """Everything that is needed to go on from ``step``."""
        return {
            "step": step,
            "own": {k: v.detach() for k, v in self.model.own.items()},
            "shared": {k: v.detach() for k, v in self.model.shared.items()},
            "cameras": {k: v.detach() for k, v in self.cameras.parameters.items()},
            "optimiser": self.optimiser.state(),
            "pull": self.pull,
            "shown": self.shown,
            "queue": list(self.queue),
            "recent": [list(pair) for pair in self.recent],
            "best_psnr": self.best_psnr,
            "round_ended": self.round_ended,
            "largest": self.largest,
            "near": self.near,
            "apart": self.apart,
            "affinity": self.affinity,
            "random": self.rng.bit_generator.state,
        }

    def resume(self, found: Mapping[str, Any] | None) -> int:
        """Continue from a :meth:`snapshot` if there is one; returns the step to start at."""
        if found is None:
            return 0
        for name, tensor in found["cameras"].items():
            self.cameras.parameters[name].data.copy_(tensor)
        self.model = replace(self.model, own=found["own"], shared=found["shared"]).leaves()
        self.optimiser = Adam(self._parameters())
        self.optimiser.load(found["optimiser"])
        self.pull, self.shown = found["pull"], found["shown"]
        self.queue = list(found["queue"])
        self.recent.extend((float(e), int(n)) for e, n in found["recent"])
        self.best_psnr, self.round_ended = found["best_psnr"], found["round_ended"]
        self.largest = found["largest"]
        self.rng.bit_generator.state = found["random"]
        self.near, self.apart = found["near"], found["apart"]
        self.affinity = found["affinity"]
        return int(found["step"])

    def _parameters(self) -> dict[str, Tensor]:
        return {**self.model.own, **self.model.shared, **self.cameras.parameters}

    def _pick(self) -> tuple[int, list[int]]:
        """An instant, and some of its views; every view leads once a round."""
        if not self.queue:
            self.queue = self.rng.permutation(len(self.views)).tolist()
        f, first = self.views[self.queue.pop()]
        others = [v for v in range(len(self.instants[f])) if v != first]
        more = min(self.config.views_per_time - 1, len(others))
        return f, [first, *sorted(self.rng.choice(others, more, replace=False).tolist())]

    def _count_neighbours(self) -> None:
        means = self.model.own["means"].detach()
        points = means.cpu().numpy()
        distance, index = KDTree(points).query(points, k=min(6, len(points)))
        self.near = torch.as_tensor(np.atleast_2d(index)[:, 1:], device=means.device)
        self.apart = torch.as_tensor(np.atleast_2d(distance)[:, 1:]).to(means)
        reach = 2.0 * self.apart.median() + 1e-9
        self.affinity = torch.exp(-((self.apart / reach) ** 2))

    def _priors(self, posed: Posed) -> Tensor:
        """What a plausible model looks like."""
        config, own, shared = self.config, self.model.own, self.model.shared
        near = posed.means[self.near]
        length = ((posed.means[:, None] - near) ** 2).sum(-1).add(1e-9).sqrt()
        stretch = ((length - self.apart).abs() * self.affinity).mean()
        speckle = ((posed.weights[:, None] - posed.weights[self.near]) ** 2).sum(-1)
        loss = config.rigidity * stretch + config.skin_smoothness * (speckle * self.affinity).mean()
        loss = loss + 10 * torch.relu(own["log_scales"].exp() - self.largest).mean()
        bend = (
            sum(
                (torch.diff(shared[name], n=2, dim=0) ** 2).sum(-1).mean()
                for name in ("translations", "bone_rotations")
            )
            + (torch.diff(shared["coordinate"], n=2, dim=0) ** 2).mean()
        )
        loss = loss + config.smoothness * bend
        small = sum((own[name] ** 2).mean() for name in ("turn", "stretch") if own[name].numel())
        haze = (own["bands"] ** 2).mean() if own["bands"].numel() else 0.0
        return loss + 0.02 * small + 0.02 * haze

    def _note_pull(self) -> None:
        grad = self.model.own["means"].grad
        opacity = self.model.own["opacity_logits"].grad
        if grad is not None and opacity is not None:
            self.pull += grad.norm(dim=1).cpu()
            self.shown += (opacity != 0).cpu()
        for name in ("translations", "bone_rotations"):
            moved = self.model.shared[name].grad
            if moved is not None:
                moved[:, self.still] = 0

    def _redistribute(self, step: int, total: int) -> None:
        if self.config.densify <= 0 or self.motion_only:
            return
        share = (step + 1) / total
        low, high = _GROW
        marks = [low + (high - low) * i / (_GROW_TIMES - 1) for i in range(_GROW_TIMES)]
        if not any(step / total < mark <= share for mark in marks):
            return
        pull = self.pull / self.shown.clamp(min=1)
        grow = (1 + self.config.densify) ** (1 / _GROW_TIMES) - 1
        model, rows = redistributed(
            self.model, pull.to(self.model.own["means"].device), grow=grow,
            most=self.config.most_surfels,
        )  # fmt: skip
        self.model = model.leaves()
        self.optimiser = self.optimiser.reindexed(self._parameters(), rows, set(self.model.own))
        self._count_neighbours()
        self.pull, self.shown = torch.zeros(len(rows)), torch.zeros(len(rows))
