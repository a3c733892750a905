"""What bodies do over time, as positions of their joints."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom

from reel2sim.importers.usd.frames import Frames
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError

_MOST_SAMPLES = 100_000


def sampled_codes(prims: Sequence[Any]) -> Array:
    """Time codes ``(t,)`` at which a prim, or one above it, is placed anew; ascending.

    Raises:
        InputError: if there are too many.
    """
    codes: set[float] = set()
    seen: set[str] = set()
    for prim in prims:
        while prim and not prim.IsPseudoRoot() and str(prim.GetPath()) not in seen:
            seen.add(str(prim.GetPath()))
            if prim.IsA(UsdGeom.Xformable):
                codes.update(UsdGeom.Xformable(prim).GetTimeSamples())
            prim = prim.GetParent()
    found = np.array(sorted(codes), np.float64)
    found = found[np.isfinite(found)]
    if len(found) > _MOST_SAMPLES:
        raise InputError(f"has over {_MOST_SAMPLES} time samples", source="stage")
    return found


def sampled_poses(frames: Frames, prims: Mapping[str, Any], codes: Array) -> dict[str, Array]:
    """``T_world_prim`` ``(t, 4, 4)`` without scale, at ``codes``, by name."""
    poses = {name: np.empty((len(codes), 4, 4)) for name in prims}
    for k, code in enumerate(codes.tolist()):
        frames.forget()
        for name, prim in prims.items():
            poses[name][k] = frames.rigid(prim, Usd.TimeCode(code))
    frames.forget()
    return poses


def seconds(stage: Usd.Stage, codes: Array) -> tuple[Array, str | None]:
    """Times of codes ``(t,)``, the first at zero, and what to say where it was not."""
    times = codes / stage.GetTimeCodesPerSecond()
    if len(times) and times[0] != 0.0:
        return times - times[0], f"its time starts at {times[0]:g} s, which is zero here"
    return times, None
