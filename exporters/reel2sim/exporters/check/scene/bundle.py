"""A bundle of several assets: each of them, and all of them together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.check.files import check_files, check_manifest
from reel2sim.exporters.check.looks.media import check_page
from reel2sim.exporters.check.looks.splats import Splats, check_splats
from reel2sim.exporters.check.motion import Replay
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.exporters.check.robot.states import random_states
from reel2sim.exporters.check.scene.whole import Whole, compare_links
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import vector_to_pose

RECORD = "scene.json"
REQUIRED = (
    "manifest.json",
    RECORD,
    "scene.npz",
    "scene.xml",
    "scene.usdz",
    "usd/scene/scene.usda",
    "asset.glb",
    "splats.ply",
    "report.html",
)
_POSE = 1e-9
_STATES = 10
"""Random states at which the whole model is compared; each asset was at more."""


@dataclass(frozen=True, eq=False)
class CheckedAsset:
    """What the check of one asset's bundle found out about it.

    Attributes:
        robot: its URDF; None if that cannot be read.
        replay: its motion in the scene's frame; None if that cannot be replayed.
        splats: its splats; None if they cannot be read.
    """

    robot: Robot | None
    replay: Replay | None
    splats: Splats | None


def check_scene(notes: Notes, check_asset: Callable[[Notes], CheckedAsset]) -> None:
    """Note what is wrong with the bundle of a scene.

    Args:
        notes: of the bundle.
        check_asset: checks the bundle of one asset.
    """
    there = check_files(notes, REQUIRED)
    manifest = None
    if "manifest.json" in there:
        manifest = check_manifest(notes, kind="scene", required=REQUIRED)
    record = _read_record(notes) if RECORD in there else None
    checked: dict[str, CheckedAsset] = {}
    for entry in record["assets"] if record is not None else ():
        checked[entry["name"]] = _check_one(notes, entry, check_asset)
    if record is not None and manifest is not None:
        told, listed = list(checked), list(manifest["scene"]["assets"])
        if told != listed:
            notes.add("SCENE002", f"{RECORD}: assets", f"are {told}, the manifest says {listed}")
    splats = check_splats(notes, manifest) if "splats.ply" in there else None
    if record is not None:
        _compare_splats(notes, record, splats, checked)
        with notes.guard("FILE004", "bundle"):
            _check_formats(notes, there, _whole(record, checked))
    if "report.html" in there:
        check_page(notes)


def _read_record(notes: Notes) -> dict[str, Any] | None:
    with notes.guard("SCENE001", RECORD):
        record = json.loads((notes.root / RECORD).read_text(encoding="utf-8"))
        if record["schema_version"] != 1:
            raise ValueError(f"schema_version is {record['schema_version']}, not 1")
        gravity = np.asarray(record["gravity"], dtype=np.float64)
        if gravity.shape != (3,) or not np.isfinite(gravity).all():
            raise ValueError("gravity is not three numbers")
        if record["ground_z"] is not None and not np.isfinite(float(record["ground_z"])):
            raise ValueError("ground_z is not finite")
        for entry in record["assets"]:
            at = np.asarray(entry["base_pose"], dtype=np.float64)
            if at.shape != (7,) or not np.isfinite(at).all():
                raise ValueError(f"base_pose of {entry['name']} is not seven numbers")
            folder = Path(entry["folder"])
            if folder.is_absolute() or ".." in folder.parts:
                raise ValueError(f"folder of {entry['name']} leads out of the bundle")
        for kind in ("lights", "cameras"):
            if not isinstance(record[kind], list):
                raise ValueError(f"{kind} is not a list")
        return record
    return None


def _check_one(
    notes: Notes, entry: Mapping[str, Any], check_asset: Callable[[Notes], CheckedAsset]
) -> CheckedAsset:
    """Check an asset's own bundle; what is found there counts as found here."""
    folder = Path(entry["folder"])
    where = f"{RECORD}: {entry['name']}"
    if not (notes.root / folder).is_dir():
        notes.add("SCENE002", where, f"{folder} is not there")
        return CheckedAsset(None, None, None)
    own = Notes(notes.root / folder)
    found = check_asset(own)
    for finding in own.findings:
        notes.findings.append(replace(finding, where=f"{folder.as_posix()}/{finding.where}"))
    for key, gap in own.agreement.items():
        notes.agreement[key] = max(notes.agreement.get(key, 0.0), gap)
    for key, count in own.counts.items():
        notes.counts[key] = notes.counts.get(key, 0) + count
    if found.replay is not None:
        gap = np.abs(found.replay.base_poses[0] - vector_to_pose(np.array(entry["base_pose"])))
        if not gap.max() <= _POSE:
            notes.add("SCENE003", where, f"motion.json begins {gap.max():.3g} away")
    if found.robot is not None and found.robot.name != entry["name"]:
        notes.add("SCENE002", where, f"its URDF is called {found.robot.name}")
    return found


def _whole(record: Mapping[str, Any], checked: Mapping[str, CheckedAsset]) -> Whole:
    states: dict[str, Array] = {}
    poses: dict[str, Array] = {}
    masses: dict[str, float] = {}
    robots = {name: found.robot for name, found in checked.items() if found.robot is not None}
    for name, robot in robots.items():
        replay = checked[name].replay
        masses |= {f"{name}/{x.name}": x.body.mass for x in robot.links if x.body is not None}
        if replay is None or not robot.finite:
            continue
        q = {n: np.concatenate([[0.0], v[:_STATES]]) for n, v in random_states(robot).items()}
        states |= {f"{name}/{joint}": values for joint, values in q.items()}
        for link, T in robot.poses(q, _STATES + 1).items():
            poses[f"{name}/{link}"] = replay.base_poses[0] @ T
    height = record["ground_z"]
    return Whole(
        states,
        poses,
        masses,
        robots,
        np.array(record["gravity"], dtype=np.float64),
        None if height is None else float(height),
        len(record["cameras"]),
        len(record["lights"]),
    )


def _check_formats(notes: Notes, there: set[str], whole: Whole) -> None:
    if "scene.xml" in there:
        from reel2sim.exporters.check.scene.mjcf import check_scene_model

        with notes.guard("SCENE004", "scene.xml"):
            check_scene_model(notes, whole)
    if "usd/scene/scene.usda" in there:
        from reel2sim.exporters.check.scene.stage import check_scene_stage

        check_scene_stage(notes, whole)
    if "scene.usdz" in there:
        from reel2sim.exporters.check.stage.stage import check_package

        check_package(notes)
    if "asset.glb" in there:
        from reel2sim.exporters.check.scene.glb import asset_poses

        with notes.guard("SCENE006", "asset.glb"):
            found = asset_poses(notes.root / "asset.glb")
            compare_links(notes, "GLB scene", "asset.glb", whole, found, "SCENE006")


def _compare_splats(
    notes: Notes,
    record: Mapping[str, Any],
    splats: Splats | None,
    checked: Mapping[str, CheckedAsset],
) -> None:
    """The scene's splats are those of the background and then of each asset, in order."""
    each = [found.splats for found in checked.values()]
    background = record.get("background_surfels", 0)
    parts = [part for part in each if part is not None]
    if splats is None or len(parts) < len(each) or not parts:
        return
    wanted = np.concatenate([part.points for part in parts])
    found = splats.points[background:]
    if found.shape != wanted.shape:
        text = f"holds {len(splats.points)} splats, the assets and background {len(wanted)}"
        notes.add("SCENE007", "splats.ply", f"{text} + {background}")
    elif not np.abs(found - wanted).max(initial=0.0) <= 1e-5 * max(1.0, np.abs(wanted).max()):
        gap = np.abs(found - wanted).max()
        notes.add("SCENE007", "splats.ply", f"is up to {gap:.3g} m from the assets' own splats")
