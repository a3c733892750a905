"""Rounds of looking, choosing, dropping and fitting that turn bones into bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from reel2sim.reconstruction.bodies.evidence import (
    Footage,
    Sightings,
    flow_cost,
    look,
    replay_cost,
)
from reel2sim.reconstruction.bodies.labels import NOISE, adjacency, choose, economical
from reel2sim.reconstruction.bodies.needed import needed_bodies
from reel2sim.reconstruction.bodies.screw import Screw, fit_screw
from reel2sim.reconstruction.bodies.trajectory import fit_trajectory
from reel2sim.reconstruction.bones import Skeleton
from reel2sim.reconstruction.rasterize import Backend
from reel2sim.reconstruction.surfel_model import SurfelTensors
from reel2sim.reconstruction.views import View
from reel2sim.scene.arrays import Array
from reel2sim.scene.checkpoints import NO_CHECKPOINTS, Checkpoints

_SIGMA_PX = (4.0, 1.5)
"""Disbelief of sightings in the first and in the last round, pixels."""
_COUPLING = 0.15
"""Cost per picture of a surfel whose neighbours all move otherwise."""
_PRICE = 0.004
"""Cost of one more body: the share of the surfels that would have to be wholly wrong without."""


_HOPELESS = 0.35
"""Rise of the mean cost from which two motions are too far apart to be tried as one."""
_FINAL = 2
"""Rounds at the end in which motions are good enough to be judged by drawing them."""
_AGAIN = 2
"""More rounds, as long as the pictures have just done without a body."""
_FEW = 12
"""With fewer sightings a motion is left as it is."""


@dataclass(frozen=True, eq=False)
class Bodies:
    """Rigid bodies and who belongs to them; body 0 stands still.

    Attributes:
        motions: since time zero ``(m, t, 4, 4)``, normalised units.
        labels: body of each surfel ``(n,)``.
        cost: mean replay cost of each surfel under its body ``(n,)``, 0..1.
        screws: of each body ``m``; None where neither a hinge nor a slide explains its motion.
    """

    motions: Array
    labels: Array
    cost: Array
    screws: tuple[Screw | None, ...]


def find_bodies(
    surfels: SurfelTensors,
    skeleton: Skeleton,
    T: Array,
    instants: Sequence[Sequence[View]],
    *,
    rounds: int = 6,
    price: float = _PRICE,
    backend: Backend,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
    tick: Callable[[int, int], None] = lambda done, total: None,
) -> Bodies:
    """Make bodies of bones.

    Args:
        surfels: canonical, normalised units.
        skeleton: the bones.
        T: their motion since time zero ``(t, b, 4, 4)``.
        instants: views of each instant, first is time zero.
        rounds: of looking again with a better model; a few more if the last still drops bodies.
        price: of a body, as a share of the looks at all surfels.
        backend: rasteriser.
        checkpoints: where rounds are kept, and continued from.
        tick: told after every round.
    """
    footage = Footage.of(instants)
    rest = surfels.means.detach().cpu().numpy().astype(np.float64)
    colors = surfels.colors.detach().cpu().numpy()
    W = adjacency(skeleton.neighbours, skeleton.affinity)
    still = np.tile(np.eye(4), (1, len(T), 1, 1))
    motions = np.concatenate([still, np.swapaxes(T, 0, 1)])
    labels = skeleton.labels + 1

    def judged(sigma_px: float) -> Judge:
        posed = [surfels.placed(motions[labels, f]) for f in range(len(T))]
        sightings, depths = look(posed, footage, backend=backend)
        return Judge(rest, colors, sightings, footage, depths, sigma_px)

    loop = checkpoints.loop("bodies")
    start, motions, labels = loop.state or (0, motions, labels)
    for r in range(start, rounds + _AGAIN):
        done = min(r / max(rounds - 1, 1), 1.0)
        judge = judged(_SIGMA_PX[0] * (_SIGMA_PX[1] / _SIGMA_PX[0]) ** done)
        motions, _ = judge.fitted(motions, labels, constrained=r >= rounds // 2)
        cost = judge.cost(motions)
        labels = choose(cost, W, coupling=_COUPLING)
        share = price * min(1.0, (r + 1) / (rounds - 1)) if rounds > 1 else price
        labels, alive = economical(cost, labels, price=share * len(rest), kept=(0,))
        motions, labels = motions[alive], (np.cumsum(alive) - 1)[labels]
        motions, labels = judge.merged(motions, labels, price=share * len(rest))
        before = len(motions)
        if r >= rounds - _FINAL:
            motions, labels = needed_bodies(
                surfels, motions, labels, judge.cost(motions), instants, backend=backend
            )
        tick(min(r + 1, rounds), rounds)
        if r >= rounds - 1 and len(motions) == before:
            break
        loop.reached(partial(_state, r + 1, motions, labels))
    judge = judged(_SIGMA_PX[1])
    motions, screws = judge.fitted(motions, labels, constrained=True)
    cost = judge.cost(motions)
    return Bodies(motions, labels, cost[np.arange(len(rest)), labels], screws)


def _state(rounds: int, motions: Array, labels: Array) -> tuple[int, Array, Array]:
    return rounds, motions, labels


@dataclass(frozen=True, eq=False)
class Judge:
    """What one look at all pictures says about motions and who follows them.

    Attributes:
        rest: surfels at time zero ``(n, 3)``.
        colors: ``(n, 3)``.
        sightings: of the surfels.
        footage: the pictures.
        depths: of the model as posed for the look ``(v, h, w)``.
        sigma_px: error at which a sighting is mostly disbelieved, pixels.
    """

    rest: Array
    colors: Array
    sightings: Sightings
    footage: Footage
    depths: Array
    sigma_px: float

    def cost(self, motions: Array, members: Array | None = None) -> Array:
        """Mean cost of surfels under motions ``(n, m)``, 0..1.5: looks, and where flow saw them.

        Args:
            motions: ``(m, t, 4, 4)``.
            members: the surfels to judge ``(n,)`` bool; all if None.
        """
        total, count = replay_cost(
            self.rest, self.colors, motions, self.footage, self.depths, members=members
        )
        asked = count if members is None else count[members]
        looks = max(float(np.median(asked.max(axis=1))), 1.0) if len(asked) else 1.0
        looked = total / np.maximum(count, 0.25 * looks)
        far, trust = flow_cost(
            self.rest, motions, self.sightings.of(members), self.footage, sigma_px=_SIGMA_PX[1]
        )
        # A surfel flow hardly ever saw must not be sure of anything.
        usual = np.bincount(self.sightings.surfel, self.sightings.weight, minlength=len(trust))
        certain = max(float(np.median(usual[usual > 0])), 1e-9) if (usual > 0).any() else 1.0
        cost = 0.5 * looked + far / np.maximum(trust, 0.5 * certain)[:, None]
        return cost if members is None else cost[members]

    def fit(self, T: Array, members: Array) -> Array:
        """Motion ``(t, 4, 4)`` of the surfels ``members`` ``(n,)`` bool, starting from ``T``."""
        own = self.sightings.of(members)
        if len(own.surfel) < _FEW:
            return T
        return fit_trajectory(T, self.rest, own, self.footage, sigma_px=self.sigma_px)

    def fitted(
        self, motions: Array, labels: Array, *, constrained: bool
    ) -> tuple[Array, tuple[Screw | None, ...]]:
        """All motions but the first fitted to their surfels, and the screws among them.

        Args:
            motions: ``(m, t, 4, 4)``.
            labels: ``(n,)``.
            constrained: whether a hinge or slide that explains a motion as well replaces it.
        """
        moving: list[Array] = [motions[0]]
        screws: list[Screw | None] = [None]
        for k in range(1, len(motions)):
            members = labels == k
            T = self.fit(motions[k], members)
            screw = self.screw(T, members) if constrained else None
            moving.append(T if screw is None else screw.poses())
            screws.append(screw)
        return np.stack(moving), tuple(screws)

    def screw(self, T: Array, members: Array) -> Screw | None:
        """The hinge or slide that explains the motion ``T`` of ``members`` as well, if any."""
        own = self.sightings.of(members)
        if len(own.surfel) < _FEW:
            return None
        return fit_screw(T, self.rest, own, self.footage, sigma_px=self.sigma_px)

    def merged(self, motions: Array, labels: Array, *, price: float) -> tuple[Array, Array]:
        """Join bodies whose surfels one motion, fitted to both, explains as well.

        Args:
            motions: ``(m, t, 4, 4)``.
            labels: ``(n,)``.
            price: of one body.
        """
        motions = motions.copy()
        while len(motions) > 1:
            cost = self.cost(motions)
            own = cost[np.arange(len(labels)), labels]
            joins = [
                self._join(motions, labels, own, i, j)
                for i, j in combinations(range(len(motions)), 2)
                if self._alike(cost, labels, own, i, j)
            ]
            taken: set[int] = set()
            for rise, i, j, T in sorted(joins, key=lambda join: join[0]):
                # What stands still does not move otherwise for having been joined.
                size = int(((labels == j) | ((labels == i) & (i > 0))).sum())
                if rise > price + NOISE * size or taken & {i, j}:
                    continue
                taken |= {i, j}
                motions[i] = T
                labels = np.where(labels == j, i, labels)
            if not taken:
                return motions, labels
            left = np.unique(np.concatenate([[0], labels]))
            motions, labels = motions[left], np.searchsorted(left, labels)
        return motions, labels

    def _alike(self, cost: Array, labels: Array, own: Array, i: int, j: int) -> bool:
        """Whether one of two motions comes near to explaining the other's surfels."""
        rises = [
            float((cost[labels == a, b] - own[labels == a]).mean())
            for a, b in ((i, j), (j, i))
            if (labels == a).any()
        ]
        return not rises or min(rises) < _HOPELESS

    def _join(
        self, motions: Array, labels: Array, own: Array, i: int, j: int
    ) -> tuple[float, int, int, Array]:
        """Rise of cost if bodies ``i`` and ``j`` moved as one, and how they would."""
        both = (labels == i) | (labels == j)
        larger = i if (labels == i).sum() >= (labels == j).sum() else j
        T = motions[0] if i == 0 else self.fit(motions[larger], both)
        rise = self.cost(T[None], both)[:, 0].sum() - own[both].sum()
        return float(rise), i, j, T
