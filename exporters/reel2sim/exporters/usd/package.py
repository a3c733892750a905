"""The interface layer, its payloads, and the single-file package."""

# usd-core fills its modules at run time and ships no stubs.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pxr import Kind, Sdf, Usd, UsdSemantics

from reel2sim.exporters.joints import require_expressible
from reel2sim.exporters.thumbnail import THUMBNAIL, write_thumbnail
from reel2sim.exporters.usd.geometry import author_geometry
from reel2sim.exporters.usd.metadata import LABEL, author_metadata
from reel2sim.exporters.usd.physics import author_gravity, author_physics
from reel2sim.exporters.usd.replay import author_motion
from reel2sim.exporters.usd.skin import author_skin
from reel2sim.exporters.usd.splats import author_splats
from reel2sim.exporters.usd.stage import PrimPaths, frame_rate, new_stage, save, set_span
from reel2sim.scene import RiggedAsset
from reel2sim.scene.world import EARTH_GRAVITY

INTERFACE = Path("usd/scene/scene.usda")
PACKAGE = Path("scene.usdz")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ALIGNMENT = 64
_LOCAL_HEADER = 30
_MOTION, _PHYSICS, _GEOMETRY = "motion.usdc", "physics.usda", "geometry.usdc"
_SPLATS, _SKIN = "splats.usdc", "skin.usdc"


@dataclass(frozen=True)
class UsdPaths:
    """What :func:`write_usd` wrote.

    Attributes:
        interface: the layer to open or reference.
        package: the same in one file.
    """

    interface: Path
    package: Path


def write_usd(asset: RiggedAsset, folder: Path, *, source: str = "") -> UsdPaths:
    """Write ``usd/scene/scene.usda`` with payloads, and ``scene.usdz``, into ``folder``.

    Args:
        asset: what to write.
        folder: the bundle.
        source: name of the input, for the stage's metadata.

    Raises:
        ExportError: if a joint cannot be said in UsdPhysics.
    """
    interface = folder / INTERFACE
    write_layers(asset, interface, source=source)
    write_thumbnail(folder / THUMBNAIL, asset)
    package = folder / PACKAGE
    write_package(interface.parent, interface.name, package)
    return UsdPaths(interface, package)


def write_layers(asset: RiggedAsset, interface: Path, *, source: str = "") -> None:
    """Write the layer ``interface`` and ``payloads/`` beside it.

    Raises:
        ExportError: if a joint cannot be said in UsdPhysics.
    """
    require_expressible(asset, format="UsdPhysics")
    payloads = interface.parent / "payloads"
    # Text where a person may want to read or edit, crate where arrays are long.
    layers: dict[str, Callable[[Usd.Stage, RiggedAsset], None]] = {
        _GEOMETRY: author_geometry,
        _PHYSICS: author_physics,
        _MOTION: author_motion,
        _SPLATS: author_splats,
    }
    if asset.skin is not None:
        layers[_SKIN] = author_skin
    for name, author in layers.items():
        stage = _asset_stage(asset, payloads / name)
        author(stage, asset)
        save(stage)
    _write_interface(asset, interface, source)


def _asset_stage(asset: RiggedAsset, path: Path) -> Usd.Stage:
    stage = new_stage(path, PrimPaths.of(asset).root, rate=frame_rate(asset))
    set_span(stage, float(asset.motion.times_s[0]), float(asset.motion.times_s[-1]))
    return stage


def _write_interface(asset: RiggedAsset, path: Path, source: str) -> None:
    stage = _asset_stage(asset, path)
    root = stage.GetDefaultPrim()
    Usd.ModelAPI(root).SetKind(Kind.Tokens.component)
    Usd.ModelAPI(root).SetAssetName(asset.name)
    # Motion first: a stronger layer's default would otherwise hide a weaker one's samples.
    payloads = [_MOTION, _PHYSICS, _GEOMETRY]
    if asset.skin is not None:
        payloads.insert(0, _SKIN)
    root.GetPayloads().SetPayloads([Sdf.Payload(f"./payloads/{name}") for name in payloads])
    variants = root.GetVariantSets().AddVariantSet("appearance")
    for name in ("mesh", "splats"):
        variants.AddVariant(name)
    variants.SetVariantSelection("splats")
    with variants.GetVariantEditContext():
        root.GetPayloads().AddPayload(f"./payloads/{_SPLATS}")
    variants.SetVariantSelection("mesh")
    labels = UsdSemantics.LabelsAPI.Apply(root, "wikidata_qcode")
    labels.CreateLabelsAttr([LABEL])
    author_metadata(stage, asset.name, [asset], source=source)
    author_gravity(stage, np.array(EARTH_GRAVITY))
    save(stage)


def write_package(folder: Path, first: str, path: Path) -> None:
    """Zip the layers under ``folder`` as the USDZ format asks, the same bytes every time.

    USDZ is an uncompressed zip whose file contents start on multiples of 64 bytes; the first
    entry is the layer that a reader opens.

    Args:
        folder: holds the layers; hidden files and folders are left out.
        first: name of the root layer in ``folder``.
        path: file to write.
    """
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    visible = [n for n in names if not any(part.startswith(".") for part in n.split("/"))]
    visible.sort(key=lambda name: name != first)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name in visible:
            info = zipfile.ZipInfo(name, _EPOCH)
            assert archive.fp is not None
            start = archive.fp.tell() + _LOCAL_HEADER + len(name.encode())
            info.extra = _padding(-start % _ALIGNMENT)
            archive.writestr(info, (folder / name).read_bytes())


def _padding(count: int) -> bytes:
    """A zip extra field of ``count`` bytes (plus 64 if that is too few to hold a header)."""
    if count == 0:
        return b""
    if count < 4:
        count += _ALIGNMENT
    return (0x1986).to_bytes(2, "little") + (count - 4).to_bytes(2, "little") + bytes(count - 4)
