"""What is true of a performance: joints, poses, and the surface points its first instant shows."""

from __future__ import annotations

from typing import Final

import numpy as np

from reel2sim.generation.scripted.kinematics import Part
from reel2sim.generation.scripted.play import Actor, Performance
from reel2sim.generation.truth import TrueJoint, Truth
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import Camera
from reel2sim.scene.rig import JointType
from reel2sim.scene.transforms import apply

_POINTS: Final = 14000
"""Surface points drawn before those that no picture of the first instant shows are dropped."""
_SHARE: Final = 0.15
"""Of the cameras that must see a point: what shows through a slit from one or two of them is
narrower than a pixel."""


def make_truth(
    play: Performance, looks: list[tuple[Camera, Array]], rng: np.random.Generator
) -> Truth:
    """The truth of a reel.

    Args:
        play: what happened.
        looks: cameras of the first instant with its depth ``(h, w)``, metres along z, infinite
            where there is nothing; the depth may be larger than the camera's pictures.
        rng: draws the surface points.
    """
    bodies = [(actor, part) for actor in play.actors for part in actor.spec.parts]
    names = tuple(play.part_name(actor, part.name) for actor, part in bodies)
    sizes = np.array([np.prod(np.ptp(part.vertices, axis=0) + 0.05) for _, part in bodies])
    share = np.maximum(_POINTS // (20 + len(bodies)), _POINTS * sizes / sizes.sum()).astype(int)
    clouds: list[Array] = []
    for (actor, part), count in zip(bodies, share, strict=True):
        points = apply(actor.part_poses[part.name][0], sample_surface(part, int(count), rng))
        seen = seen_in(looks, points)
        clouds.append(points[seen] if seen.any() else points)
    return Truth(
        diagonal_m=float(np.linalg.norm(np.ptp(play.points([0]), axis=0))),
        times_s=play.times_s,
        joints=tuple(_joint(play, actor, part) for actor, part in bodies if part.movable),
        parts=names,
        link_poses={
            name: actor.part_poses[part.name]
            for name, (actor, part) in zip(names, bodies, strict=True)
        },
        points=np.concatenate(clouds),
        point_parts=np.repeat(np.arange(len(names)), [len(cloud) for cloud in clouds]),
    )


def _joint(play: Performance, actor: Actor, part: Part) -> TrueJoint:
    """A joint as it stands at the first instant, in the world."""
    T = actor.part_poses[part.name][0]
    q = actor.positions[part.name]
    stops = part.limits if part.joint is not JointType.CONTINUOUS else (-np.inf, np.inf)
    # The part's own turn about its axis leaves the axis where it is.
    return TrueJoint(
        name=f"{play.part_name(actor, part.name)}_joint",
        type=part.joint,
        parent=play.part_name(actor, part.parent),
        child=play.part_name(actor, part.name),
        axis=T[:3, :3] @ np.asarray(part.axis),
        pivot=T[:3, 3],
        positions=q - q[0],
        limits=(stops[0] - q[0], stops[1] - q[0]),
    )


def sample_surface(part: Part, count: int, rng: np.random.Generator) -> Array:
    """Even random points on a part ``(count, 3)``, metres, part frame."""
    corners = np.concatenate([solid.triangles for solid in part.solids]) - np.asarray(part.pivot)
    a, b, c = np.moveaxis(corners, 1, 0)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = rng.choice(len(areas), size=count, p=areas / areas.sum())
    u, v = rng.random((2, count, 1))
    over = u + v > 1
    u, v = np.where(over, 1 - u, u), np.where(over, 1 - v, v)
    return a[chosen] + u * (b - a)[chosen] + v * (c - a)[chosen]


def seen_in(looks: list[tuple[Camera, Array]], points: Array) -> Array:
    """Whether each point ``(n, 3)``, metres, world, is seen by a fair share of cameras ``(n,)``."""
    times = np.zeros(len(points), int)
    for camera, depth in looks:
        uv, z = camera.project(points)
        factor = depth.shape[1] / camera.width
        column, row = np.floor(uv * factor).astype(int).T
        inside = (column >= 1) & (row >= 1)
        inside &= (column < depth.shape[1] - 1) & (row < depth.shape[0] - 1) & (z > 0)
        x, y = np.where(inside, column, 1), np.where(inside, row, 1)
        # The farthest of a pixel's neighbours: at grazing angles depth changes within a pixel.
        around = [depth[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        here = np.where(np.isfinite(around), around, 0.0).max(axis=0)
        slope = 0.5 * z / (camera.fx * factor)
        times += inside & (z < here + slope + 1e-3 * z)
    return times >= max(1, round(_SHARE * len(looks)))
