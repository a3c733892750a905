"""Random assets: trees of boxes with every joint the formats can say."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from reel2sim.exporters import BundleMedia, Provenance, StageRecord
from reel2sim.exporters.check.robot import bullet
from reel2sim.scene import (
    Inertial,
    Influences,
    Joint,
    JointLimits,
    JointType,
    Link,
    Material,
    Mimic,
    Motion,
    RiggedAsset,
    Skin,
    Surfels,
    TriangleMesh,
)
from reel2sim.scene.digest import digest_file, digest_tree
from reel2sim.scene.transforms import axis_rotation, pose

BOX = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
BOX_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
     [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]]
)  # fmt: skip
MATERIALS = (Material(), Material("oak wood", 700.0, 0.5, 0.2), Material("steel", 7800.0, 0.4))


def box_link(name: str, *, half: np.ndarray, center: np.ndarray, color: np.ndarray, material):
    """A box with its exact mass properties; collision is two halves along x."""
    mesh = TriangleMesh(BOX * half + center, BOX_FACES, np.tile(color, (8, 1)))
    halves = tuple(
        TriangleMesh(BOX * half * [0.5, 1, 1] + center + [s * half[0] / 2, 0, 0], BOX_FACES)
        for s in (-1, 1)
    )
    mass = material.density * 8 * half.prod()
    inertia = np.diag(mass / 3 * (half @ half - half**2))
    # A turned tensor is not that of this box, but it exercises principal axes; it stays valid.
    R = axis_rotation(np.array([0.6, 0.0, 0.8]), 0.4)
    return Link(name, mesh, halves, Inertial(mass, center, R @ inertia @ R.T), material)


def make_joint(name, kind, parent, child, *, origin, axis):
    bound = np.inf if kind is JointType.CONTINUOUS else 1.5
    return Joint(
        name=name,
        type=kind,
        parent=parent,
        child=child,
        origin=origin,
        axis=axis / np.linalg.norm(axis),
        limits=JointLimits(-bound / 3, bound, 25.0, 3.0),
        damping=0.2,
        friction=0.05,
        confidence=0.9,
    )


def make_surfels(links, origins, rng, per_link=6):
    n = per_link * len(links)
    owner = np.repeat(np.arange(len(links)), per_link)
    means = np.concatenate(
        [x.visual.vertices[:per_link] + o for x, o in zip(links, origins, strict=True)]
    )
    surfels = Surfels(
        means=means,
        rotations=rng.normal(size=(n, 4)),
        scales=rng.uniform(0.005, 0.02, (n, 2)),
        opacities=rng.uniform(0.0, 1.0, n),
        sh=rng.normal(size=(n, 4, 3)),
        confidence=np.ones(n),
    )
    return surfels, owner


def build_asset(kinds, parents, *, seed=0, fixed_base=True, frames=5, names=None):
    """An asset whose joint ``i`` has type ``kinds[i]`` and hangs on link ``parents[i]``."""
    rng = np.random.default_rng(seed)
    names = names or [f"link{i}" for i in range(len(kinds) + 1)]
    links = tuple(
        box_link(
            name,
            half=rng.uniform(0.02, 0.2, 3),
            center=rng.uniform(-0.1, 0.1, 3),
            color=rng.uniform(0.1, 0.9, 3),
            material=MATERIALS[i % 3],
        )
        for i, name in enumerate(names)
    )
    joints = tuple(
        make_joint(
            f"joint{i}",
            kind,
            names[parents[i]],
            names[i + 1],
            origin=rng.uniform(-0.4, 0.4, 3),
            axis=rng.normal(size=3) if seed % 3 else -np.eye(3)[seed % 2],
        )
        for i, kind in enumerate(kinds)
    )
    times = np.linspace(0.0, 1.0, frames)
    moving = {
        j.name: times * (0.0 if j.type is JointType.FIXED else rng.uniform(-0.4, 1.2))
        for j in joints
    }
    base = np.tile(np.eye(4), (frames, 1, 1))
    if not fixed_base:
        turn = axis_rotation(np.array([0.0, 0.0, 1.0]), times)
        base = pose(turn, np.outer(times, rng.uniform(-0.3, 0.3, 3)))
    motion = Motion(times, base, moving)
    origins = np.zeros((len(links), 3))
    index = {name: i for i, name in enumerate(names)}
    for i, joint in enumerate(joints, start=1):
        origins[i] = origins[index[joint.parent]] + joint.origin
    surfels, owner = make_surfels(links, origins, rng)
    return RiggedAsset(
        "thing", links, joints, motion, surfels, owner, fixed_base, {"replay_error": 0.004}
    )


def geared(asset: RiggedAsset, mimics: dict[str, Mimic]) -> RiggedAsset:
    """``asset`` with some joints that follow others, in limits and motion too."""
    joints = {joint.name: joint for joint in asset.joints}
    positions = dict(asset.motion.positions)
    for name, mimic in mimics.items():
        limits = joints[mimic.joint].limits
        low, high = sorted(mimic.follow(np.array([limits.lower, limits.upper])))
        bounds = dataclasses.replace(joints[name].limits, lower=low, upper=high)
        joints[name] = dataclasses.replace(joints[name], mimic=mimic, limits=bounds)
        positions[name] = mimic.follow(positions[mimic.joint])
    motion = Motion(asset.motion.times_s, asset.motion.base_poses, positions)
    return dataclasses.replace(asset, joints=tuple(joints.values()), motion=motion)


def random_mimics(asset: RiggedAsset, seed: int) -> dict[str, Mimic]:
    """About half of the joints that could follow an earlier one of their type do."""
    rng = np.random.default_rng(seed)
    leaders: dict[JointType, str] = {}
    mimics: dict[str, Mimic] = {}
    for joint in asset.joints:
        if joint.type is JointType.FIXED:
            continue
        leader = leaders.setdefault(joint.type, joint.name)
        if leader != joint.name and rng.random() < 0.5:
            multiplier = rng.choice([-1, 1]) * rng.uniform(0.3, 2.0)
            mimics[joint.name] = Mimic(leader, float(multiplier), float(rng.uniform(-0.3, 0.3)))
    return mimics


@st.composite
def assets(draw, max_links: int = 8) -> RiggedAsset:
    count = draw(st.integers(1, max_links))
    kind = st.sampled_from(
        [JointType.FIXED, JointType.REVOLUTE, JointType.CONTINUOUS, JointType.PRISMATIC]
    )
    kinds = draw(st.lists(kind, min_size=count - 1, max_size=count - 1))
    parents = [draw(st.integers(0, i)) for i in range(count - 1)]
    seed = draw(st.integers(0, 10_000))
    asset = build_asset(kinds, parents, seed=seed, fixed_base=draw(st.booleans()))
    return geared(asset, random_mimics(asset, seed))


@pytest.fixture(scope="session")
def cabinet() -> RiggedAsset:
    """One of each expressible joint."""
    J = JointType
    return build_asset([J.REVOLUTE, J.PRISMATIC, J.CONTINUOUS, J.FIXED], [0, 0, 1, 2], seed=7)


@pytest.fixture(scope="session")
def media() -> BundleMedia:
    """Six small frames of moving gradients."""
    ramp = np.linspace(0, 200, 64, dtype=np.uint8)
    frames = np.stack([np.tile(np.roll(ramp, 4 * k), (49, 1)) for k in range(6)])
    rgb = np.repeat(frames[..., None], 3, axis=-1)
    return BundleMedia(np.arange(6) / 5, rgb, rgb[..., ::-1] // 2, 255 - rgb, 5.0)


@pytest.fixture(scope="session")
def provenance() -> Provenance:
    stage = StageRecord("rigging", "1", {"preset": "draft"}, 1.25, 300.0, {"joints": 4.0})
    return Provenance("clip.mp4", "ab" * 32, None, 3, "draft", (stage,))


@pytest.fixture(scope="module")
def asked_once():
    """PyBullet is asked once about the same files, for bundles that differ in others.

    It runs in a process of its own, which takes as long to start as all other checks take.
    """
    ask, answers = bullet._ask, {}

    def remembered(asked: dict[str, Any]) -> dict[str, Any]:
        urdf = Path(asked["urdf"])
        meshes = urdf.parent / "meshes"
        files = (digest_file(urdf), digest_tree(meshes) if meshes.is_dir() else "")
        key = (json.dumps({**asked, "urdf": ""}, sort_keys=True), files)
        if key not in answers:
            answers[key] = ask(asked)
        return answers[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bullet, "_ask", remembered)
        yield


def skinned(asset: RiggedAsset, *, seed: int = 0) -> RiggedAsset:
    """The asset with a skin of boxes over all links, each vertex carried by up to four."""
    rng = np.random.default_rng(seed)
    rest = asset.rest_poses[:, :3, 3]
    shapes = [x.visual.vertices + o for x, o in zip(asset.links, rest, strict=True)]
    faces = [BOX_FACES + 8 * i for i in range(len(shapes))]
    points = np.concatenate(shapes)
    mesh = TriangleMesh(points, np.concatenate(faces), rng.uniform(0.1, 0.9, points.shape))
    count = len(asset.links)
    vertices, surfels = (
        Influences.strongest(rng.dirichlet(np.full(count, 0.4), n) + 1e-9)
        for n in (len(points), len(asset.surfels))
    )
    return replace(asset, skin=Skin(mesh, vertices, surfels))
