"""An MJCF file by itself: whether MuJoCo takes it, and what it makes of it."""

# MuJoCo fills its module at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np

from reel2sim.exporters.check.files_named import Named
from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.robot.mjcf import check_ranges

_STEPS = 240
_FOLDERS = {"mesh": "meshdir", "hfield": "meshdir", "skin": "meshdir", "texture": "texturedir"}


def check_mjcf(notes: Notes, path: Path, named: Named) -> None:
    """Note what is wrong with the model at ``path``."""
    import mujoco

    with notes.guard("LOAD004", path.name):
        root = ET.parse(path).getroot()
        if root.tag != "mujoco":
            raise ValueError(f"the root element is <{root.tag}>, not <mujoco>")
        _look_for_files(path.name, root, named, dict(_compiler(root)), seen=set())
        # MuJoCo itself would read from anywhere.
        if not named.all_inside:
            return
        mujoco.set_mju_user_warning(lambda text: None)
        model = mujoco.MjModel.from_xml_path(str(path))
        notes.counts |= {"links": model.nbody - 1, "joints": model.njnt, "meshes": model.nmesh}
        _check_numbers(notes, path.name, model)
        _check_steps(notes, path.name, model)


def _compiler(root: ET.Element) -> dict[str, str]:
    """Options of all ``<compiler>`` elements; later ones win."""
    return {key: value for element in root.iter("compiler") for key, value in element.items()}


def _look_for_files(
    where: str, root: ET.Element, named: Named, told: dict[str, str], *, seen: set[Path]
) -> None:
    """Look for everything the model names, in what it includes too."""
    for element in root.iter():
        keys = [key for key in element.attrib if key.startswith("file")]
        for key in keys if element.tag != "compiler" else []:
            folder = told.get(_FOLDERS.get(element.tag, ""), told.get("assetdir", ""))
            name = element.get(key, "")
            if not name:
                continue
            included = element.tag == "include"
            reference = f"{folder}/{name}" if folder and not included else name
            found = named.resource(None, where, reference)
            if included and found is not None and found not in seen:
                seen.add(found)
                more = ET.parse(found).getroot()
                _look_for_files(where, more, named, {**told, **_compiler(more)}, seen=seen)


def _check_numbers(notes: Notes, where: str, model: Any) -> None:
    for name in ("body_pos", "body_quat", "body_inertia", "body_mass", "geom_pos", "jnt_axis"):
        if not np.isfinite(getattr(model, name)).all():
            notes.add("LOAD004", where, f"{name} holds numbers that are not finite")
    check_ranges(notes, where, model)


def _check_steps(notes: Notes, where: str, model: Any) -> None:
    import mujoco

    data = mujoco.MjData(model)
    for _ in range(_STEPS):
        mujoco.mj_step(model, data)
        bad = data.warning[int(mujoco.mjtWarning.mjWARN_BADQACC)].number
        if bad or not np.isfinite(data.qpos).all():
            notes.add("SIM001", where, f"within {_STEPS} steps of MuJoCo")
            return
    notes.counts["steps"] = _STEPS
