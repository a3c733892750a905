"""Rigged assets as files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.motion import Motion
from reel2sim.scene.rig import (
    Certainty,
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Material,
    Mimic,
    TriangleMesh,
)
from reel2sim.scene.skin import Influences, Skin
from reel2sim.scene.store.archive import blaming, read, surfel_arrays, surfels_from, write


def save_asset(path: Path, asset: RiggedAsset) -> None:
    """Write a :class:`RiggedAsset` to ``path`` (``.npz``)."""
    write(path, "rigged_asset", *asset_content(asset))


def load_asset(path: Path) -> RiggedAsset:
    """Read what :func:`save_asset` wrote.

    Raises:
        InputError: if the file is not one.
    """
    a, header = read(path, "rigged_asset")
    with blaming(path):
        return asset_from(a, header)


def asset_content(asset: RiggedAsset) -> tuple[dict[str, Array], dict[str, Any]]:
    """Named arrays of an asset, and all else as JSON values."""
    arrays = {
        **surfel_arrays(asset.surfels),
        "surfel_links": asset.surfel_links,
        "motion/times_s": asset.motion.times_s,
        "motion/base_poses": asset.motion.base_poses,
    }
    if asset.skin is not None:
        arrays |= _skin_arrays(asset.skin)
    links: list[dict[str, Any]] = []
    for i, link in enumerate(asset.links):
        for name, mesh in _meshes(link):
            arrays |= _mesh_arrays(f"links/{i}/{name}", mesh)
        arrays[f"links/{i}/center"] = link.inertial.center
        arrays[f"links/{i}/inertia"] = link.inertial.inertia
        links.append(
            {
                "name": link.name,
                "mass": link.inertial.mass,
                "pieces": len(link.collision),
                "material": dataclasses.asdict(link.material),
            }
        )
    joints: list[dict[str, Any]] = []
    for joint in asset.joints:
        arrays[f"motion/positions/{joint.name}"] = asset.motion.positions[joint.name]
        record = dataclasses.asdict(joint)
        record.update(origin=joint.origin.tolist(), axis=joint.axis.tolist())
        joints.append(record)
    header = {
        "name": asset.name,
        "links": links,
        "joints": joints,
        "fixed_base": asset.fixed_base,
        "metrics": dict(asset.metrics),
        "notes": list(asset.notes),
        "interpenetrating": [list(pair) for pair in asset.interpenetrating],
    }
    return arrays, header


def asset_from(a: Mapping[str, Array], header: Mapping[str, Any]) -> RiggedAsset:
    """The asset of :func:`asset_content`.

    Raises:
        KeyError: if something is missing.
        InputError: if something is of no asset.
    """
    links = tuple(_link(a, i, record) for i, record in enumerate(header["links"]))
    joints = tuple(_joint(record) for record in header["joints"])
    motion = Motion(
        a["motion/times_s"],
        a["motion/base_poses"],
        {joint.name: a[f"motion/positions/{joint.name}"] for joint in joints},
    )
    return RiggedAsset(
        header["name"],
        links,
        joints,
        motion,
        surfels_from(a),
        a["surfel_links"],
        header["fixed_base"],
        header["metrics"],
        tuple(header["notes"]),
        _skin(a) if "skin/vertices" in a else None,
        # absent from files of earlier versions
        tuple((first, second) for first, second in header.get("interpenetrating", ())),
    )


def _meshes(link: Link) -> list[tuple[str, TriangleMesh]]:
    pieces = [(f"collision/{k}", piece) for k, piece in enumerate(link.collision)]
    return [("visual", link.visual), *pieces]


def _mesh_arrays(key: str, mesh: TriangleMesh) -> dict[str, Array]:
    arrays = {f"{key}/vertices": mesh.vertices, f"{key}/faces": mesh.faces}
    return arrays if mesh.colors is None else {**arrays, f"{key}/colors": mesh.colors}


def _mesh(a: Mapping[str, Array], key: str) -> TriangleMesh:
    return TriangleMesh(a[f"{key}/vertices"], a[f"{key}/faces"], a.get(f"{key}/colors"))


def _skin_arrays(skin: Skin) -> dict[str, Array]:
    carried = {"vertex": skin.vertices, "surfel": skin.surfels}
    arrays = _mesh_arrays("skin", skin.mesh)
    for name, influences in carried.items():
        arrays[f"skin/{name}_links"] = influences.links
        arrays[f"skin/{name}_weights"] = influences.weights
    return arrays


def _skin(a: Mapping[str, Array]) -> Skin:
    carried = (
        Influences(a[f"skin/{name}_links"], a[f"skin/{name}_weights"])
        for name in ("vertex", "surfel")
    )
    return Skin(_mesh(a, "skin"), *carried)


def _link(a: Mapping[str, Array], i: int, record: dict[str, Any]) -> Link:
    pieces = range(record["pieces"])
    return Link(
        name=record["name"],
        visual=_mesh(a, f"links/{i}/visual"),
        collision=tuple(_mesh(a, f"links/{i}/collision/{k}") for k in pieces),
        inertial=Inertial(record["mass"], a[f"links/{i}/center"], a[f"links/{i}/inertia"]),
        material=Material(**record["material"]),
    )


def _joint(record: dict[str, Any]) -> Joint:
    fields = dict(record)
    fields["type"] = JointType(fields["type"])
    fields["limits"] = JointLimits(**fields["limits"])
    fields["origin"] = np.array(fields["origin"])
    fields["axis"] = np.array(fields["axis"])
    if fields.get("mimic") is not None:
        fields["mimic"] = Mimic(**fields["mimic"])
    if fields.get("certainty") is not None:  # as the range, absent from files of earlier versions
        fields["certainty"] = Certainty(**fields["certainty"])
    if fields.get("observed_range") is not None:  # absent from files of earlier versions
        low, high = fields["observed_range"]
        fields["observed_range"] = float(low), float(high)
    return Joint(**fields)
