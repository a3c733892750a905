"""What is around the objects of a stage: gravity, lights, cameras."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdLux, UsdPhysics

from reel2sim.exporters.names import free_name, identifier
from reel2sim.importers.usd.frames import Frames, decimal
from reel2sim.scene import Camera, Light, LightKind
from reel2sim.scene.arrays import Array
from reel2sim.scene.camera import opencv_from_opengl

_EARTH = 9.81
_WIDTH = 1280
"""Pixels of cameras, whose film says a shape but no pixels."""
_DARK = 1e-12


def gravity_of(frames: Frames) -> Array:
    """Of the first physics scene ``(3,)``; the Earth's, downwards, where it does not say."""
    down = np.array([0.0, 0.0, -1.0])
    scenes = [prim for prim in _prims(frames) if prim.IsA(UsdPhysics.Scene)]
    if not scenes:
        return down * _EARTH
    api = UsdPhysics.Scene(scenes[0])
    way = np.array(api.GetGravityDirectionAttr().Get(), np.float64)
    size, length = api.GetGravityMagnitudeAttr().Get(), float(np.linalg.norm(way))
    if math.isfinite(length) and length > 0:
        down = frames.turn @ way / length
    if not (math.isfinite(size) and size >= 0):
        return down * _EARTH
    return down * decimal(size) * frames.metre


def lights_of(frames: Frames) -> tuple[tuple[Light, ...], list[str]]:
    """Suns and points of light, and notes on others, which are left out."""
    found: list[Light] = []
    notes: list[str] = []
    for prim in _prims(frames):
        if not prim.HasAPI(UsdLux.LightAPI):
            continue
        strength = _strength(prim, frames)
        if strength is None or not _shown(prim):
            notes.append(f"{prim.GetPath()} is a {prim.GetTypeName()} and left out")
        elif strength > _DARK:
            name = free_name(identifier(str(prim.GetName())), [light.name for light in found])
            kind = LightKind.SUN if prim.IsA(UsdLux.DistantLight) else LightKind.POINT
            color = np.maximum(np.array(UsdLux.LightAPI(prim).GetColorAttr().Get(), float), 0)
            if np.isfinite(color).all():
                found.append(Light(name, kind, frames.rigid(prim), color, strength))
    return tuple(found), notes


def cameras_of(frames: Frames) -> dict[str, Camera]:
    """Cameras in perspective, by name."""
    found: dict[str, Camera] = {}
    for prim in _prims(frames):
        if not prim.IsA(UsdGeom.Camera):
            continue
        lens = UsdGeom.Camera(prim).GetCamera(frames.rest)
        wide, high = float(lens.horizontalAperture), float(lens.verticalAperture)
        focal = float(lens.focalLength)
        if str(lens.projection).endswith("Orthographic") or not min(wide, high, focal) > 0:
            continue
        if not math.isfinite(wide + high + focal):
            continue
        height = max(1, round(_WIDTH * high / wide))
        found[free_name(identifier(str(prim.GetName())), found)] = Camera(
            _WIDTH,
            height,
            focal / wide * _WIDTH,
            focal / high * height,
            _WIDTH * (0.5 - float(lens.horizontalApertureOffset) / wide),
            height * (0.5 + float(lens.verticalApertureOffset) / high),
            # USD's cameras look along −Z with Y up.
            opencv_from_opengl(frames.rigid(prim)),
        )
    return found


def _strength(prim: Any, frames: Frames) -> float | None:
    """Lux of a sun, candela of a sphere seen as a point; None for other lights."""
    light = UsdLux.LightAPI(prim)
    power = float(light.GetIntensityAttr().Get()) * 2.0 ** float(light.GetExposureAttr().Get())
    if not (math.isfinite(power) and power >= 0):
        return None
    if prim.IsA(UsdLux.DistantLight):
        return power
    if not prim.IsA(UsdLux.SphereLight):
        return None
    if light.GetNormalizeAttr().Get():
        return power / 4.0  # its luminance is over 4π radius², its intensity over π radius²
    radius = float(UsdLux.SphereLight(prim).GetRadiusAttr().Get()) * frames.metre
    return power * math.pi * radius**2


def _shown(prim: Any) -> bool:
    return str(UsdGeom.Imageable(prim).ComputeVisibility()) != "invisible"


def _prims(frames: Frames) -> Iterator[Any]:
    return iter(Usd.PrimRange.Stage(frames.stage, Usd.TraverseInstanceProxies()))
