"""A scene of several assets as one stage.

``scene.usda``
    the interface layer: each asset as a payload, ground, lights, cameras; its variant
    ``appearance`` chooses that of every asset,
``assets/NAME/NAME.usda``
    the layers of one asset, as :mod:`reel2sim.exporters.usd.package` writes them, placed,
``payloads/background.usdc``
    surfels of no asset; composed by ``appearance = splats`` only.
"""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pxr import Kind, Sdf, Usd, UsdGeom, UsdPhysics, UsdSemantics

from reel2sim.exporters.names import free_name
from reel2sim.exporters.thumbnail import THUMBNAIL, write_thumbnail
from reel2sim.exporters.usd.metadata import LABEL, author_metadata
from reel2sim.exporters.usd.package import (
    INTERFACE,
    PACKAGE,
    UsdPaths,
    write_layers,
    write_package,
)
from reel2sim.exporters.usd.physics import author_gravity
from reel2sim.exporters.usd.splats import author_field
from reel2sim.exporters.usd.stage import frame_rate, new_stage, save, set_span
from reel2sim.exporters.usd.surroundings import author_cameras, author_lights
from reel2sim.scene import RiggedAsset, Scene, Surfels

APPEARANCES = ("mesh", "splats")
_BACKGROUND = "background.usdc"


def write_scene_usd(scene: Scene, folder: Path, *, source: str = "") -> UsdPaths:
    """Write ``usd/scene/scene.usda`` with all it needs, and ``scene.usdz``, into ``folder``.

    Args:
        scene: what to write.
        folder: the bundle.
        source: name of the input, for the stage's metadata.

    Raises:
        ExportError: if a joint cannot be said in UsdPhysics.
    """
    interface = folder / INTERFACE
    assets = scene.assets
    for asset in assets:
        write_layers(asset, _layer(interface.parent, asset), source=source)
    if scene.background is not None:
        _write_background(scene, scene.background, interface.parent / "payloads" / _BACKGROUND)
    _write_interface(scene, assets, interface, source)
    write_thumbnail(folder / THUMBNAIL, *assets)
    write_package(interface.parent, interface.name, folder / PACKAGE)
    return UsdPaths(interface, folder / PACKAGE)


def _layer(folder: Path, asset: RiggedAsset) -> Path:
    return folder / "assets" / asset.name / f"{asset.name}.usda"


def _root(scene: Scene) -> Sdf.Path:
    return Sdf.Path.absoluteRootPath.AppendChild(scene.name)


def _rate(assets: Sequence[RiggedAsset]) -> float:
    """The highest rate of any asset; layers of other rates are brought to it on composition."""
    return max((frame_rate(asset) for asset in assets), default=24.0)


def _write_background(scene: Scene, surfels: Surfels, path: Path) -> None:
    stage = new_stage(path, _root(scene), rate=_rate(scene.assets))
    name = free_name("Background", scene.names)
    author_field(stage, _root(scene).AppendChild(name), surfels, np.zeros(3))
    save(stage)


def _write_interface(scene: Scene, assets: Sequence[RiggedAsset], path: Path, source: str) -> None:
    stage = new_stage(path, _root(scene), rate=_rate(assets))
    times = np.concatenate([asset.motion.times_s for asset in assets] or [np.zeros(1)])
    set_span(stage, float(times.min()), float(times.max()))
    root = stage.GetDefaultPrim()
    Usd.ModelAPI(root).SetKind(Kind.Tokens.assembly)
    Usd.ModelAPI(root).SetAssetName(scene.name)
    for asset in assets:
        prim = UsdGeom.Xform.Define(stage, root.GetPath().AppendChild(asset.name)).GetPrim()
        layer = _layer(Path(), asset).as_posix()
        prim.GetPayloads().SetPayloads([Sdf.Payload(f"./{layer}")])
    taken = list(scene.names)
    taken.append(author_ground(stage, scene, taken))
    taken.append(author_lights(stage, scene.lights, taken))
    author_cameras(stage, scene.cameras, taken)
    _author_appearances(stage, scene)
    labels = UsdSemantics.LabelsAPI.Apply(root, "wikidata_qcode")
    labels.CreateLabelsAttr([LABEL])
    author_metadata(stage, scene.name, assets, source=source)
    author_gravity(stage, scene.gravity)
    save(stage)


def _author_appearances(stage: Usd.Stage, scene: Scene) -> None:
    root = stage.GetDefaultPrim()
    variants = root.GetVariantSets().AddVariantSet("appearance")
    for name in APPEARANCES:
        variants.AddVariant(name)
        variants.SetVariantSelection(name)
        with variants.GetVariantEditContext():
            for asset in scene.names:
                over = stage.OverridePrim(root.GetPath().AppendChild(asset))
                over.GetVariantSets().SetSelection("appearance", name)
            if name == "splats" and scene.background is not None:
                root.GetPayloads().AddPayload(f"./payloads/{_BACKGROUND}")
    variants.SetVariantSelection(APPEARANCES[0])


def author_ground(stage: Usd.Stage, scene: Scene, taken: Sequence[str]) -> str:
    """A plane that collides and is not drawn; its name, or "" if there is none."""
    if scene.ground_z is None:
        return ""
    name = free_name("Ground", taken)
    plane = UsdGeom.Plane.Define(stage, stage.GetDefaultPrim().GetPath().AppendChild(name))
    plane.CreateAxisAttr(UsdGeom.Tokens.z)
    plane.CreatePurposeAttr(UsdGeom.Tokens.guide)
    plane.CreateExtentAttr([(-1.0, -1.0, 0.0), (1.0, 1.0, 0.0)])
    plane.AddTranslateOp().Set((0.0, 0.0, float(scene.ground_z)))
    UsdPhysics.CollisionAPI.Apply(plane.GetPrim())
    return name
