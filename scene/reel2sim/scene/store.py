"""Stage results as files: one ``.npz`` each, the same bytes for the same content.

Loading never unpickles. A file of another layout is refused by name and version.
"""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np

from reel2sim.scene.arrays import Array
from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.errors import InputError, Reel2SimError
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
from reel2sim.scene.spline import PoseSpline
from reel2sim.scene.surfels import Refinement, Surfels, SurfelSequence

_VERSION = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)


def save_sequence(path: Path, sequence: SurfelSequence) -> None:
    """Write a :class:`SurfelSequence` to ``path`` (``.npz``)."""
    bones = sequence.bones
    arrays = {
        **_surfel_arrays(sequence.canonical),
        "bones/translations": bones.translations,
        "bones/rotations": bones.rotations,
        "bones/centers": bones.centers,
        "bones/scales": sequence.bone_scales,
        "bones/range_s": np.array([bones.start_s, bones.stop_s]),
        "weights": sequence.weights,
        "times_s": sequence.times_s,
    }
    if sequence.refinement is not None:
        names = (f.name for f in dataclasses.fields(Refinement))
        arrays |= {f"refinement/{n}": np.asarray(getattr(sequence.refinement, n)) for n in names}
    _write(path, "surfel_sequence", arrays, {"metrics": dict(sequence.metrics)})


def load_sequence(path: Path) -> SurfelSequence:
    """Read what :func:`save_sequence` wrote.

    Raises:
        InputError: if the file is not one.
    """
    a, header = _read(path, "surfel_sequence")
    with _blaming(path):
        start_s, stop_s = (float(x) for x in a["bones/range_s"])
        spline = PoseSpline(
            start_s, stop_s, a["bones/translations"], a["bones/rotations"], a["bones/centers"]
        )
        refinement = None
        if "refinement/stop_s" in a:
            refinement = Refinement(
                float(a["refinement/stop_s"].item()),
                a["refinement/rotations"],
                a["refinement/log_scales"],
                a["refinement/light"],
            )
        return SurfelSequence(
            _surfels(a),
            spline,
            a["bones/scales"],
            a["weights"],
            a["times_s"],
            header["metrics"],
            refinement,
        )


def save_asset(path: Path, asset: RiggedAsset) -> None:
    """Write a :class:`RiggedAsset` to ``path`` (``.npz``)."""
    arrays = {
        **_surfel_arrays(asset.surfels),
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
    _write(path, "rigged_asset", arrays, header)


def load_asset(path: Path) -> RiggedAsset:
    """Read what :func:`save_asset` wrote.

    Raises:
        InputError: if the file is not one.
    """
    a, header = _read(path, "rigged_asset")
    with _blaming(path):
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
            _surfels(a),
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


def _mesh(a: dict[str, Array], key: str) -> TriangleMesh:
    return TriangleMesh(a[f"{key}/vertices"], a[f"{key}/faces"], a.get(f"{key}/colors"))


def _skin_arrays(skin: Skin) -> dict[str, Array]:
    carried = {"vertex": skin.vertices, "surfel": skin.surfels}
    arrays = _mesh_arrays("skin", skin.mesh)
    for name, influences in carried.items():
        arrays[f"skin/{name}_links"] = influences.links
        arrays[f"skin/{name}_weights"] = influences.weights
    return arrays


def _skin(a: dict[str, Array]) -> Skin:
    carried = (
        Influences(a[f"skin/{name}_links"], a[f"skin/{name}_weights"])
        for name in ("vertex", "surfel")
    )
    return Skin(_mesh(a, "skin"), *carried)


def _link(a: dict[str, Array], i: int, record: dict[str, Any]) -> Link:
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


def _surfel_arrays(surfels: Surfels) -> dict[str, Array]:
    names = (f.name for f in dataclasses.fields(Surfels))
    return {f"surfels/{name}": getattr(surfels, name) for name in names}


def _surfels(a: dict[str, Array]) -> Surfels:
    return Surfels(*(a[f"surfels/{f.name}"] for f in dataclasses.fields(Surfels)))


def _write(path: Path, kind: str, arrays: dict[str, Array], header: dict[str, Any]) -> None:
    text = json.dumps({"kind": kind, "version": _VERSION, **header}, sort_keys=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("header.json", _EPOCH), text)
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.save(buffer, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            archive.writestr(info, buffer.getvalue(), zipfile.ZIP_DEFLATED, 1)


def _read(path: Path, kind: str) -> tuple[dict[str, Array], dict[str, Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            header: Any = json.loads(archive.read("header.json"))
            arrays = {
                name.removesuffix(".npy"): np.load(
                    io.BytesIO(archive.read(name)), allow_pickle=False
                )
                for name in archive.namelist()
                if name.endswith(".npy")
            }
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, EOFError) as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause
    if not isinstance(header, dict):
        raise InputError(f"is not a {kind} file", source=path)
    fields = cast("dict[str, Any]", header)
    if fields.get("kind") != kind:
        raise InputError(f"is not a {kind} file", source=path)
    if fields.get("version") != _VERSION:
        raise InputError(f"has layout version {fields.get('version')}", source=path)
    return arrays, fields


@contextmanager
def _blaming(path: Path) -> Generator[None]:
    """Turn missing or malformed entries into an :class:`InputError` that names the file."""
    try:
        yield
    except Reel2SimError:
        raise
    except (KeyError, TypeError, ValueError) as cause:
        raise InputError(f"is incomplete: {cause}", source=path) from cause
