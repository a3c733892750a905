"""Which files there are, and whether the manifest knows them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.exporters.manifest import MANIFEST, SCHEMA_VERSION
from reel2sim.scene.digest import digest_file

REQUIRED = (
    MANIFEST,
    "scene.urdf",
    "scene.srdf",
    "scene.xml",
    "scene.usdz",
    "usd/scene/scene.usda",
    "asset.glb",
    "splats.ply",
    "motion.json",
    "report.html",
)
STORED = "asset.npz"
_KEYS: dict[str, type | tuple[type, ...]] = {
    "schema_version": int,
    "generator": dict,
    "input": dict,
    "conventions": dict,
    "stages": list,
    "files": dict,
    "timings": dict,
}
_LISTS = {"asset": ("links", "joints"), "scene": ("assets",)}


def check_files(notes: Notes, required: Sequence[str] = REQUIRED) -> set[str]:
    """Note files that are missing or empty; names of the required ones that are there."""
    there = set()
    for name in required:
        path = notes.root / name
        if not path.is_file():
            notes.add("FILE001", name, "is missing")
        elif path.stat().st_size == 0:
            notes.add("FILE001", name, "is empty")
        else:
            there.add(name)
    return there


def check_manifest(
    notes: Notes, *, kind: str = "asset", required: Sequence[str] = REQUIRED
) -> Mapping[str, Any] | None:
    """Note what is wrong with the manifest and the files it lists; the manifest if it is sound.

    Args:
        notes: of the bundle.
        kind: what the bundle is of: ``asset`` or ``scene``.
        required: files whose absence is noted already.
    """
    with notes.guard("MAN001", MANIFEST):
        record = json.loads((notes.root / MANIFEST).read_text(encoding="utf-8"))
        _check_form(record, kind)
        if record["schema_version"] != SCHEMA_VERSION:
            text = f"is {record['schema_version']}, this release reads {SCHEMA_VERSION}"
            notes.add("MAN002", f"{MANIFEST}: schema_version", text)
        _check_listed(notes, record["files"], required)
        return record
    return None


def _check_form(record: Any, kind: str) -> None:
    if not isinstance(record, dict):
        raise ValueError("is not an object")
    for key, form in {**_KEYS, kind: dict}.items():
        if not isinstance(record.get(key), form):
            raise ValueError(f"{key} is missing or of the wrong type")
    for key in _LISTS[kind]:
        if not isinstance(record[kind].get(key), list):
            raise ValueError(f"{kind}.{key} is missing or no list")
    for name, entry in record["files"].items():
        if not isinstance(entry, dict) or not {"bytes", "sha256"} <= set(entry):
            raise ValueError(f"files.{name} lacks bytes or sha256")


def _check_listed(notes: Notes, files: Mapping[str, Any], required: Sequence[str]) -> None:
    found = {
        path.relative_to(notes.root).as_posix(): path
        for path in sorted(notes.root.rglob("*"))
        if path.is_file()
    }
    notes.counts["files"] = len(found)
    for name, entry in files.items():
        path = found.get(name)
        if path is None:
            if name not in required:
                notes.add("FILE001", name, "is missing")
        elif path.stat().st_size != entry["bytes"] or digest_file(path) != entry["sha256"]:
            notes.add("FILE002", name, "is not as the manifest lists it")
    for name in sorted(set(found) - set(files) - {MANIFEST}):
        notes.add("FILE003", name, "is not in the manifest")


def check_stored(notes: Notes, robot: Robot) -> None:
    """Note a stored asset that cannot be edited on, or is another one; it may be absent."""
    from reel2sim.scene.store import load_asset

    path = notes.root / STORED
    if not path.is_file():
        return
    with notes.guard("FILE005", STORED):
        asset = load_asset(path)
        for kind, ours, theirs in (
            ("links", asset.links, robot.links),
            ("joints", asset.joints, robot.joints),
        ):
            odd = {part.name for part in ours} ^ {part.name for part in theirs}
            if odd:
                raise ValueError(f"{kind} differ from the URDF in {', '.join(sorted(odd))}")


def check_manifest_names(notes: Notes, manifest: Mapping[str, Any], robot: Robot) -> None:
    """Note links and joints that only one of manifest and URDF names."""
    things = {"links": robot.links, "joints": robot.joints}
    for kind, parts in things.items():
        names = {part.name for part in parts}
        listed = {str(name) for name in manifest["asset"][kind]}
        if names != listed:
            text = f"differs from the URDF in {', '.join(sorted(names ^ listed))}"
            notes.add("MAN003", f"{MANIFEST}: asset.{kind}", text)
