"""A URDF by itself: its faults, and whether loaders agree on it."""

from __future__ import annotations

import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from reel2sim.exporters.check.files_named import Named
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.meshes import check_meshes
from reel2sim.exporters.check.robot.plausible import check_plausible
from reel2sim.exporters.check.robot.urdf import check_urdf


def check_description(notes: Notes, path: Path, named: Named) -> None:
    """Note what is wrong with the URDF at ``path`` and with the meshes it names."""
    from reel2sim.exporters.check.bundle import check_engines
    from reel2sim.exporters.check.robot.states import random_states

    robot = check_urdf(notes, path.name)
    if robot is None:
        return
    files: dict[str, Path | None] = {}

    def find(where: str, reference: str) -> Path | None:
        if reference not in files:
            files[reference] = named.mesh(where, reference)
        return files[reference]

    check_plausible(notes, robot, check_meshes(notes, robot, find))
    if any(f.id == "MESH003" and f.severity == "error" for f in notes.findings):
        return
    states = random_states(robot)
    expected = robot.poses(states, len(next(iter(states.values()), ()))) if robot.finite else None
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        _write_resolved(path, copy, files)
        check_engines(notes, copy, robot, states, expected if states else None)


def _write_resolved(path: Path, copy: Path, files: dict[str, Path | None]) -> None:
    """The same with absolute paths, and with what MuJoCo otherwise drops or repairs.

    Engines differ in how they look for files, which is not what is asked here. Meshes that may
    not be read are left out.
    """
    root = ET.parse(path).getroot()
    for link in root.findall("link"):
        for shape in [*link.findall("visual"), *link.findall("collision")]:
            mesh = shape.find("geometry/mesh")
            if mesh is None:
                continue
            found = files.get(mesh.get("filename", ""))
            if found is None:
                link.remove(shape)
            else:
                mesh.set("filename", str(found))
    for told in root.findall("mujoco"):
        root.remove(told)
    options = ET.SubElement(root, "mujoco")
    keep = {"strippath": "false", "fusestatic": "false", "discardvisual": "true"}
    ET.SubElement(options, "compiler", {**keep, "balanceinertia": "false"})
    ET.ElementTree(root).write(copy)
