"""Pictures, depth, splats and points: what they show is where the links are."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import minimum_filter

from reel2sim.envs import OpenJointEnv, SceneEnv
from reel2sim.envs.sensors import (
    CameraSensor,
    LookAt,
    Pinhole,
    PointCloudSensor,
    SplatSensor,
)
from reel2sim.exporters import export_bundle, export_scene
from reel2sim.reconstruction.render import render
from reel2sim.scene import Influences, Placement, RiggedAsset, Scene, Skin, Surfels, look_at
from reel2sim.scene.errors import BundleError, UsageError
from reel2sim.scene.transforms import invert, pose, quaternion_from_matrix

from .conftest import ASSETS

TASKS = ("Scene", "TrackMotion", "OpenJoint", "Locomote")
EVERYTHING = (
    CameraSensor("front", size=(24, 16), kind="rgbd"),
    CameraSensor("parts", size=(16, 24), kind="segmentation"),
    SplatSensor("splats", size=(24, 16), kind="rgbd"),
    PointCloudSensor("points", points=30, labels=True),
    PointCloudSensor("seen", points=30, size=(16, 16), source="camera"),
)
EYE = LookAt((1.4, -1.6, 1.3), (0.0, -0.1, 0.4), fov_deg=40.0)
relaxed = settings(max_examples=4, deadline=None)


def covered(asset: RiggedAsset, each: int = 500) -> RiggedAsset:
    """``asset`` with coloured surfels all over its boxes."""
    rng = np.random.default_rng(0)
    parts, owner = [], []
    for i, (link, T) in enumerate(zip(asset.links, asset.rest_poses, strict=True)):
        low, high = link.visual.vertices.min(axis=0), link.visual.vertices.max(axis=0)
        axis, side = rng.integers(0, 3, each), rng.integers(0, 2, each)
        p = rng.uniform(low, high, (each, 3))
        p[np.arange(each), axis] = np.where(side, high[axis], low[axis])
        turns = np.stack([np.roll(np.eye(3), -(k + 1), axis=0).T for k in range(3)])
        shade = np.array([[0.9, 0.2, 0.1], [0.1, 0.3, 0.9], [0.2, 0.8, 0.2]])[i % 3]
        parts.append(
            Surfels.from_colors(
                means=p + T[:3, 3],
                rotations=quaternion_from_matrix(turns[axis]),
                scales=np.full((each, 2), 0.03),
                opacities=np.full(each, 0.95),
                colors=np.clip(shade + rng.normal(0, 0.1, (each, 3)), 0, 1),
            )
        )
        owner += [i] * each
    return replace(asset, surfels=Surfels.joined(parts), surfel_links=np.array(owner))


def bending(asset: RiggedAsset) -> RiggedAsset:
    """``asset`` with a skin: surfels between two links go with both."""
    rng = np.random.default_rng(1)
    surfels = Influences.strongest(rng.dirichlet(np.ones(len(asset.links)), len(asset.surfels)))
    mesh = asset.links[0].visual
    return replace(asset, skin=Skin(mesh, Influences.strongest(np.eye(2)[[0] * 8]), surfels))


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RiggedAsset | Path]:
    """Assets with surfels, their bundles, and a scene of two with a camera and a background."""
    root = tmp_path_factory.mktemp("shown")
    found: dict = {}
    for name in ("drawer", "thrown", "laptop"):
        found[name] = covered(ASSETS[name]())
    found["bent"] = bending(found["drawer"])
    for name in ("drawer", "thrown", "laptop", "bent"):
        export_bundle(found[name], root / name, media=None, provenance=None)
        found[name, "bundle"] = str(root / name)
    wall = Surfels.from_colors(
        means=np.array([[0.0, 2.0, 0.5]]),
        rotations=quaternion_from_matrix(np.array([[[1, 0, 0], [0, 0, -1], [0, 1, 0]]])),
        scales=np.full((1, 2), 5.0),
        opacities=np.ones(1),
        colors=np.array([[0.0, 1.0, 0.0]]),
    )
    placements = (
        Placement.of(found["drawer"]),
        Placement.of(found["laptop"], pose(None, np.array([1.0, 0.5, 0.0]))),
    )
    camera = look_at(np.array([1, -3, 1.5]), np.zeros(3), width=64, height=48, fov_y=0.8)
    scene = Scene(placements, cameras={"hall": camera}, background=wall, name="room")
    export_scene(scene, root / "room")
    found |= {"room": str(root / "room"), "camera": camera, "wall": wall}
    return found


@pytest.fixture
def make(shown) -> Iterator:
    """Makes environments with sensors and closes them."""
    made: list[gymnasium.Env] = []

    def build(*sensors, task: str = "Scene", kind: str = "drawer", **options) -> gymnasium.Env:
        if "scene" not in options:
            options["bundle"] = shown[kind, "bundle"]
        if task == "Locomote":
            options.setdefault("fixed_base", False)
        if sensors:
            options["sensors"] = sensors
        made.append(gymnasium.make(f"reel2sim.envs:Reel2Sim/{task}-v0", **options))
        return made[-1].unwrapped

    yield build
    for env in made:
        env.close()


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(np.mean((a / 255.0 - b / 255.0) ** 2) + 1e-12))


def seen_by(env: SceneEnv, asset: RiggedAsset, camera) -> np.ndarray:
    """What the rasteriser of reconstruction draws of ``asset`` in the state of ``env``."""
    q, _ = env.body.joint_state()
    positions = {j.name: float(x) for j, x in zip(env.bundle.joints, q, strict=True)}
    T = asset.link_poses(positions, env.body.root_pose()) @ invert(asset.rest_poses)
    each = (
        T[asset.surfel_links]
        if asset.skin is None
        else asset.skin.surfels.placements(asset.surfels.means, T)
    )
    return np.round(255 * render(asset.surfels.moved(each), camera).rgb)


# The contract


@pytest.mark.parametrize("kind", ["drawer", "thrown"])
@pytest.mark.parametrize("task", TASKS)
def test_gymnasium_finds_no_fault(make, task: str, kind: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(*EVERYTHING, task=task, kind=kind), skip_render_check=True)


@relaxed
@given(task=st.sampled_from(TASKS), seed=st.integers(0, 2**31))
def test_sensors_repeat_bit_by_bit_and_change_nothing_else(make, task, seed) -> None:
    options = {"task": task, "kind": "thrown", "control": "torque"}
    env, twin, blind = (make(*s, **options) for s in (EVERYTHING, EVERYTHING, ()))
    rng = np.random.default_rng(seed)
    env.reset(seed=seed + 1)
    first = [e.reset(seed=seed)[0] for e in (env, twin, blind)]
    for _ in range(3):
        a, b, c = first
        assert env.observation_space.contains(a)
        for key, value in a.items():
            np.testing.assert_array_equal(value, b[key])
        own = c if isinstance(c, dict) else {"state": c}
        for key, value in own.items():
            np.testing.assert_array_equal(value, a[key])
        action = rng.uniform(-1, 1, env.action_space.shape)
        steps = [e.step(action) for e in (env, twin, blind)]
        assert len({step[1] for step in steps}) == 1
        first = [step[0] for step in steps]


def test_specs_travel_as_json(make, shown) -> None:
    given_as = [
        {"type": "camera", "name": "front", "size": [20, 10], "kind": "depth", "view": None},
        {"type": "splat", "name": "near", "view": {"eye": [1, 1, 1], "target": [0, 0, 0]}},
        {"type": "points", "name": "points", "points": 7},
    ]
    env = make(*given_as)
    assert env.config.sensors[1] == SplatSensor("near", view=LookAt((1, 1, 1), (0, 0, 0)))
    spec = gymnasium.make("Reel2Sim/Scene-v0", bundle=shown["drawer", "bundle"], sensors=given_as)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(spec.spec.to_json()))
    for one in (spec, again):
        assert one.observation_space == env.observation_space
        one.close()


def test_learners_take_pictures(make) -> None:
    policies = pytest.importorskip("stable_baselines3.common.policies")
    env = make(CameraSensor("front"), PointCloudSensor("points"), task="OpenJoint")
    from stable_baselines3.common.preprocessing import is_image_space

    assert is_image_space(env.observation_space["front"])
    from stable_baselines3.common.vec_env import DummyVecEnv, VecTransposeImage

    vector = VecTransposeImage(DummyVecEnv([lambda: env]))
    policy = policies.MultiInputActorCriticPolicy(
        vector.observation_space, vector.action_space, lambda _: 1e-3
    )
    actions, _ = policy.predict(vector.reset())
    assert actions.shape == (1, 1)


def test_forked_workers_see_what_a_single_environment_sees(make, shown) -> None:
    """Kernels have run in this process before it forks; those of several threads would not do."""
    sensors = (SplatSensor("splats", (24, 16)), CameraSensor("front", (24, 16)))
    single = make(*sensors)
    single.reset(seed=3)
    expected, *_ = single.step(np.ones(1))
    vector = gymnasium.make_vec(
        "reel2sim.envs:Reel2Sim/Scene-v0",
        num_envs=2,
        vectorization_mode="async",
        bundle=shown["drawer", "bundle"],
        sensors=sensors,
    )
    try:
        vector.reset(seed=[3, 4])
        found, *_ = vector.step(np.ones((2, 1), np.float32))
        for key, value in expected.items():
            np.testing.assert_array_equal(found[key][0], value)
    finally:
        vector.close()


# Where things are


def on_boxes(env: SceneEnv, asset: RiggedAsset, points: np.ndarray) -> np.ndarray:
    """How far labelled points ``(n, 4)`` are from the surfaces of their links' boxes."""
    q, _ = env.body.joint_state()
    positions = {j.name: float(x) for j, x in zip(env.bundle.joints, q, strict=True)}
    T = asset.link_poses(positions, env.body.root_pose())
    away = np.full(len(points), np.inf)
    for i, link in enumerate(asset.links):
        here = points[:, 3] == i + 1
        local = (points[here, :3] - T[i, :3, 3]) @ T[i, :3, :3]
        low, high = link.visual.vertices.min(axis=0), link.visual.vertices.max(axis=0)
        outside = np.maximum(low - local, local - high)
        away[here] = np.abs(outside.max(axis=1))
    return away


@pytest.mark.parametrize("kind", ["drawer", "thrown", "laptop"])
def test_points_lie_on_the_links_they_are_said_to(make, shown, kind: str) -> None:
    env = make(
        PointCloudSensor("all", points=400, labels=True),
        PointCloudSensor("seen", points=400, labels=True, source="camera", size=(96, 96)),
        kind=kind,
    )
    env.reset(seed=0)
    for _ in range(12):
        seen, *_ = env.step(env.action_space.high)
    assert on_boxes(env, shown[kind], seen["all"]).max() < 1e-4
    size = env.setting.size
    floor = seen["seen"][:, 3] == 255
    assert on_boxes(env, shown[kind], seen["seen"][~floor]).max() < 1e-3 * size
    assert set(seen["all"][:, 3]) == set(seen["seen"][~floor, 3]) == {1.0, 2.0}
    assert floor.any() == (kind == "thrown")
    np.testing.assert_allclose(seen["seen"][floor, 2], env.world.floor_z or 0.0, atol=1e-2)


def test_points_on_surfaces_are_spread_by_area_and_by_their_seed(make) -> None:
    several = (PointCloudSensor(f"p{seed}", points=4000, labels=True, seed=seed) for seed in (0, 1))
    env = make(*several)
    seen, _ = env.reset(seed=0)
    areas = [8 * (a * b + b * c + a * c) for a, b, c in ((0.3, 0.25, 0.4), (0.25, 0.2, 0.1))]
    share = (seen["p0"][:, 3] == 2).mean()
    assert share == pytest.approx(areas[1] / sum(areas), abs=0.002)
    assert (seen["p0"] != seen["p1"]).any()
    np.testing.assert_array_equal(env.reset(seed=5)[0]["p0"], seen["p0"])


def test_pixels_are_where_cameras_project_to(make, shown) -> None:
    """Depth, parts and splats agree for a camera off its middle, neither square nor level."""
    camera = look_at(np.array([1.2, -1.7, 1.2]), np.array([0, -0.1, 0.4]), width=96, height=64,
                     fov_y=0.8, up=np.array([0.3, 0.0, 1.0]))  # fmt: skip
    camera = replace(camera, cx=40.0, cy=37.0, fy=1.2 * camera.fy)
    opengl = camera.T_world_camera @ np.diag([1.0, -1.0, -1.0, 1.0])
    view = Pinhole(opengl.tolist(), 192, 128, 2 * camera.fx, 2 * camera.fy, 80.0, 74.0)
    env = make(
        CameraSensor("depth", (96, 64), view, kind="depth"),
        CameraSensor("parts", (96, 64), view, kind="segmentation"),
        SplatSensor("splats", (96, 64), view, kind="rgbd"),
        PointCloudSensor("points", points=600, labels=True),
        PointCloudSensor("met", (96, 64), view, labels=True, source="camera"),
    )
    env.reset(seed=0)
    for _ in range(15):  # parts of closed drawers share a plane with the cabinet
        seen, *_ = env.step(env.action_space.high)
    assert on_boxes(env, shown["drawer"], seen["met"]).max() < 1e-3
    pixels, z = camera.project(seen["points"][:, :3].astype(float))
    x, y = np.floor(pixels).astype(int).T
    inside = (x >= 1) & (x < 95) & (y >= 1) & (y < 63)
    x, y, z = x[inside], y[inside], z[inside]
    drawn = seen["depth"][y, x, 0]
    assert (drawn > 0).mean() > 0.98
    visible = np.abs(drawn - z) < 0.02
    assert 0.3 < visible.mean() < 0.8
    nearest = minimum_filter(np.where(seen["depth"] > 0, seen["depth"], np.inf)[..., 0], 3)
    assert (nearest[y, x] < z + 0.02).all(), "nothing is seen through"
    labels = seen["points"][inside, 3]
    assert (seen["parts"][y, x, 0] == labels)[visible].mean() > 0.95
    both = (seen["depth"] > 0) & (seen["splats_depth"] > 0)
    either = (seen["depth"] > 0) | (seen["splats_depth"] > 0)
    assert both.sum() / either.sum() > 0.85  # surfels reach over edges
    apart = np.abs(seen["depth"] - seen["splats_depth"])[both]
    assert np.median(apart) < 0.03  # between surfels some light comes from behind
    assert psnr(seen["splats"], seen_by(env, shown["drawer"], camera)) > 45


# Splats


@pytest.mark.parametrize("kind", ["drawer", "thrown", "laptop", "bent"])
def test_splats_look_as_reconstruction_draws_them(make, shown, kind: str) -> None:
    env = make(SplatSensor("splats", (64, 48), EYE), kind=kind, task="TrackMotion")
    seen, _ = env.reset(seed=0)
    camera = look_at(np.array(EYE.eye), np.array(EYE.target), width=64, height=48,
                     fov_y=np.radians(EYE.fov_deg))  # fmt: skip
    for _ in range(3):
        assert psnr(seen["splats"], seen_by(env, shown[kind], camera)) > 45
        for _ in range(8):
            seen, *_ = env.step(env.reference_action())
    if kind != "laptop":
        assert (seen["splats"].max(axis=-1) > 20).mean() > 0.05


def test_a_scene_has_all_splats_its_cameras_and_background(make, shown) -> None:
    view = "hall"
    env = make(
        SplatSensor("splats", (64, 48), view),
        CameraSensor("parts", (64, 48), view, kind="segmentation"),
        scene=shown["room"],
    )
    seen, _ = env.reset(seed=0)
    stored = Scene(
        (
            Placement.of(shown["drawer"]),
            Placement.of(shown["laptop"], pose(None, np.array([1.0, 0.5, 0.0]))),
        )
    )
    expected = render(replace(stored, background=shown["wall"]).surfels_at(0.0), shown["camera"])
    assert psnr(seen["splats"], 255 * expected.rgb) > 45
    assert (seen["splats"].argmax(axis=-1) == 1).mean() > 0.5
    assert set(np.unique(seen["parts"])) == {0, 1, 3}
    for wrong in ("cellar", "hall"):
        scene = {"scene": shown["room"]} if wrong == "cellar" else {}
        with pytest.raises(UsageError, match=f"view: is '{wrong}', which is no camera"):
            make(CameraSensor("a", view=wrong), **scene)


class Guarded(SceneEnv):
    """A task that adds a plate of its own in front of the camera."""

    def begun(self, state) -> None:
        import pybullet as p

        client = self.world.client
        look = p.createVisualShape(
            p.GEOM_BOX, halfExtents=[0.2, 0.01, 0.2], rgbaColor=[0, 0, 1, 1],
            physicsClientId=client,
        )  # fmt: skip
        p.createMultiBody(0, -1, look, [0, -1.0, 0.9], physicsClientId=client)


def test_what_has_no_splats_is_in_the_picture_too(shown) -> None:
    view = LookAt((0.0, -3.0, 0.9), (0.0, 0.0, 0.6))
    sensors = (
        SplatSensor("splats", (64, 64), view, kind="rgbd"),
        CameraSensor("parts", (64, 64), view, kind="segmentation"),
    )
    env = Guarded(shown["drawer", "bundle"], sensors=sensors)
    bare = SceneEnv(shown["drawer", "bundle"], sensors=sensors)
    a, b = env.reset(seed=0)[0], bare.reset(seed=0)[0]
    plate = a["parts"][..., 0] == 255
    assert 0.01 < plate.mean() < 0.2
    assert (a["splats"][plate].argmax(axis=-1) == 2).all()
    np.testing.assert_allclose(a["splats_depth"][plate], 1.98, atol=0.04)
    np.testing.assert_array_equal(a["splats"][~plate], b["splats"][~plate])
    for one in (env, bare):
        one.close()


# Refusals


@pytest.mark.parametrize(
    ("sensors", "message"),
    [
        ("front", "sensors: is 'front', expected several"),
        ([3], r"sensors: \[0\]: is 3, expected a sensor"),
        ([{"type": "sonar"}], '"type" is camera, splat or points'),
        ([{"type": "camera"}], "CameraSensor: .*name"),
        ([{"type": "camera", "name": "a", "hue": 1}], "hue: is not an option"),
        ([CameraSensor("a"), SplatSensor("a")], "a: is there twice"),
        ([CameraSensor("a", kind="rgbd"), SplatSensor("a_depth")], "a_depth: is there twice"),
        ([CameraSensor("state")], "state: is what the task observes"),
        ([CameraSensor("achieved_goal")], "achieved_goal: is what the task observes"),
        ([{"type": "camera", "name": "2"}], "CameraSensor: name: is '2'"),
        ([{"type": "camera", "name": "a", "size": [0, 4]}], "size: is .0, 4., expected width"),
        ([{"type": "splat", "name": "a", "kind": "segmentation"}], "kind: is 'segmentation'"),
        ([{"type": "splat", "name": "a", "background": [0, 0, 2]}], "background"),
        ([{"type": "points", "name": "a", "points": 0}], "points: is 0"),
        ([{"type": "camera", "name": "a", "view": 3}], "view: is 3"),
        (
            [{"type": "camera", "name": "a", "view": {"eye": [0, 0, 0], "target": [0, 0, 0]}}],
            "eye: is .* somewhere else",
        ),
        ([{"type": "camera", "name": "a", "view": {"eye": [0, 0, 0]}}], "LookAt: .*target"),
    ],
)
def test_wrong_sensors_are_refused_by_name(make, sensors, message) -> None:
    with pytest.raises(UsageError, match=message):
        make(task="Scene", sensors=sensors)


def test_a_bundle_without_its_asset_has_no_splats_but_cameras(shown, tmp_path: Path) -> None:
    keep = shutil.ignore_patterns("usd", "*.usdz", "*.glb", "*.html", "*.ply", "asset.npz")
    copy = shutil.copytree(shown["drawer", "bundle"], tmp_path / "copy", ignore=keep)
    with pytest.raises(BundleError, match=r"asset.npz: is missing.*export the bundle again"):
        SceneEnv(copy, sensors=(SplatSensor("a"),))
    OpenJointEnv(copy, sensors=(CameraSensor("a"),)).close()
    shutil.copy(Path(shown["laptop", "bundle"]) / "asset.npz", copy)
    with pytest.raises(BundleError, match=r"has links that scene\.urdf does not have: deck, lid"):
        SceneEnv(copy, sensors=(SplatSensor("a"),))


def test_a_broken_camera_of_a_scene_is_refused_by_field(shown, tmp_path: Path) -> None:
    keep = shutil.ignore_patterns("usd", "*.usdz", "*.glb", "*.html", "*.ply", "*.npz")
    copy = shutil.copytree(shown["room"], tmp_path / "copy", ignore=keep)
    record = json.loads((copy / "scene.json").read_text())
    del record["cameras"][0]["fl_x"]
    (copy / "scene.json").write_text(json.dumps(record))
    with pytest.raises(BundleError, match=r"cameras\[0\].fl_x: is missing"):
        SceneEnv(copy, sensors=(CameraSensor("a", view="hall"),))
