"""``scene.xml`` of several assets, as MuJoCo understands it."""

# MuJoCo fills its module at run time.
# pyright: reportAttributeAccessIssue=false

from __future__ import annotations

from typing import Any

import numpy as np

from reel2sim.exporters.check.report import Notes
from reel2sim.exporters.check.scene.whole import (
    Whole,
    compare_gravity,
    compare_ground,
    compare_links,
)
from reel2sim.scene.arrays import Array
from reel2sim.scene.transforms import pose

MODEL = "scene.xml"
_DEEP = 2e-3
"""Assets that are less deep in each other touch; as a share of the model's extent."""
_SHOWN = 3


def check_scene_model(notes: Notes, whole: Whole) -> None:
    """Note other bodies, places, masses, gravity or ground than the assets and scene have.

    Raises:
        Exception: whatever MuJoCo raises.
    """
    import mujoco

    mujoco.set_mju_user_warning(lambda text: None)
    model = mujoco.MjModel.from_xml_path(str(notes.root / MODEL))
    data = mujoco.MjData(model)
    if model.nkey:
        mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_forward(model, data)
    _check_apart(notes, model, data)
    found = _poses(model, data, whole)
    compare_links(notes, "MuJoCo scene", MODEL, whole, found, "SCENE004")
    for name, mass in whole.masses.items():
        told = float(model.body(name).mass[0]) if name in found else mass
        if not abs(told - mass) <= 1e-4 * mass:
            notes.add("SCENE004", f"{MODEL}: {name}", f"weighs {told:.6g} kg, not {mass:.6g}")
    _check_joints(notes, model, whole)
    _check_world(notes, model, whole)


def _poses(model: Any, data: Any, whole: Whole) -> dict[str, Array]:
    """``T_world_body`` ``(s, 4, 4)`` at all states; free roots stay where the keyframe has them."""
    import mujoco

    count = len(next(iter(whole.states.values()), np.zeros(1)))
    names = [model.body(i).name for i in range(1, model.nbody)]
    places = {model.joint(i).name: int(model.jnt_qposadr[i]) for i in range(model.njnt)}
    found = {name: np.empty((count, 4, 4)) for name in names}
    for k in range(count):
        for joint, q in whole.states.items():
            if joint in places:
                data.qpos[places[joint]] = q[k]
        mujoco.mj_forward(model, data)
        for i, name in enumerate(names, start=1):
            found[name][k] = pose(data.xmat[i].reshape(3, 3), data.xpos[i])
    return found


def _check_joints(notes: Notes, model: Any, whole: Whole) -> None:
    import mujoco

    free = int(mujoco.mjtJoint.mjJNT_FREE)
    told = {model.joint(i).name for i in range(model.njnt) if model.jnt_type[i] != free}
    wanted = {f"{name}/{j.name}" for name, r in whole.robots.items() for j in r.moving}
    for name in sorted(told ^ wanted):
        notes.add("SCENE004", MODEL, f"joint {name} is {'missing' if name in wanted else 'extra'}")


def _check_world(notes: Notes, model: Any, whole: Whole) -> None:
    import mujoco

    planes = [
        float(model.geom_pos[g][2])
        for g in range(model.ngeom)
        if model.geom_type[g] == int(mujoco.mjtGeom.mjGEOM_PLANE) and model.geom_bodyid[g] == 0
    ]
    compare_gravity(notes, MODEL, whole, model.opt.gravity, tolerance=1e-6)
    compare_ground(notes, MODEL, whole, planes)
    if model.ncam != whole.cameras:
        notes.add("SCENE008", MODEL, f"has {model.ncam} cameras, not {whole.cameras}")


def _check_apart(notes: Notes, model: Any, data: Any) -> None:
    """Note assets that are in each other, or in the ground, at the first instant."""
    deep: dict[tuple[str, str], float] = {}
    for contact in data.contact:
        owners = sorted(
            model.body(model.geom_bodyid[g]).name.partition("/")[0]
            for g in (contact.geom1, contact.geom2)
        )
        if owners[0] != owners[1]:
            pair = owners[0], owners[1]
            deep[pair] = max(deep.get(pair, 0.0), -float(contact.dist))
    limit = _DEEP * float(model.stat.extent)
    pairs = sorted((pair for pair, depth in deep.items() if depth > limit), key=lambda p: -deep[p])
    for first, second in pairs[:_SHOWN]:
        text = f"{first} and {second} are {deep[first, second]:.3g} m in each other at the start"
        notes.add("SCENE009", MODEL, text)
