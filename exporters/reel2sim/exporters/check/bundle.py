"""The order of the checks: later ones build on what earlier ones could read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reel2sim.exporters.check.files import (
    check_files,
    check_manifest,
    check_manifest_names,
    check_stored,
)
from reel2sim.exporters.check.looks.media import check_film, check_page
from reel2sim.exporters.check.looks.skins import SkinReading, check_skins
from reel2sim.exporters.check.looks.splats import Splats, check_splats
from reel2sim.exporters.check.motion import Replay, check_motion
from reel2sim.exporters.check.quiet import quiet
from reel2sim.exporters.check.report import CheckReport, Notes
from reel2sim.exporters.check.robot.base import check_base
from reel2sim.exporters.check.robot.contacts import check_contacts
from reel2sim.exporters.check.robot.meshes import Surfaces, check_meshes
from reel2sim.exporters.check.robot.model import Robot
from reel2sim.exporters.check.robot.plausible import check_plausible
from reel2sim.exporters.check.robot.states import STATES, random_states
from reel2sim.exporters.check.scene.bundle import RECORD, CheckedAsset, check_scene
from reel2sim.scene.arrays import Array
from reel2sim.scene.errors import BundleError


def check_bundle(path: Path) -> CheckReport:
    """Check that the bundle at ``path`` keeps its contract.

    Faults of its files become findings. The bundle is not written to. Engines talk while they load,
    so nothing that the process prints meanwhile is heard.

    Args:
        path: a bundle's folder.

    Raises:
        BundleError: if there is no folder at ``path``.
    """
    path = Path(path)
    if not path.is_dir():
        raise BundleError(
            "is not a folder" if path.exists() else "does not exist",
            source=path,
            remedy="give the folder that `reel2sim run` or `reel2sim export` wrote",
        )
    notes = Notes(path)
    with quiet():
        if (path / RECORD).is_file():
            check_scene(notes, _check)
        else:
            _check(notes)
    return notes.report()


def _check(notes: Notes) -> CheckedAsset:
    there = check_files(notes)
    manifest = check_manifest(notes) if "manifest.json" in there else None
    # Each part looks at what it could read; whatever surprises it must not stop the others.
    robot, surfaces, replay, splats = None, Surfaces(), None, None
    with notes.guard("FILE004", "scene.urdf"):
        robot, surfaces = _check_robot(notes, there)
    with notes.guard("FILE004", "motion.json"):
        replay = check_motion(notes, robot) if "motion.json" in there else None
    with notes.guard("FILE004", "splats.ply"):
        splats = check_splats(notes, manifest) if "splats.ply" in there else None
    with notes.guard("FILE004", "manifest.json"):
        if manifest is not None and robot is not None:
            check_manifest_names(notes, manifest, robot)
            if robot.roots:
                check_base(notes, there, manifest, robot, replay)
    with notes.guard("FILE004", "bundle"):
        _check_formats(notes, there, robot, surfaces, replay, splats)
    check_film(notes)
    if "report.html" in there:
        check_page(notes)
    return CheckedAsset(robot, replay, splats)


def _check_robot(notes: Notes, there: set[str]) -> tuple[Robot | None, Surfaces]:
    """Read the URDF and look at its meshes."""
    if "scene.urdf" not in there:
        return None, Surfaces()
    from reel2sim.exporters.check.robot.urdf import check_urdf

    robot = check_urdf(notes)
    if robot is None:
        return None, Surfaces()
    surfaces = check_meshes(notes, robot)
    check_plausible(notes, robot, surfaces)
    check_stored(notes, robot)
    return robot, surfaces


def _check_formats(
    notes: Notes,
    there: set[str],
    robot: Robot | None,
    surfaces: Surfaces,
    replay: Replay | None,
    splats: Splats | None,
) -> None:
    """Compare what every loader understands, at random states and over the motion."""
    states: dict[str, Array] = {}
    expected: dict[str, Array] | None = None
    if robot is not None:
        states = random_states(robot)
        if robot.finite:
            expected = robot.poses(states, STATES)
            notes.counts["states"] = STATES
        check_engines(notes, notes.root / "scene.urdf", robot, states, expected)
        _check_mjcf(notes, there, robot, states, expected)
        check_contacts(notes, there, robot, replay)
        if "scene.xml" in there:
            from reel2sim.exporters.check.robot.mjcf import check_model

            check_model(notes, robot, surfaces, replay)
    skins: dict[str, SkinReading | None] = {}
    if "usd/scene/scene.usda" in there:
        from reel2sim.exporters.check.stage.stage import check_stage

        found = check_stage(notes, robot, surfaces, replay, states, expected, splats)
        skins["SKIN005"] = found
    if "scene.usdz" in there:
        from reel2sim.exporters.check.stage.stage import check_package

        check_package(notes)
    if robot is not None and "asset.glb" in there:
        from reel2sim.exporters.check.gltf.glb import check_glb

        skins["SKIN006"] = check_glb(notes, robot, surfaces, replay)
    check_skins(notes, robot, replay, skins)


def check_engines(
    notes: Notes,
    urdf: Path,
    robot: Robot,
    states: Mapping[str, Array],
    expected: Mapping[str, Array] | None,
) -> None:
    """Note where loaders of ``urdf`` differ from ``robot``, our own reading, and each other.

    Args:
        notes: to write into.
        urdf: the file.
        robot: what it says.
        states: positions ``(s,)`` by joint.
        expected: ``T_root_link`` ``(s, 4, 4)`` by link at these, if they can be computed.
    """
    from reel2sim.exporters.check.robot.bullet import MOST_LINKS, read_pybullet
    from reel2sim.exporters.check.robot.engines import read_mujoco, read_yourdfpy
    from reel2sim.exporters.check.robot.reading import URDF_IDS, Reading, compare, compare_pairs

    readings: list[Reading] = []
    with notes.guard("LOAD001", urdf.name):
        readings.append(read_yourdfpy(urdf, robot, states, STATES))
    if len(robot.links) > MOST_LINKS:
        notes.add("LOAD005", urdf.name, f"it has {len(robot.links)}")
    else:
        with notes.guard("LOAD002", urdf.name):
            readings.append(read_pybullet(notes, urdf, robot, states, STATES))
    with notes.guard("LOAD003", urdf.name):
        readings.append(read_mujoco(urdf, robot, states, STATES))
    for reading in readings:
        compare(notes, robot, expected, reading, URDF_IDS)
    compare_pairs(notes, readings)


def _check_mjcf(
    notes: Notes,
    there: set[str],
    robot: Robot,
    states: Mapping[str, Array],
    expected: Mapping[str, Array] | None,
) -> None:
    from reel2sim.exporters.check.robot.engines import read_mujoco
    from reel2sim.exporters.check.robot.reading import MJCF_IDS, compare

    if "scene.xml" in there:
        with notes.guard("LOAD004", "scene.xml"):
            reading = read_mujoco(notes.root / "scene.xml", robot, states, STATES)
            compare(notes, robot, expected, reading, MJCF_IDS)
