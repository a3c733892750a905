"""``manifest.json``: what the bundle holds, and how it came to be."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from reel2sim.exporters.media import Provenance
from reel2sim.scene import RiggedAsset, Scene
from reel2sim.scene.digest import digest_file

SCHEMA_VERSION = 1
"""Raised when a reader of the old layout would misread the new one."""

MANIFEST = "manifest.json"


def project_version() -> str:
    """Version of the installed distribution."""
    try:
        return version("reel2sim")
    except PackageNotFoundError:
        return "0+unknown"


def manifest_record(
    asset: RiggedAsset, provenance: Provenance, folder: Path | None = None
) -> dict[str, Any]:
    """The content of ``manifest.json`` of one asset.

    Everything that depends on the clock or the machine is under ``timings``; two runs on the same
    input agree in all else.

    Args:
        asset: the object in the bundle.
        provenance: where it came from.
        folder: the bundle, whose files are listed with size and sha256; None lists none.
    """
    content = {
        "name": asset.name,
        "fixed_base": bool(asset.fixed_base),
        "links": [link.name for link in asset.links],
        "joints": [joint.name for joint in asset.joints],
        "interpenetrating": [list(pair) for pair in asset.interpenetrating],
        "surfels": len(asset.surfels),
        "metrics": _sorted(asset.metrics),
        "notes": list(asset.notes),
    }
    return _record("asset", content, provenance, folder)


def scene_manifest(
    scene: Scene, provenance: Provenance, folder: Path | None = None
) -> dict[str, Any]:
    """The content of ``manifest.json`` of a scene, as :func:`manifest_record` of an asset."""
    background = 0 if scene.background is None else len(scene.background)
    content = {
        "name": scene.name,
        "assets": list(scene.names),
        "surfels": background + sum(len(p.asset.surfels) for p in scene.placements),
    }
    return _record("scene", content, provenance, folder)


def _record(
    kind: str, content: Mapping[str, Any], provenance: Provenance, folder: Path | None
) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "generator": {"name": "reel2sim", "version": project_version()},
        "input": {
            "source": provenance.source,
            "sha256": provenance.input_digest,
            "prompt": provenance.prompt,
        },
        "seed": provenance.seed,
        "preset": provenance.preset,
        "conventions": {
            "up_axis": "Z",
            "length": "metre",
            "angle": "radian",
            "time": "second",
            "quaternion": "wxyz",
        },
        kind: dict(content),
        "stages": [
            {
                "name": stage.name,
                "version": stage.version,
                "config": _plain(stage.config),
                "metrics": _sorted(stage.metrics),
            }
            for stage in provenance.stages
        ],
        "edited": _edited(provenance),
        "files": {} if folder is None else file_table(folder),
        "timings": {
            stage.name: {
                "seconds": round(float(stage.seconds), 3),
                "peak_memory_mb": round(float(stage.peak_memory_mb), 1),
            }
            for stage in provenance.stages
        },
    }


def _sorted(metrics: Mapping[str, float]) -> dict[str, Any]:
    """Figures by name: an asset that was stored meanwhile has them in another order."""
    return _plain(dict(sorted(metrics.items())))


def _edited(provenance: Provenance) -> dict[str, Any] | None:
    edited = provenance.edited
    if edited is None:
        return None
    edits = [_plain(edit) for edit in edited.edits]
    return {"source": edited.source, "sha256": edited.digest, "edits": edits}


def file_table(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and sha256 of every file of a bundle but the manifest, by relative path."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    names = {p.relative_to(folder).as_posix(): p for p in files}
    return {
        name: {"bytes": path.stat().st_size, "sha256": digest_file(path)}
        for name, path in names.items()
        if name != MANIFEST
    }


def write_manifest(record: Mapping[str, Any], folder: Path) -> Path:
    """Write the manifest of the finished ``folder``; call it last."""
    path = folder / MANIFEST
    path.write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _plain(value: Any) -> Any:
    """JSON values of what configurations hold; numbers that JSON lacks become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
