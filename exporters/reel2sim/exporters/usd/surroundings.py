"""Lights and cameras of a scene."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pxr import Gf, Sdf, Usd, UsdGeom, UsdLux

from reel2sim.exporters.names import free_name
from reel2sim.exporters.usd.stage import place, vec3f
from reel2sim.scene import Camera, Light, LightKind
from reel2sim.scene.camera import opencv_from_opengl

_APERTURE = 36.0
"""Width of the film, in tenths of the stage's unit as USD counts it; only ratios matter."""
_BULB_M = 0.05
_CLIPPING = (0.01, 1000.0)


def author_lights(stage: Usd.Stage, lights: Sequence[Light], taken: Sequence[str]) -> str:
    """A scope of lights; its name, or "" without any.

    Intensities are normalised, so that they do not depend on a light's size: a sun's is in lux.
    A sphere shines with an intensity of π × its luminance × radius², and its luminance is the
    normalised intensity over its area, 4π × radius²: hence the 4 of a point's candela.
    """
    if not lights:
        return ""
    scope = _scope(stage, "Lights", taken)
    for light in lights:
        path = scope.AppendChild(light.name)
        if light.kind is LightKind.SUN:
            prim = UsdLux.DistantLight.Define(stage, path)
            prim.CreateIntensityAttr(light.strength)
        else:
            prim = UsdLux.SphereLight.Define(stage, path)
            prim.CreateIntensityAttr(4.0 * light.strength)
            prim.CreateRadiusAttr(_BULB_M)
            prim.CreateExtentAttr([(-_BULB_M,) * 3, (_BULB_M,) * 3])
        prim.CreateNormalizeAttr(True)
        prim.CreateColorAttr(vec3f(light.color))
        place(prim.GetPrim(), light.T_world_light)
    return scope.name


def author_cameras(stage: Usd.Stage, cameras: Mapping[str, Camera], taken: Sequence[str]) -> str:
    """A scope of cameras; its name, or "" without any.

    A shifted principal point becomes an offset of the film.
    """
    if not cameras:
        return ""
    scope = _scope(stage, "Cameras", taken)
    for name, camera in cameras.items():
        prim = UsdGeom.Camera.Define(stage, scope.AppendChild(name))
        focal = camera.fx * _APERTURE / camera.width
        height = camera.height * focal / camera.fy
        prim.CreateFocalLengthAttr(focal)
        prim.CreateHorizontalApertureAttr(_APERTURE)
        prim.CreateVerticalApertureAttr(height)
        prim.CreateHorizontalApertureOffsetAttr(_APERTURE * (0.5 - camera.cx / camera.width))
        prim.CreateVerticalApertureOffsetAttr(height * (camera.cy / camera.height - 0.5))
        prim.CreateClippingRangeAttr(Gf.Vec2f(*_CLIPPING))
        # USD's cameras look along −Z with Y up.
        place(prim.GetPrim(), opencv_from_opengl(camera.T_world_camera))
    return scope.name


def _scope(stage: Usd.Stage, name: str, taken: Sequence[str]) -> Sdf.Path:
    path = stage.GetDefaultPrim().GetPath().AppendChild(free_name(name, taken))
    return UsdGeom.Scope.Define(stage, path).GetPath()
