"""Particle fields below bodies as their surfels."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pxr import Sdf, Usd

from reel2sim.importers.usd.frames import Frames
from reel2sim.importers.usd.layers import Opened
from reel2sim.importers.usd.shapes import carrier, check_points
from reel2sim.scene import Surfels
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import matrix_from_quaternion, pose, quaternion_from_matrix

_KIND = "ParticleField3DGaussianSplat"
_VARIANTS, _CHOICE = "appearance", "splats"
_MOST = 5_000_000
_LEAST_SCALE = 1e-7


def surfels_of(opened: Opened, frames: Frames, bodies: Mapping[str, Any]) -> dict[str, Surfels]:
    """Surfels in the world's coordinates by the path of their body; "" for those of none.

    If there are none, the ``splats`` variant of the default prim's ``appearance`` is looked into.

    Raises:
        InputError: if a field's arrays do not fit each other.
    """
    found = _fields(frames, bodies)
    root = opened.stage.GetDefaultPrim()
    if found or not root or _VARIANTS not in root.GetVariantSets().GetNames():
        return found
    choice = root.GetVariantSet(_VARIANTS)
    if _CHOICE not in choice.GetVariantNames():
        return found
    before = opened.stage.GetEditTarget()
    opened.stage.SetEditTarget(opened.stage.GetSessionLayer())
    choice.SetVariantSelection(_CHOICE)
    try:
        opened.check()
        frames.forget()
        return _fields(frames, bodies)
    finally:
        session = opened.stage.GetSessionLayer().GetPrimAtPath(root.GetPath())
        if session and _VARIANTS in session.variantSelections:
            del session.variantSelections[_VARIANTS]
        opened.stage.SetEditTarget(before)
        frames.forget()


def _fields(frames: Frames, bodies: Mapping[str, Any]) -> dict[str, Surfels]:
    parts: dict[str, list[Surfels]] = {}
    for prim in Usd.PrimRange.Stage(frames.stage, Usd.TraverseInstanceProxies()):
        if str(prim.GetTypeName()) == _KIND:
            parts.setdefault(carrier(prim, bodies), []).append(_field(frames, prim))
    return {body: Surfels.joined(own) for body, own in parts.items()}


def _field(frames: Frames, prim: Any) -> Surfels:
    """A field in the world; Gaussians lose their shortest axis, which is their normal."""
    path = str(prim.GetPath())
    points = _array(prim, "positions", 3)
    count = len(points)
    if count > _MOST:
        raise InputError(f"has over {_MOST} splats", source=path)
    turns, scales = _array(prim, "orientations", 4), _array(prim, "scales", 3)
    opacities = _array(prim, "opacities", 1)[:, 0]
    sh = _array(prim, "radiance:sphericalHarmonicsCoefficients", 3)
    degree = prim.GetAttribute("radiance:sphericalHarmonicsDegree").Get() or 0
    size = (int(degree) + 1) ** 2
    if not len(turns) == len(scales) == len(opacities) == count or len(sh) != count * size:
        raise InputError("its arrays are of different lengths", source=path)
    if degree > 3:
        raise InputError(f"has harmonics of degree {degree}", source=path, remedy="leave 3")
    for name, values in (("positions", points), ("scales", scales), ("orientations", turns)):
        if not np.isfinite(values).all():
            raise InputError("is not finite", source=path, field=name)
    own = _flat(points, turns, scales, opacities, sh.reshape(count, size, 3))
    affine, rigid = frames.affine(prim), frames.rigid(prim)
    grown = float(np.cbrt(abs(np.linalg.det(affine[:3, :3]))))
    # Scale first, about the field's own origin; then move.
    stretch = rigid[:3, :3].T @ affine[:3, :3]
    sized = Surfels(
        own.means @ stretch.T,
        own.rotations,
        own.scales * grown,
        own.opacities,
        own.sh,
        own.confidence,
    )
    moved = sized.moved(pose(rigid[:3, :3], rigid[:3, 3]))
    check_points(moved.means, path)
    return moved


def _flat(points: Array, turns: Array, scales: Array, opacities: Array, sh: Array) -> Surfels:
    lengths = np.linalg.norm(turns, axis=1)
    turns = np.where(lengths[:, None] > 1e-9, turns, [1.0, 0, 0, 0])
    thin = scales.argmin(axis=1) if len(scales) else np.zeros(0, int)
    if (thin != 2).any():
        # A cyclic change of axes keeps handedness and puts the thin one last.
        order = (thin[:, None] + np.array([1, 2, 0])) % 3
        R = matrix_from_quaternion(turns)
        R = np.take_along_axis(R, order[:, None, :].repeat(3, axis=1), axis=2)
        other = thin != 2
        turns = np.where(other[:, None], quaternion_from_matrix(R), turns)
        scales = np.where(other[:, None], np.take_along_axis(scales, order, axis=1), scales)
    return Surfels(
        means=points,
        rotations=turns,
        scales=np.maximum(scales[:, :2], _LEAST_SCALE),
        opacities=np.clip(np.nan_to_num(opacities), 0, 1),
        sh=sh,
        confidence=np.ones(len(points)),
    )


def _array(prim: Any, name: str, width: int) -> Array:
    """An attribute's rows ``(n, width)``; wxyz for quaternions, which numpy has xyzw."""
    attribute = prim.GetAttribute(name)
    value = attribute.Get() if attribute else None
    if value is None:
        return np.zeros((0, width), np.float32)
    array = np.array(value, np.float32).reshape(-1, width)
    is_quaternion = attribute.GetTypeName() in (
        Sdf.ValueTypeNames.QuatfArray,
        Sdf.ValueTypeNames.QuathArray,
    )
    return np.roll(array, 1, axis=1) if is_quaternion else array
