"""A ball dropped into an open drawer must still be in it when the drawer is shut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt, grey_closing
from scipy.spatial import ConvexHull
from skimage.morphology import reconstruction

from physics_study.settling import start_of
from reel2sim.scene import Joint, JointType, Link, RiggedAsset
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import invert

_LEVEL = 0.3
"""Sine of the steepest slope of a slide that counts as level."""
_CELLS = 72
_CRACK = 3
"""Cells, less one, of the widest crack between pieces that a ball rolls over."""
_LEAST_RADIUS = 0.025
"""Radius of the smallest ball worth dropping, as a share of the link's largest side."""
_STEP_S = 1.0 / 960.0
_SETTLE_S, _CLOSE_S, _WAIT_S = 0.8, 1.5, 0.7
_LIGHT = 0.02
"""Mass of the ball, as a share of the link's."""


@dataclass(frozen=True, eq=False)
class Hollow:
    """Room for a ball in a link, open upwards.

    Attributes:
        center: of the ball that lies in it, link frame ``(3,)``, metres.
        radius: of that ball.
        depth: from the rim down to the floor under the ball.
        lower: lowest corner of the hollow's box, link frame.
        upper: highest corner, at the rim.
    """

    center: Array
    radius: float
    depth: float
    lower: Array
    upper: Array


@dataclass(frozen=True)
class BallTest:
    """What came of it.

    Attributes:
        joint: that was shut.
        verdict: "stays", "lost" or "no hollow".
        radius_mm: of the ball.
        moved_mm: between lying in the open drawer and lying in the shut one, link frame.
    """

    joint: str
    verdict: str
    radius_mm: float = 0.0
    moved_mm: float = 0.0


def ball_tests(bundle: Path, asset: RiggedAsset) -> list[BallTest]:
    """Try every joint that slides level."""
    found: list[BallTest] = []
    for joint in asset.joints:
        if joint.type is JointType.PRISMATIC and abs(joint.axis[2]) < _LEVEL:
            found.append(_try(bundle, asset, joint))
    return found


def _try(bundle: Path, asset: RiggedAsset, joint: Joint) -> BallTest:
    seen = joint.observed_range or (joint.limits.lower, joint.limits.upper)
    tries = [(hollow_of(asset, joint, q), q) for q in seen]
    hollows = [(hollow, q) for hollow, q in tries if hollow is not None]
    if not hollows:
        return BallTest(joint.name, "no hollow")
    hollow, opened = max(hollows, key=lambda each: each[0].radius)
    shut = seen[0] if opened == seen[1] else seen[1]
    return drop_and_shut(bundle, asset, joint, hollow, opened, shut)


def hollow_of(asset: RiggedAsset, joint: Joint, q: float) -> Hollow | None:
    """The hollow of a joint's link that is open upwards with the joint at ``q``.

    Heights of the collision pieces are sampled from above. Rain fills the link's own heights up
    to the lowest point of each rim; under open sky the largest ball is sought that has room.
    """
    poses = asset.link_poses({**start_of(asset), joint.name: q})
    index = asset.link_index[joint.child]
    points = np.concatenate([c.vertices for c in asset.links[index].collision])
    T = poses[index]
    world = points @ T[:3, :3].T + T[:3, 3]
    low, high = world.min(0), world.max(0)
    cell = float((high - low)[:2].max()) / _CELLS
    x = np.arange(low[0] - cell, high[0] + 2 * cell, cell)
    y = np.arange(low[1] - cell, high[1] + 2 * cell, cell)
    own = _heights(asset.links[index], T, x, y)
    # A ball does not fall into the cracks between pieces.
    own = np.maximum(own, grey_closing(np.where(np.isfinite(own), own, -1e9), size=_CRACK))
    own[own < -1e8] = -np.inf
    others = [
        _heights(link, pose, x, y)
        for i, (link, pose) in enumerate(zip(asset.links, poses, strict=True))
        if i != index
    ]
    roof = np.max(others, axis=0) if others else np.full_like(own, -np.inf)
    # Where the link has no floor the water runs out.
    ground = np.where(np.isfinite(own), own, low[2] - cell)
    seed = np.full_like(ground, ground.max())
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        seed[edge] = ground[edge]
    seed[~np.isfinite(own)] = ground[~np.isfinite(own)]
    water = reconstruction(seed, ground, method="erosion")
    depth = np.where(roof < own, water - ground, 0.0)
    return _largest_ball(depth, ground, x, y, cell, T, float((high - low).max()))


def _largest_ball(
    depth: Array, ground: Array, x: Array, y: Array, cell: float, T: Array, size: float
) -> Hollow | None:
    best: tuple[float, tuple[int, int], Array] | None = None
    for level in (
        np.unique(np.quantile(depth[depth > 0], np.linspace(0, 0.95, 12)))
        if (depth > 0).any()
        else ()
    ):
        room = np.asarray(distance_transform_edt(np.pad(depth >= level, 1)))[1:-1, 1:-1]
        at = np.unravel_index(int(room.argmax()), room.shape)
        # Room to roll, and the rim well above the ball's middle.
        radius = min(0.6 * (float(room[at]) - 1.0) * cell, 0.4 * float(level))
        if best is None or radius > best[0]:
            best = radius, (int(at[0]), int(at[1])), depth >= level
    if best is None or best[0] < _LEAST_RADIUS * size:
        return None
    radius, (i, j), wet = best
    inside = np.argwhere(wet)
    rim = ground[i, j] + depth[i, j]
    corners = np.array(
        [
            [x[inside[:, 0].min()] - cell, y[inside[:, 1].min()] - cell, ground[wet].min() - cell],
            [x[inside[:, 0].max()] + cell, y[inside[:, 1].max()] + cell, rim],
        ]
    )
    back = invert(T)
    box = np.array(np.meshgrid(*corners.T)).reshape(3, -1).T @ back[:3, :3].T + back[:3, 3]
    near = slice(max(i - int(radius / cell), 0), i + int(radius / cell) + 1)
    beside = slice(max(j - int(radius / cell), 0), j + int(radius / cell) + 1)
    center = np.array([x[i], y[j], float(ground[near, beside].max()) + 1.05 * radius])
    local = back[:3, :3] @ center + back[:3, 3]
    return Hollow(local, radius, float(depth[i, j]), box.min(0), box.max(0))


def _heights(link: Link, T: Array, x: Array, y: Array) -> Array:
    """Highest point of a link over each of a grid of places ``(x, y)``; −inf over nothing."""
    found = np.full((len(x), len(y)), -np.inf)
    over = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    for piece in link.collision:
        planes = ConvexHull(piece.vertices @ T[:3, :3].T + T[:3, 3]).equations
        slope = -(over @ planes[:, :2].T + planes[:, 3])
        rise = planes[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            at = slope / rise
        top = np.min(np.where(rise > 1e-9, at, np.inf), axis=-1)
        bottom = np.max(np.where(rise < -1e-9, at, -np.inf), axis=-1)
        beside = (np.where(np.abs(rise) <= 1e-9, slope, 0.0) < 0).any(axis=-1)
        hit = (top >= bottom) & ~beside
        found[hit] = np.maximum(found[hit], top[hit])
    return found


def drop_and_shut(
    bundle: Path, asset: RiggedAsset, joint: Joint, hollow: Hollow, opened: float, shut: float
) -> BallTest:
    """Let a ball fall into the open drawer in PyBullet, shut it and see where the ball is."""
    import pybullet as p

    client = p.connect(p.DIRECT)
    try:
        p.setPhysicsEngineParameter(
            fixedTimeStep=_STEP_S, numSolverIterations=100, physicsClientId=client
        )
        p.setPhysicsEngineParameter(enableFileCaching=0, physicsClientId=client)
        p.setGravity(0, 0, -9.81, physicsClientId=client)
        flags = p.URDF_USE_INERTIA_FROM_FILE
        body = p.loadURDF(
            str(bundle / "scene.urdf"), useFixedBase=True, flags=flags, physicsClientId=client
        )
        infos = [
            p.getJointInfo(body, i, physicsClientId=client)
            for i in range(p.getNumJoints(body, physicsClientId=client))
        ]
        drives = {info[1].decode(): info[0] for info in infos}
        targets = {**start_of(asset), joint.name: opened}
        for name, q in targets.items():
            p.resetJointState(body, drives[name], q, physicsClientId=client)
        link = drives[joint.name]
        T = asset.link_poses(targets)[asset.link_index[joint.child]]
        shape = p.createCollisionShape(p.GEOM_SPHERE, radius=hollow.radius, physicsClientId=client)
        mass = _LIGHT * asset.links[asset.link_index[joint.child]].inertial.mass
        start = (T[:3, :3] @ hollow.center + T[:3, 3]).tolist()
        ball = p.createMultiBody(mass, shape, -1, start, physicsClientId=client)
        p.changeDynamics(ball, -1, rollingFriction=1e-3, physicsClientId=client)

        def run(seconds: float, end: float) -> Array:
            """Move the drawer evenly to ``end``; where the ball is in it then."""
            begin, steps = targets[joint.name], round(seconds / _STEP_S)
            for k in range(steps):
                targets[joint.name] = begin + (end - begin) * (k + 1) / steps
                _drive(p, client, body, drives, targets, asset)
                p.stepSimulation(physicsClientId=client)
            state = p.getLinkState(body, link, computeForwardKinematics=1, physicsClientId=client)
            back = p.invertTransform(*state[4:6])
            at = p.getBasePositionAndOrientation(ball, physicsClientId=client)
            return np.array(p.multiplyTransforms(*back, *at)[0])

        lies = run(_SETTLE_S, opened)
        run(_CLOSE_S, shut)
        ends = run(_WAIT_S, shut)
    finally:
        p.disconnect(client)
    kept = all(
        np.isfinite(at).all() and (at > hollow.lower).all() and (at < hollow.upper).all()
        for at in (lies, ends)
    )
    moved = float(np.linalg.norm(ends - lies))
    verdict = "stays" if kept else "lost"
    return BallTest(joint.name, verdict, 1e3 * hollow.radius, 1e3 * moved)


def _drive(
    p: Any,
    client: int,
    body: int,
    drives: dict[str, int],
    targets: dict[str, float],
    asset: RiggedAsset,
) -> None:
    for each in asset.joints:
        if each.name in targets:
            p.setJointMotorControl2(
                body,
                drives[each.name],
                p.POSITION_CONTROL,
                targetPosition=targets[each.name],
                force=each.limits.effort,
                physicsClientId=client,
            )
