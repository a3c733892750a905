"""A skeleton of ball joints, posed and placed so that its skin follows the surface.

Linear blend skinning is linear in small turns of every joint and in small shifts of every centre,
so both are fitted by Gauss–Newton steps on the distance between the skinned points and their
tracks: turns at each instant alone, centres over all instants together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from reel2sim.rigging.joints.rigid_fit import skew
from reel2sim.rigging.skeleton.bones import Bones
from reel2sim.rigging.skeleton.tracks import Tracks
from reel2sim.rigging.skeleton.tree import Seam, Tree
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, pose

_STEPS = 4
_DAMPING = 1e-6
"""Share of the mean curvature added to every unknown: what nothing is known of stays."""
_INSTANTS_APART = 8
"""Instants that say something of their own about a centre; those between repeat them."""


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones on ball joints, and how they moved.

    Attributes:
        parents: of each bone; every parent comes before its children, -1 for the first.
        joints: where each bone hangs on its parent, world at time zero ``(b, 3)``, metres; the
            first row is a point of the root about which its pose is counted.
        seams: where each bone meets its parent.
        weights: skinning weights of all surfels ``(n, b)``, rows sum to 1.
        base: motion of the root since time zero, world to world ``(t, 4, 4)``.
        turns: rotation of each bone against its parent about its joint, in world axes at time
            zero ``(t, b, 3, 3)``; the root's are the identity.
        held: whether the root stands still.
    """

    parents: tuple[int, ...]
    joints: Array
    seams: tuple[Seam, ...]
    weights: Array
    base: Array
    turns: Array
    held: bool = False

    def __len__(self) -> int:
        return len(self.parents)

    @property
    def motions(self) -> Array:
        """Motion of every bone since time zero, world to world ``(t, b, 4, 4)``."""
        T = np.empty((*self.turns.shape[:2], 4, 4))
        T[:, 0] = self.base
        for k in range(1, len(self)):
            R, c = self.turns[:, k], self.joints[k]
            T[:, k] = T[:, self.parents[k]] @ pose(R, c - R @ c)
        return T

    def error(self, tracks: Tracks) -> float:
        """Mean distance of the skinned points from their tracks, metres."""
        skinned = skinned_points(tracks.points, self.weights[tracks.chosen], self.motions)
        return float(np.linalg.norm(skinned - tracks.ways, axis=-1).mean())


def skinned_points(points: Array, weights: Array, motions: Array) -> Array:
    """Points ``(m, 3)`` blended by ``weights`` ``(m, b)`` of ``motions`` ``(t, b, 4, 4)``."""
    blend = np.einsum("mb,tbij->tmij", weights, motions[..., :3, :])
    return np.einsum("tmij,mj->tmi", blend[..., :3], points) + blend[..., 3]


def hung(bones: Bones, tree: Tree) -> Skeleton:
    """The bones on the tree, turned as they were; shifts against their parents are dropped."""
    motions = bones.motions[list(tree.order)]
    R = motions[:, :, :3, :3]
    turns = np.tile(np.eye(3), (motions.shape[1], len(tree), 1, 1))
    for k, parent in enumerate(tree.parents):
        if parent >= 0:
            turns[:, k] = np.swapaxes(R[parent], 1, 2) @ R[k]
    base = np.tile(np.eye(4), (motions.shape[1], 1, 1)) if tree.held else motions[0]
    weights = bones.weights[:, list(tree.order)]
    return Skeleton(tree.parents, tree.joints, tree.seams, weights, base, turns, tree.held)


def fitted(skeleton: Skeleton, tracks: Tracks, *, rounds: int = 3, hold: bool = False) -> Skeleton:
    """Turn the joints, and place their centres, so that the skin follows the tracks.

    Args:
        skeleton: where to start.
        tracks: of some of its surfels.
        rounds: how often turns and centres take turns.
        hold: leave the centres where they are.
    """
    skeleton = _turned(skeleton, tracks)
    for _ in range(rounds):
        if not hold and len(skeleton) > 1:
            skeleton = _centered(skeleton, tracks)
        skeleton = _turned(skeleton, tracks)
    return skeleton


def _below(parents: tuple[int, ...]) -> Array:
    """Which bones ``k`` each joint ``j`` carries ``(j, k)``."""
    carries = np.eye(len(parents))
    for k in reversed(range(1, len(parents))):
        carries[parents[k]] += carries[k]
    return carries


def _turned(skeleton: Skeleton, tracks: Tracks) -> Skeleton:
    """Turns and the root's pose that bring the skin closest to the tracks at every instant."""
    base, turns = skeleton.base.copy(), skeleton.turns.copy()
    weights = skeleton.weights[tracks.chosen]
    carries = _below(skeleton.parents)
    share = weights @ carries.T
    # Time zero is rest by definition.
    for t in range(1, len(base)):
        state = replace(skeleton, base=base[t : t + 1], turns=turns[t : t + 1])
        state = _posed_at(state, tracks, tracks.ways[t], weights, carries, share)
        base[t], turns[t] = state.base[0], state.turns[0]
    base[0], turns[0] = np.eye(4), np.eye(3)
    return replace(skeleton, base=base, turns=turns)


def _posed_at(
    state: Skeleton, tracks: Tracks, goal: Array, weights: Array, carries: Array, share: Array
) -> Skeleton:
    """Gauss–Newton at one instant; steps that do not help end it."""
    T = state.motions[0]
    parts = _parts(tracks.points, weights, T)
    error = _squares(parts.sum(axis=1), goal)
    for _ in range(_STEPS):
        anchors = np.einsum("bij,bj->bi", T[:, :3, :3], state.joints) + T[:, :3, 3]
        arms = np.einsum("jk,mkc->mjc", carries, parts) - share[..., None] * anchors
        J = np.concatenate([-skew(arms), np.tile(np.eye(3), (len(goal), 1, 1))[:, None]], axis=1)
        if state.held:
            J[:, [0, -1]] = 0.0
        J = np.moveaxis(J, 1, 2).reshape(3 * len(goal), -1)
        wrong = (goal - parts.sum(axis=1)).reshape(-1)
        normal = J.T @ J
        if not normal.any():  # a root that is held, and nothing that hangs on it
            return state
        normal += _DAMPING * np.trace(normal) / len(normal) * np.eye(len(normal))
        step = np.linalg.solve(normal, J.T @ wrong).reshape(-1, 3)
        trial = _stepped(state, T, anchors, step)
        T_new = trial.motions[0]
        parts_new = _parts(tracks.points, weights, T_new)
        then = _squares(parts_new.sum(axis=1), goal)
        if then >= error:
            return state
        done = then > error * (1 - 1e-3)
        state, T, parts, error = trial, T_new, parts_new, then
        if done:
            return state
    return state


def _stepped(state: Skeleton, T: Array, anchors: Array, step: Array) -> Skeleton:
    """Every joint turned by a small world rotation about itself ``(b + 1, 3)``, the root moved."""
    turn = Rotation.from_rotvec(step[:-1]).as_matrix()
    about = pose(turn[0], anchors[0] - turn[0] @ anchors[0] + step[-1])
    turns = state.turns.copy()
    for k in range(1, len(state)):
        R = T[state.parents[k], :3, :3]
        turns[0, k] = R.T @ turn[k] @ R @ state.turns[0, k]
    return replace(state, base=about[None] @ state.base, turns=turns)


def _parts(points: Array, weights: Array, T: Array) -> Array:
    """What each bone contributes to every skinned point ``(m, b, 3)``."""
    return weights[..., None] * np.swapaxes(apply(T, points), 0, 1)


def _squares(found: Array, goal: Array) -> float:
    return float(((found - goal) ** 2).sum())


def _centered(skeleton: Skeleton, tracks: Tracks) -> Skeleton:
    """Centres of all joints shifted together, their seams as prior.

    Points of a bone err together, and instants close in time do too: each bone counts as one
    observation at :data:`_INSTANTS_APART` instants.
    """
    weights = skeleton.weights[tracks.chosen]
    T = skeleton.motions
    share = (weights @ _below(skeleton.parents).T)[:, 1:]
    parents = list(skeleton.parents[1:])
    lever = T[:, parents, :3, :3] - T[:, 1:, :3, :3]
    wrong = tracks.ways - skinned_points(tracks.points, weights, T)
    noise2 = max(float((wrong**2).sum(axis=-1).mean()), (0.002 * tracks.diagonal) ** 2)
    count = len(skeleton) * min(_INSTANTS_APART, len(T)) / (len(T) * len(tracks.points) * noise2)
    unknowns = 3 * (len(skeleton) - 1)
    # The points' part of the normal equations is the same at every instant.
    overlap = share.T @ share
    normal = np.einsum("tjki,tlkm,jl->jilm", lever, lever, overlap).reshape(unknowns, unknowns)
    right = np.einsum("tjki,tmk,mj->ji", lever, wrong, share).reshape(-1)
    spread = np.array([max(s.spread, 0.002 * tracks.diagonal) for s in skeleton.seams[1:]])
    prior = np.repeat(spread**-2.0, 3)
    away = np.stack([s.center for s in skeleton.seams[1:]]) - skeleton.joints[1:]
    system = count * normal + np.diag(prior)
    shift = np.linalg.solve(system, count * right + prior * away.reshape(-1)).reshape(-1, 3)
    joints = skeleton.joints.copy()
    joints[1:] += shift
    moved = _squares_of(replace(skeleton, joints=joints), tracks, weights)
    # What the seams ask for may cost a little fit; more means the linearisation was left.
    if moved > 1.05 * float((wrong**2).sum()):
        joints = skeleton.joints + 0.3 * (joints - skeleton.joints)
    return replace(skeleton, joints=joints)


def _squares_of(skeleton: Skeleton, tracks: Tracks, weights: Array) -> float:
    found = skinned_points(tracks.points, weights, skeleton.motions)
    return float(((tracks.ways - found) ** 2).sum())
