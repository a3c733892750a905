"""What is known of an object before it moves: where it starts, its size and its damping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reel2sim.envs.bundle import LoadedBundle
from reel2sim.envs.physics.body import Body, StartState
from reel2sim.envs.physics.gears import follow, gears_of
from reel2sim.envs.physics.world import TIMESTEP_S
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, invert

_INSTANTS = 48
"""Instants of a motion at which bounds are taken: they change slowly."""
_POSTURES = 9
"""Instants, and postures over the joints' ranges, at which inertia is looked at."""


@dataclass(frozen=True, eq=False)
class Setting:
    """An object as its motion starts.

    Attributes:
        start: the state at the motion's first instant, at rest.
        poses: of the root at the motion's instants ``(k, 4, 4)``, world frame.
        q: positions of the movable joints there ``(k, n)``, radians or metres.
        lower: lowest corner of the object over the whole motion ``(3,)``, world frame.
        upper: highest corner ``(3,)``.
        size: diagonal of the object at the start, metres.
        damping: joint damping a simulator can integrate ``(n,)``.
        damping_described: what the description says ``(n,)``.
        damping_most: the most a simulator can integrate ``(n,)``.
    """

    start: StartState
    poses: Array
    q: Array
    lower: Array
    upper: Array
    size: float
    damping: Array
    damping_described: Array
    damping_most: Array


def start_state(bundle: LoadedBundle) -> StartState:
    """The state at the first instant of the motion of ``bundle``, at rest."""
    q = _positions(bundle)[0]
    still = np.zeros(3)
    return StartState(bundle.motion.base_poses[0], q, np.zeros_like(q), still, still)


def setting_of(bundle: LoadedBundle, body: Body) -> Setting:
    """Look at ``body``, which has been loaded in its :func:`start_state`, along its motion.

    Leaves it in some other posture.
    """
    start, q = start_state(bundle), _positions(bundle)
    poses = bundle.motion.base_poses
    if body.fixed_base:
        poses = np.broadcast_to(poses[0], poses.shape)
    lower, upper, size = _bounds(body, q, poses)
    described = np.array([joint.description.damping for joint in bundle.joints])
    most = _most_damping(bundle, body, q) if described.any() else described
    damping = np.minimum(described, most)
    return Setting(start, poses, q, lower, upper, size, damping, described, most)


def _positions(bundle: LoadedBundle) -> Array:
    """Positions of the movable joints ``(k, n)`` at the motion's instants, within their limits."""
    motion = bundle.motion
    q = np.zeros((len(motion.times_s), len(bundle.joints)))
    for j, joint in enumerate(bundle.joints):
        limits = joint.description
        q[:, j] = np.clip(motion.positions[joint.name], limits.lower, limits.upper)
    follow(gears_of(bundle), q)
    return q


def _bounds(body: Body, q: Array, poses: Array) -> tuple[Array, Array, float]:
    """Lowest and highest corner over all poses, and the diagonal at the first."""
    T_root_world = invert(body.root_pose())
    corners: list[Array] = []
    size = 0.0
    stride = max(1, len(q) // _INSTANTS)
    for k in sorted({*range(0, len(q), stride), len(q) - 1}):
        body.place(q[k])
        low, high = body.bounds()
        size = size or float(np.linalg.norm(high - low))
        box = np.where(list(np.ndindex(2, 2, 2)), high, low)
        corners.append(apply(poses[k] @ T_root_world, box))
    every = np.concatenate(corners)
    return every.min(axis=0), every.max(axis=0), max(size, 1e-3)


def _most_damping(bundle: LoadedBundle, body: Body, q: Array) -> Array:
    """The most damping that cannot blow up.

    PyBullet applies joint damping explicitly: beyond twice inertia over time step it feeds energy
    in, and a light lid with plain damping is there already. Inertia over time step brings a joint
    to rest within one step, which is as much as damping can do. With ``1/I`` the column sum of the
    inverse mass matrix, Gershgorin's theorem bounds any number of coupled joints.
    """
    inverse = np.zeros(len(bundle.joints))
    seen = q[np.unique(np.linspace(0, len(q) - 1, _POSTURES).astype(int))]
    for posture in [*seen, *_postures(bundle, q[0])]:
        body.place(posture)
        inverse = np.maximum(inverse, np.abs(body.mobility()).sum(axis=0))
    return 1.0 / np.maximum(TIMESTEP_S * inverse, 1e-12)


def _postures(bundle: LoadedBundle, rest: Array) -> list[Array]:
    """Postures over the joints' ranges: an agent goes where the reel did not."""
    rng = np.random.default_rng(0)
    low = np.array([joint.description.lower for joint in bundle.joints])
    high = np.array([joint.description.upper for joint in bundle.joints])
    free = np.isinf(low) | np.isinf(high)
    low, high = np.where(free, rest - np.pi, low), np.where(free, rest + np.pi, high)
    return list(rng.uniform(low, high, (_POSTURES, len(rest))))
