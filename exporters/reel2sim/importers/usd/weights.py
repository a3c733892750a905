"""Mass and material of bodies, by UsdPhysics' rules of precedence."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pxr import UsdPhysics, UsdSemantics, UsdShade

from reel2sim.importers.mass import hull_inertial, joined_inertial
from reel2sim.importers.usd.frames import Frames, decimal, number, rotation
from reel2sim.importers.usd.shapes import Shape
from reel2sim.scene import Inertial, Material
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import InputError
from reel2sim.scene.transforms import apply, invert


@dataclass(frozen=True, eq=False)
class Said:
    """What a MassAPI says, in kilograms and metres of the body; None for what it leaves open."""

    mass: float | None = None
    density: float | None = None
    center: Array | None = None
    inertia: Array | None = None


class Weigher:
    """Mass and material of bodies; keeps notes."""

    def __init__(self, frames: Frames, material: Material) -> None:
        self.frames, self.material = frames, material
        self.notes: list[str] = []

    def material_of(self, shapes: Sequence[Shape]) -> Material | None:
        """Of what collides, else of what is seen; None if nothing says."""
        found: list[Material] = []
        for shape in sorted(shapes, key=lambda s: s.solid is None):
            made = self._material(shape.prim)
            if made is not None and made not in found:
                found.append(made)
        if len(found) > 1:
            names = ", ".join(m.name for m in found)
            self.notes.append(f"{shapes[0].body} is made of {names}; the first is taken for all")
        return found[0] if found else None

    def inertial(
        self, prim: Any, T_world_body: Array, shapes: Sequence[Shape]
    ) -> tuple[Inertial | None, float | None]:
        """Mass properties in the body's frame; or the mass alone, if no more can be known.

        The body's own mass goes before its density, and both before what its colliders say.
        """
        said = self._said(prim, T_world_body)
        back = invert(T_world_body)
        solids = [(s, s.solid) for s in shapes if s.solid is not None]
        parts: list[Inertial] = []
        spoken = said.density is not None
        for shape, mesh in solids:
            own = Said() if said.density is not None else self._said(shape.prim, T_world_body)
            local = replace(mesh, vertices=apply(back, mesh.vertices))
            made = self._material(shape.prim)
            density = said.density or own.density or (made.density if made else None)
            spoken = spoken or own.mass is not None or density is not None
            part = hull_inertial(local, density or self.material.density)
            if part is not None and own.mass is not None:
                part = Inertial(own.mass, part.center, part.inertia * (own.mass / part.mass))
            if part is not None:
                parts.append(part)
        whole = joined_inertial(parts)
        return self._combined(prim, said, whole, spoken)

    def _combined(
        self, prim: Any, said: Said, whole: Inertial | None, spoken: bool
    ) -> tuple[Inertial | None, float | None]:
        if said.mass is None and said.inertia is None and said.center is None and not spoken:
            return None, None
        mass = said.mass if said.mass is not None else (whole.mass if whole else None)
        if mass is None:
            return None, None
        tensor = said.inertia
        if tensor is None and whole is not None:
            tensor = whole.inertia * (mass / whole.mass)
        center = said.center
        if center is None:
            center = whole.center if whole is not None else np.zeros(3)
        if tensor is None:
            return None, mass
        try:
            return Inertial(mass, center, tensor), mass
        except InputError as fault:
            self.notes.append(f"{prim.GetPath()}: {fault.message}; inertia follows from its shape")
            return None, mass

    def _said(self, prim: Any, T_world_body: Array) -> Said:
        """The MassAPI of a body or of a collider."""
        if not prim.HasAPI(UsdPhysics.MassAPI):
            return Said()
        frames, api = self.frames, UsdPhysics.MassAPI(prim)
        mass, density = number(prim, "physics:mass"), number(prim, "physics:density")
        affine = invert(T_world_body) @ frames.affine(prim)
        center = np.array([decimal(x) for x in api.GetCenterOfMassAttr().Get()])
        moments = np.array([decimal(x) for x in api.GetDiagonalInertiaAttr().Get()])
        tensor = None
        if np.isfinite(moments).all() and moments.min() > 0:
            turn = invert(T_world_body)[:3, :3] @ frames.rigid(prim)[:3, :3]
            axes = turn @ rotation(api.GetPrincipalAxesAttr().Get())
            tensor = axes @ np.diag(moments) @ axes.T * frames.torque
            tensor = (tensor + tensor.T) / 2
        return Said(
            mass * frames.kilogram if mass and mass > 0 else None,
            density * frames.kilogram / frames.metre**3 if density and density > 0 else None,
            apply(affine, center[None])[0] if np.isfinite(center).all() else None,
            tensor,
        )

    def _material(self, prim: Any) -> Material | None:
        """The physics material bound to a collider; None if it has none."""
        binding = UsdShade.MaterialBindingAPI(prim)
        for purpose in ("physics", ""):
            material, _ = binding.ComputeBoundMaterial(purpose)
            if material and material.GetPrim().HasAPI(UsdPhysics.MaterialAPI):
                return self._read(material.GetPrim())
        return None

    def _read(self, prim: Any) -> Material:
        api, usual, frames = UsdPhysics.MaterialAPI(prim), self.material, self.frames
        density = decimal(api.GetDensityAttr().Get() or 0.0) * frames.kilogram / frames.metre**3
        values = {
            "friction": number(prim, "physics:dynamicFriction"),
            "restitution": number(prim, "physics:restitution"),
        }
        static = number(prim, "physics:staticFriction")
        if not values["friction"] and static:
            values["friction"] = static
        name = str(prim.GetName())
        if prim.HasAPI(UsdSemantics.LabelsAPI, "material"):
            labels = UsdSemantics.LabelsAPI(prim, "material").GetLabelsAttr().Get()
            name = str(labels[0]) if labels else name
        return Material(
            name,
            density if np.isfinite(density) and density > 0 else usual.density,
            max(values["friction"] or 0.0, 0.0),
            float(np.clip(values["restitution"] or 0.0, 0.0, 1.0)),
        )
