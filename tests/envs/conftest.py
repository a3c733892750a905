"""Bundles of boxes, exported as the pipeline would export them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from reel2sim.exporters import export_bundle
from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Mimic,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.transforms import axis_rotation, pose

CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
TIMES = np.linspace(0.0, 1.0, 13)
SWING = np.sin(0.75 * np.pi * TIMES)
"""Out and part of the way back."""


def box(name: str, half: tuple[float, ...], center: tuple[float, ...], mass: float) -> Link:
    """A box with its exact mass properties."""
    h, c = np.array(half), np.array(center)
    mesh = TriangleMesh(CORNERS * h + c, FACES, np.tile([0.6, 0.4, 0.2], (8, 1)))
    inertia = np.diag(mass / 3 * (h @ h - h**2))
    return Link(name, mesh, (TriangleMesh(mesh.vertices, FACES),), Inertial(mass, c, inertia))


def joint(name: str, kind: JointType, parent: str, child: str, **more) -> Joint:
    """A joint with limits that leave the motion some room."""
    options = {
        "origin": np.zeros(3),
        "axis": np.array([0.0, 0.0, 1.0]),
        "limits": JointLimits(-0.1, 1.4, 30.0, 8.0),
        "damping": 0.05,
        "friction": 0.02,
    }
    return Joint(name=name, type=kind, parent=parent, child=child, **{**options, **more})


def asset(name, links, joints, positions, *, fixed_base=True, base_poses=None) -> RiggedAsset:
    count = len(links)
    surfels = Surfels(
        means=np.zeros((count, 3)),
        rotations=np.tile([1.0, 0, 0, 0], (count, 1)),
        scales=np.full((count, 2), 0.01),
        opacities=np.ones(count),
        sh=np.zeros((count, 1, 3)),
        confidence=np.ones(count),
    )
    base = np.tile(np.eye(4), (len(TIMES), 1, 1)) if base_poses is None else base_poses
    motion = Motion(TIMES, base, positions)
    return RiggedAsset(
        name, tuple(links), tuple(joints), motion, surfels, np.arange(count), fixed_base
    )


def drawer(**more) -> RiggedAsset:
    """A cabinet whose drawer slides along −y."""
    slide = joint(
        "slide",
        JointType.PRISMATIC,
        "cabinet",
        "drawer",
        axis=np.array([0.0, -1.0, 0.0]),
        limits=JointLimits(-0.02, 0.35, 60.0, 2.0),
        damping=2.0,
    )
    links = [
        box("cabinet", (0.3, 0.25, 0.4), (0, 0, 0.4), 20.0),
        box("drawer", (0.25, 0.2, 0.1), (0, -0.05, 0.5), 3.0),
    ]
    return asset("dresser", links, [slide], {"slide": 0.3 * SWING}, **more)


def laptop(**more) -> RiggedAsset:
    """A lid on a hinge: light enough that its damping needs care in an explicit integrator."""
    hinge = joint(
        "hinge",
        JointType.REVOLUTE,
        "deck",
        "lid",
        origin=np.array([0.0, 0.1, 0.02]),
        axis=np.array([-1.0, 0.0, 0.0]),
        damping=0.5,
    )
    links = [
        box("deck", (0.15, 0.1, 0.01), (0, 0, 0.01), 1.0),
        box("lid", (0.02, 0.02, 0.005), (0, -0.02, 0.005), 0.02),
    ]
    return asset("laptop", links, [hinge], {"hinge": 1.2 * SWING}, **more)


def arm() -> RiggedAsset:
    """A wheel that turns without limits and carries a lever with gravity against it.

    A third joint moved too little to be sure of, and PyBullet numbers the joints differently.
    """
    spin = joint("spin", JointType.CONTINUOUS, "stand", "wheel", origin=np.array([0, 0, 0.5]),
                 limits=JointLimits(-np.inf, np.inf, 40.0, 20.0))  # fmt: skip
    knob = joint("knob", JointType.REVOLUTE, "stand", "button", origin=np.array([0.1, 0, 0.3]),
                 limits=JointLimits(-0.2, 0.2, 5.0, 5.0),
                 observed=False, confidence=0.2)  # fmt: skip
    lever = joint("lever", JointType.REVOLUTE, "wheel", "handle", origin=np.array([0.1, 0, 0.1]),
                  axis=np.array([0.0, -1.0, 0.0]))  # fmt: skip
    weld = joint("weld", JointType.FIXED, "handle", "grip", origin=np.array([0.3, 0, 0]))
    links = [
        box("stand", (0.1, 0.1, 0.25), (0, 0, 0.25), 5.0),
        box("wheel", (0.15, 0.15, 0.05), (0, 0, 0.05), 2.0),
        box("button", (0.02, 0.02, 0.02), (0.03, 0, 0), 0.1),
        box("handle", (0.15, 0.02, 0.02), (0.15, 0, 0), 0.5),
        box("grip", (0.03, 0.03, 0.03), (0, 0, 0), 0.2),
    ]
    positions = {
        "spin": 4.0 * TIMES,
        "knob": 0.05 * SWING,
        "lever": 1.1 * SWING,
        "weld": np.zeros(len(TIMES)),
    }
    return asset("arm", links, [spin, knob, lever, weld], positions)


def thrown() -> RiggedAsset:
    """The drawer with a base that was carried a little and turned."""
    turn = axis_rotation(np.array([0.0, 0.0, 1.0]), 0.3 * TIMES)
    return drawer(fixed_base=False, base_poses=pose(turn, np.outer(TIMES, [0.2, 0.1, 0.0])))


def gripper() -> RiggedAsset:
    """Two fingers on parallel hinges; the right one, which is listed first, follows the left."""
    left = joint("left", JointType.REVOLUTE, "palm", "left_finger", origin=np.array([0.1, 0.02, 0]),
                 limits=JointLimits(-0.1, 0.8, 5.0, 5.0), damping=0.0, friction=0.0)  # fmt: skip
    right = joint("right", JointType.REVOLUTE, "palm", "right_finger",
                  origin=np.array([0.1, -0.02, 0]), limits=JointLimits(-0.7, 0.2, 5.0, 5.0),
                  damping=0.0, friction=0.0, mimic=Mimic("left", -1.0, 0.1))  # fmt: skip
    links = [
        box("palm", (0.1, 0.05, 0.03), (0, 0, 0), 1.0),
        box("right_finger", (0.05, 0.01, 0.02), (0.05, 0, 0), 0.1),
        box("left_finger", (0.05, 0.01, 0.02), (0.05, 0, 0), 0.1),
    ]
    positions = {"left": 0.6 * SWING, "right": 0.1 - 0.6 * SWING}
    return asset("gripper", links, [right, left], positions)


ASSETS = {
    "drawer": drawer, "laptop": laptop, "arm": arm, "thrown": thrown, "gripper": gripper
}  # fmt: skip


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One bundle folder of each kind."""
    root = tmp_path_factory.mktemp("bundles")
    for name, make in ASSETS.items():
        export_bundle(make(), root / name, media=None, provenance=None)
    return {name: root / name for name in ASSETS}


@pytest.fixture
def broken(bundles: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of the arm's bundle to break."""
    keep = shutil.ignore_patterns("usd", "*.usdz", "*.glb", "*.html", "*.ply")
    return shutil.copytree(bundles["arm"], tmp_path / "broken", ignore=keep)


@pytest.fixture
def make_env(bundles: dict[str, Path]) -> Iterator:
    """Makes environments by the name of their bundle and closes them."""
    made: list[gymnasium.Env] = []

    def make(name: str = "drawer", **options) -> gymnasium.Env:
        env = gymnasium.make(
            "reel2sim.envs:Reel2Sim/TrackMotion-v0", bundle=str(bundles[name]), **options
        )
        made.append(env)
        return env

    yield make
    for env in made:
        env.close()
