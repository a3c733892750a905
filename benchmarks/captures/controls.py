"""Bodies without a joint, to see that none is found: rigid ones that move, and soft ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import trimesh
from captures.body import Body
from scipy.spatial.transform import Rotation

from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import apply, axis_rotation, pose

Control = Literal["turntable", "carried", "ball", "sheet"]
CONTROLS: tuple[Control, ...] = get_args(Control)

_UP = np.array([0.0, 0.0, 1.0])
_SQUASH = 0.25
_BOUNCES = 2
_WAVE = 0.9
"""Radians by which the wave tilts the sheet at most."""


def load_control(name: Control) -> Body:
    """A body that moves without any joint.

    ``turntable`` is a rigid figure that turns as a whole by half a turn, with nothing beside it
    that stays; ``carried`` the same figure on a path through space, turning as it goes; ``ball``
    bounces, squashed and stretched along z with its volume kept; ``sheet`` hangs from one edge
    and bends in a wave that keeps all lengths, without a crease.
    """
    made = {"turntable": _turntable, "carried": _carried, "ball": _ball, "sheet": _sheet}
    return made[name]()


def _turntable() -> Body:
    return _rigid("turntable", lambda share: pose(axis_rotation(_UP, np.pi * share)))


def _carried() -> Body:
    axis = np.array([0.4, -0.3, 0.87])
    axis /= np.linalg.norm(axis)

    def motion(share: float) -> Array:
        eased = 0.5 - 0.5 * np.cos(np.pi * share)
        way = np.array([0.35 * eased, 0.12 * np.sin(np.pi * share), 0.15 * eased**2])
        return pose(axis_rotation(axis, 1.2 * eased), way)

    return _rigid("carried", motion)


def _ball() -> Body:
    radius = 0.1
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=radius)

    def vertices_at(share: float) -> Array:
        phase = 2 * np.pi * _BOUNCES * share
        tall = 1.0 - _SQUASH * np.cos(phase)
        wide = 1.0 / np.sqrt(tall)
        lift = radius * (tall + 1.0 - np.cos(phase))
        return mesh.vertices * [wide, wide, tall] + [0.0, 0.0, lift]

    return _soft("ball", mesh.faces, vertices_at)


def _sheet() -> Body:
    length, height, thickness = 0.4, 0.3, 0.006
    slab = trimesh.creation.box((length, thickness, height))
    vertices, faces = trimesh.remesh.subdivide_to_size(slab.vertices, slab.faces, 0.01)
    slab = trimesh.Trimesh(vertices, faces)  # merges what the subdivision doubled
    place, side, z = (slab.vertices + np.array([length / 2, 0.0, 0.0])).T
    knots = np.linspace(0.0, length, 401)

    def vertices_at(share: float) -> Array:
        # The tilt of the middle line is given, so its length cannot change.
        strength = _WAVE * np.sin(np.pi * share) ** 2
        tilt = strength * np.sin(2 * np.pi * (knots / length - share))
        steps = np.diff(knots) * np.exp(0.5j * (tilt[1:] + tilt[:-1]))
        line = np.concatenate([[0.0], np.cumsum(steps)])
        at = np.interp(place, knots, line)
        at = at + side * 1j * np.exp(1j * np.interp(place, knots, tilt))
        return np.stack([at.real, at.imag, z], axis=1)

    return _soft("sheet", slab.faces, vertices_at)


def _rigid(name: str, motion_at: Callable[[float], Array]) -> Body:
    mesh = _figure()
    return Body(
        name=name,
        faces=np.asarray(mesh.faces),
        face_parts=np.zeros(len(mesh.faces), dtype=np.int64),
        parts=("figure",),
        vertices_at=lambda share: apply(motion_at(share), mesh.vertices),
        poses_at=lambda share: {"figure": motion_at(share)},
    )


def _soft(name: str, faces: Array, vertices_at: Callable[[float], Array]) -> Body:
    """A body whose pose is the rigid motion that is closest to its own."""
    start = vertices_at(0.0)
    middle = start.mean(axis=0)

    def poses_at(share: float) -> dict[str, Array]:
        now = vertices_at(share)
        R = Rotation.align_vectors(now - now.mean(axis=0), start - middle)[0].as_matrix()
        return {name: pose(R, now.mean(axis=0) - R @ middle)}

    return Body(
        name=name,
        faces=np.asarray(faces),
        face_parts=np.zeros(len(faces), dtype=np.int64),
        parts=(name,),
        vertices_at=vertices_at,
        sharp=np.pi if name == "ball" else np.radians(60),
        poses_at=poses_at,
    )


def _figure() -> trimesh.Trimesh:
    """A body without symmetry: a block with a post, a knob and a beam."""
    pieces = [
        trimesh.creation.box((0.30, 0.18, 0.10)),
        trimesh.creation.cylinder(0.05, 0.20).apply_translation((-0.07, 0.02, 0.13)),
        trimesh.creation.icosphere(3, 0.07).apply_translation((-0.07, 0.02, 0.26)),
        trimesh.creation.box((0.16, 0.05, 0.05)).apply_translation((0.12, -0.03, 0.075)),
    ]
    return trimesh.util.concatenate(pieces)
