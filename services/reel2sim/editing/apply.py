"""Edits made to scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from reel2sim.editing.derive import reshaped, reweighed
from reel2sim.editing.edits import (
    Add,
    AddCamera,
    AddLight,
    Edit,
    MakeOf,
    Move,
    Recolor,
    Remove,
    Replace,
    Scale,
    SetBackground,
    SetDensity,
    SetGravity,
    SetGround,
    SetJoint,
)
from reel2sim.editing.joints import with_joint
from reel2sim.editing.matter import recolored, with_density, with_material
from reel2sim.editing.placing import beside, bounds_of, foot_of, require_apart, standing
from reel2sim.editing.shape import scaled_asset, scaled_part, with_shape, without_part
from reel2sim.editing.sources import Sources
from reel2sim.editing.targets import Target, find_target
from reel2sim.exporters.names import numbered_name
from reel2sim.importers import shapes
from reel2sim.importers.roots import Roots
from reel2sim.importers.splats import load_splats
from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.scene import (
    Light,
    LightKind,
    Progress,
    RiggedAsset,
    Scene,
    look_at,
    silent,
)
from reel2sim.scene.camera import opencv_from_opengl
from reel2sim.scene.errors import Reel2SimError
from reel2sim.scene.progress import subrange


def edited(
    scene: Scene,
    edits: Sequence[Edit],
    *,
    sources: Sources | None = None,
    physics: PhysicsConfig | None = None,
    progress: Progress = silent,
) -> Scene:
    """``scene`` after ``edits``, one after the other; what depends on a change follows it.

    Args:
        scene: not changed itself.
        edits: in order.
        sources: what edits bring in.
        physics: how new shapes are decomposed for collision.
        progress: told of each edit.

    Raises:
        UsageError: if an edit cannot be made; nothing is done by halves.
        NotFoundError: if an edit names what is not there.
    """
    editor = _Editor(sources or Sources(), physics or PhysicsConfig())
    for i, edit in enumerate(edits):
        part = subrange(progress, i / len(edits), (i + 1) / len(edits))
        part("edit", 0.0, f"{edit.op} {getattr(edit, 'target', '')}".strip())
        try:
            scene = editor.apply(scene, edit)
        except Reel2SimError as error:
            error.add_note(f"edit {i + 1} of {len(edits)}: {edit.record()}")
            raise
    progress("edit", 1.0, f"made {len(edits)} edits")
    return scene


class _Editor:
    """Makes one edit at a time."""

    def __init__(self, sources: Sources, physics: PhysicsConfig) -> None:
        self._sources, self._physics = sources, physics
        self._how: dict[type[Edit], Callable[[Scene, Any], Scene]] = {
            Add: self._add,
            Remove: self._remove,
            Move: self._move,
            Scale: self._scale,
            Recolor: self._recolor,
            Replace: self._replace,
            MakeOf: self._make_of,
            SetDensity: self._set_density,
            SetJoint: self._set_joint,
            SetGravity: lambda scene, edit: replace(scene, gravity=np.array(edit.gravity)),
            SetGround: self._set_ground,
            AddLight: self._add_light,
            AddCamera: self._add_camera,
            SetBackground: self._set_background,
        }

    def apply(self, scene: Scene, edit: Edit) -> Scene:
        """``scene`` after ``edit``."""
        return self._how[type(edit)](scene, edit)

    def _add(self, scene: Scene, edit: Add) -> Scene:
        more = self._sources.scene(edit.source, edit.name)
        several = len(more.placements) > 1
        if several and (edit.at is not None or edit.rename):
            field = "at" if edit.at is not None else "rename"
            raise edit.refuse(field, "is of one asset, and what is added has several")
        for placement in more.placements:
            own = placement.asset.name
            if edit.rename in scene.names:
                raise edit.refuse("rename", f"{edit.rename!r} is taken")
            name = edit.rename or numbered_name(own, scene.names)
            fixed = placement.fixed if edit.fixed is None else edit.fixed
            placed = replace(placement, asset=replace(placement.asset, name=name), fixed=fixed)
            if edit.at is not None:
                placed = standing(placed, np.array(edit.at), edit.turn_deg)
            elif not several:
                placed = beside(scene, placed, edit.turn_deg)
            scene = scene.with_placement(placed)
            require_apart(scene, name)
        return scene

    def _remove(self, scene: Scene, edit: Remove) -> Scene:
        target = find_target(scene, edit.target, "asset", "link")
        if target.kind == "asset":
            return scene.without(target.asset)
        return _changed(scene, target, lambda asset: without_part(asset, target.part))

    def _move(self, scene: Scene, edit: Move) -> Scene:
        name = find_target(scene, edit.target, "asset").asset
        moved = standing(scene.placement(name), np.array(edit.at), edit.turn_deg)
        scene = scene.with_placement(moved)
        require_apart(scene, name)
        return scene

    def _scale(self, scene: Scene, edit: Scale) -> Scene:
        target = find_target(scene, edit.target, "asset", "link")
        if target.kind == "link":
            return _reshaped(scene, target, lambda a: scaled_part(a, target.part, edit.factor))
        placement = scene.placement(target.asset)
        foot = foot_of(placement.placed)
        scaled = replace(placement, asset=scaled_asset(placement.asset, edit.factor))
        scene = scene.with_placement(standing(scaled, foot, 0.0))
        require_apart(scene, target.asset)
        return scene

    def _recolor(self, scene: Scene, edit: Recolor) -> Scene:
        target = find_target(scene, edit.target, "asset", "link")
        color = np.array(edit.color, dtype=np.float64)
        return _changed(scene, target, lambda a: recolored(a, _links(a, target), color))

    def _replace(self, scene: Scene, edit: Replace) -> Scene:
        target = find_target(scene, edit.target, "link")
        file = self._sources.file(edit.source, edit.name)
        parts = shapes.read_mesh(file, Roots.around(file))
        mesh = shapes.joined([shapes.placed(p, np.eye(4), np.ones(3), None) for p in parts])
        return _reshaped(
            scene,
            target,
            lambda a: with_shape(a, target.part, mesh, config=self._physics, fit=edit.fit),
        )

    def _make_of(self, scene: Scene, edit: MakeOf) -> Scene:
        target = find_target(scene, edit.target, "asset", "link")
        return _reweighed(
            scene, target, lambda a: with_material(a, _links(a, target), edit.material)
        )

    def _set_density(self, scene: Scene, edit: SetDensity) -> Scene:
        target = find_target(scene, edit.target, "asset", "link")
        return _reweighed(scene, target, lambda a: with_density(a, _links(a, target), edit.density))

    def _set_joint(self, scene: Scene, edit: SetJoint) -> Scene:
        target = find_target(scene, edit.target, "joint")
        return _changed(scene, target, lambda asset: with_joint(asset, target.part, edit))

    def _set_ground(self, scene: Scene, edit: SetGround) -> Scene:
        height = edit.height
        if height == "auto":
            height = min((float(bounds_of(a)[0, 2]) for a in scene.assets), default=0.0)
        scene = replace(scene, ground_z=None if height is None else float(height))
        for name in scene.names if height is not None else ():
            require_apart(scene, name)
        return scene

    def _add_light(self, scene: Scene, edit: AddLight) -> Scene:
        at = np.array(edit.at, dtype=np.float64)
        T = np.eye(4)
        T[:3, 3] = at
        if edit.kind == "sun":
            if not np.linalg.norm(at) > 0:
                raise edit.refuse("at", "a sun at the origin shines from nowhere")
            # A camera that looks along +z from the sun's place; light goes along −z.
            view = look_at(at, np.zeros(3), width=1, height=1, fov_y=1.0)
            T = opencv_from_opengl(view.T_world_camera)
        light = Light(edit.name, LightKind(edit.kind), T, np.array(edit.color), edit.strength)
        others = tuple(x for x in scene.lights if x.name != light.name)
        return replace(scene, lights=(*others, light))

    def _add_camera(self, scene: Scene, edit: AddCamera) -> Scene:
        width, height = (int(v) for v in edit.size)
        camera = look_at(
            np.array(edit.at),
            np.array(edit.target),
            width=width,
            height=height,
            fov_y=float(np.radians(edit.fov_deg)),
        )
        return replace(scene, cameras={**scene.cameras, edit.name: camera})

    def _set_background(self, scene: Scene, edit: SetBackground) -> Scene:
        if edit.source is None:
            return replace(scene, background=None)
        return replace(scene, background=load_splats(self._sources.file(edit.source, edit.name)))


def _links(asset: RiggedAsset, target: Target) -> set[str]:
    return {target.part} if target.part else {link.name for link in asset.links}


def _changed(scene: Scene, target: Target, change: Callable[[RiggedAsset], RiggedAsset]) -> Scene:
    """The scene with a change of one asset."""
    placement = scene.placement(target.asset)
    return scene.with_placement(replace(placement, asset=change(placement.asset)))


def _reweighed(scene: Scene, target: Target, change: Callable[[RiggedAsset], RiggedAsset]) -> Scene:
    """The scene with other masses in one asset, and what its joints must hold."""
    return _changed(scene, target, lambda asset: reweighed(asset, change(asset)))


def _reshaped(scene: Scene, target: Target, change: Callable[[RiggedAsset], RiggedAsset]) -> Scene:
    """The scene with other shapes in one asset, and all that follows from them."""
    changed = _links(scene.placement(target.asset).asset, target)
    scene = _changed(scene, target, lambda asset: reshaped(asset, change(asset), changed))
    require_apart(scene, target.asset)
    return scene
