"""The physics study tells bodies that behave from bodies that do not."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import trimesh

from reel2sim.rigging.physics.inertia import inertial_of
from reel2sim.scene import Joint, JointLimits, JointType, Link, Motion, RiggedAsset
from reel2sim.scene.rig import Material, TriangleMesh
from reel2sim.scene.surfels import Surfels

ROOT = Path(__file__).parents[2]
_MODULES = ("statics", "settling", "ball")
STILL = np.broadcast_to(np.eye(4), (3, 4, 4))


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    found = {name: importlib.import_module(f"physics_study.{name}") for name in _MODULES}
    found["command"] = importlib.import_module("physics")
    yield SimpleNamespace(**found)
    for name in [n for n in sys.modules if n.split(".")[0] in ("physics_study", "physics")]:
        del sys.modules[name]


def box(*bounds) -> trimesh.Trimesh:
    return trimesh.creation.box(bounds=np.array(bounds, float).T)


def link(name: str, boxes: list[trimesh.Trimesh]) -> Link:
    whole = trimesh.boolean.union(boxes) if len(boxes) > 1 else boxes[0]
    material = Material()
    return Link(
        name,
        TriangleMesh(whole.vertices, whole.faces),
        tuple(TriangleMesh(piece.vertices, piece.faces) for piece in boxes),
        inertial_of(whole, material.density),
        material,
    )


def chest(*, floor: bool = True) -> RiggedAsset:
    """A case open to −y with a drawer, which may lack its floor; the drawer slides 0.2 m out."""
    case = [
        box((-0.22, -0.2), (0, 0.4), (0, 0.25)),
        box((0.2, 0.22), (0, 0.4), (0, 0.25)),
        box((-0.22, 0.22), (0.38, 0.4), (0, 0.25)),
        box((-0.22, 0.22), (0, 0.4), (0.23, 0.25)),
    ]
    drawer = [
        box((-0.18, 0.18), (0.0, 0.02), (0.02, 0.2)),
        box((-0.18, 0.18), (0.28, 0.3), (0.02, 0.15)),
        box((-0.18, -0.16), (0.0, 0.3), (0.02, 0.15)),
        box((0.16, 0.18), (0.0, 0.3), (0.02, 0.15)),
    ]
    if floor:
        drawer.append(box((-0.18, 0.18), (0.0, 0.3), (0.02, 0.04)))
    joint = Joint(
        "slide", JointType.PRISMATIC, "base", "drawer", np.zeros(3), np.array([0, -1.0, 0]),
        JointLimits(0.0, 0.22, 60.0, 1.0), damping=2.0, observed_range=(0.0, 0.2),
    )  # fmt: skip
    corners = np.array(np.meshgrid([-0.22, 0.22], [0, 0.4], [0, 0.25])).reshape(3, -1).T
    surfels = Surfels.from_colors(
        means=corners,
        rotations=np.tile([1.0, 0, 0, 0], (8, 1)),
        scales=np.full((8, 2), 0.01),
        opacities=np.ones(8),
        colors=np.full((8, 3), 0.5),
    )
    motion = Motion(np.array([0, 1.0, 2.0]), STILL, {"slide": np.array([0, 0.2, 0.1])})
    links = (link("base", case), link("drawer", drawer))
    return RiggedAsset("chest", links, (joint,), motion, surfels, np.zeros(8, np.int32))


def bundle_of(asset: RiggedAsset, folder: Path) -> Path:
    from reel2sim.exporters.mjcf import write_mjcf
    from reel2sim.exporters.urdf import write_urdf
    from reel2sim.scene.store import save_asset

    write_urdf(asset, folder / "scene.urdf")
    write_mjcf(asset, folder / "scene.xml")
    save_asset(folder / "asset.npz", asset)
    return folder


def test_a_ball_stays_in_a_drawer(study, tmp_path):
    pytest.importorskip("pybullet")
    asset = chest()
    (found,) = study.ball.ball_tests(bundle_of(asset, tmp_path), asset)
    assert found.verdict == "stays"
    assert found.radius_mm > 20


def test_a_drawer_without_a_floor_has_no_hollow_and_loses_a_ball(study, tmp_path):
    pytest.importorskip("pybullet")
    whole, leaky = chest(), chest(floor=False)
    bundle = bundle_of(leaky, tmp_path)
    (found,) = study.ball.ball_tests(bundle, leaky)
    assert found.verdict == "no hollow"
    hollow = study.ball.hollow_of(whole, whole.joints[0], 0.2)
    assert study.ball.hollow_of(whole, whole.joints[0], 0.0) is None  # under the case's top
    lost = study.ball.drop_and_shut(bundle, leaky, leaky.joints[0], hollow, 0.2, 0.0)
    assert lost.verdict == "lost"


def test_sound_bodies_have_no_fault(study, tmp_path):
    pytest.importorskip("pybullet")
    found = study.command.study(bundle_of(chest(), tmp_path))
    assert found.faults == []
    assert found.statics.joined_mm == 0.0
    trials = [(engine, how) for engine in ("PyBullet", "MuJoCo") for how in ("held", "dropped")]
    assert set(found.settled) == {f"{engine} {how}" for engine, how in trials}


def test_faults_are_told(study, tmp_path):
    asset = chest()
    base, drawer = asset.links
    heavy = dataclasses.replace(drawer.inertial, mass=3 * drawer.inertial.mass)
    torn = TriangleMesh(base.visual.vertices, base.visual.faces[1:])
    links = (dataclasses.replace(base, visual=torn), dataclasses.replace(drawer, inertial=heavy))
    faults = " ".join(study.statics.statics(dataclasses.replace(asset, links=links)).faults)
    assert "base: its visual mesh is not closed" in faults
    assert "drawer: weighs" in faults


def test_a_drive_too_weak_to_hold_is_told(study, tmp_path):
    pytest.importorskip("pybullet")
    asset = chest()
    (slide,) = asset.joints
    limits = JointLimits(-0.5, 0.5, 0.5, 1.0)
    lift = dataclasses.replace(slide, axis=np.array([0, 0, 1.0]), limits=limits)
    weak = dataclasses.replace(asset, joints=(lift,))
    bundle = bundle_of(weak, tmp_path)
    for engine in (study.settling.bullet, study.settling.mujoco):
        assert engine(bundle, weak, dropped=False).fault == "a drive gives way"
