"""Loops that the tree cuts are found where the motion closes them, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import fsolve

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.couplings.loops import find_loops
from reel2sim.scene import JointType
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply

J = JointType
TIMES = np.linspace(0.0, 1.0, 20)
STILL = np.tile(np.eye(4), (20, 1, 1))
Y = np.array([0.0, 1.0, 0.0])
SIZE = 0.004

# A four-bar linkage in the plane y = 0: ground A–D, crank A–B, coupler B–C, rocker D–C.
A, B, C, D = (np.array(p, float) for p in ([0, 0, 0], [0, 0, 0.1], [0.25, 0, 0.2], [0.3, 0, 0]))


def bar(start: Array, end: Array, seed: int) -> Array:
    """Surfels along a bar ``(300, 3)``."""
    rng = np.random.default_rng(seed)
    along = start + rng.uniform(0, 1, (300, 1)) * (end - start)
    return along + rng.uniform(-1, 1, (300, 3)) * [0.004, 0.008, 0.004]


def turn(p: Array, q: float) -> Array:
    """Rotation about +y of a point in the plane."""
    c, s = np.cos(q), np.sin(q)
    return np.array([c * p[0] + s * p[2], 0.0, -s * p[0] + c * p[2]])


def four_bar(crank: Array) -> tuple[Array, Array]:
    """Angles of coupler on crank and rocker on ground for the crank's, all zero at first."""

    def gap(x: Array, q: float) -> Array:
        tip = A + turn(B - A + turn(C - B, x[0]), q)
        return (tip - D - turn(C - D, x[1]))[[0, 2]]

    found, x = [], np.zeros(2)
    for q in crank:
        x = fsolve(gap, x, args=(q,), xtol=1e-12)
        found.append(x)
    return np.array(found)[:, 0], np.array(found)[:, 1]


def hinge(parent: int, child: int, pivot: Array, q: Array) -> JointEstimate:
    return JointEstimate(
        parent=parent, child=child, type=J.REVOLUTE, axis=Y, pivot=pivot, positions=q
    )


def linkage(coupler: Array, rocker: Array, crank: Array) -> tuple[Articulation, Array]:
    shapes = [bar(A, D, 0), bar(A, B, 1), bar(B, C, 2), bar(D, C, 3)]
    joints = (hinge(0, 1, A, crank), hinge(1, 2, B, coupler), hinge(0, 3, D, rocker))
    labels = np.repeat(np.arange(4), 300)
    return Articulation(TIMES, labels, joints, STILL), np.concatenate(shapes)


@pytest.mark.parametrize("crank", [0.9 * TIMES, 0.7 * np.sin(np.pi * TIMES)])
def test_a_four_bar_linkage_is_a_loop(crank):
    rng = np.random.default_rng(0)
    coupler, rocker = four_bar(crank)
    noise = 0.003 * rng.normal(size=(2, 20))
    noise[:, 0] = 0
    rig, points = linkage(coupler + noise[0], rocker + noise[1], crank)
    (loop,) = find_loops(rig, points, size=SIZE)
    assert (loop.first, loop.second, loop.type) == (2, 3, J.REVOLUTE)
    assert abs(loop.axis @ Y) > np.cos(np.radians(1))
    assert np.linalg.norm(np.cross(loop.pivot - C, Y)) < SIZE
    # Both parts carry the pivot to the same place.
    T = rig.part_motions()
    gaps = apply(T[:, 2], loop.pivot[None]) - apply(T[:, 3], loop.pivot[None])
    assert np.linalg.norm(gaps, axis=-1).max() < SIZE
    assert loop.residual < SIZE


def test_bars_that_touch_and_move_by_themselves_are_no_loop():
    crank = 0.7 * np.sin(np.pi * TIMES)
    coupler, rocker = four_bar(crank)
    rig, points = linkage(0.5 * coupler, rocker, crank)
    assert find_loops(rig, points, size=SIZE) == ()
    rig, points = linkage(coupler, np.zeros(20), crank)
    assert find_loops(rig, points, size=SIZE) == ()


def test_joints_on_one_line_close_nothing():
    # Two wheels of one axle, and two drawers that slide one way: their relative motion is a joint
    # whatever they do.
    crank = 0.7 * np.sin(np.pi * TIMES)
    wheels = (hinge(0, 1, A, crank), hinge(0, 2, A, -0.5 * TIMES))
    labels = np.repeat(np.arange(3), 300)
    points = np.concatenate([bar(A, D, 0), bar(A, B, 1), bar(A, B, 2)])
    assert find_loops(Articulation(TIMES, labels, wheels, STILL), points, size=SIZE) == ()
    drawers = tuple(
        JointEstimate(parent=0, child=k, type=J.PRISMATIC, axis=Y, pivot=A, positions=q)
        for k, q in ((1, 0.2 * TIMES), (2, 0.1 * np.sin(np.pi * TIMES)))
    )
    assert find_loops(Articulation(TIMES, labels, drawers, STILL), points, size=SIZE) == ()


def test_parts_that_do_not_touch_are_not_joined():
    crank = 0.9 * TIMES
    coupler, rocker = four_bar(crank)
    rig, points = linkage(coupler, rocker, crank)
    points = points.copy()
    points[900:] += [0, 0.1, 0]
    assert find_loops(rig, points, size=SIZE) == ()
