"""What edits do, by laws: inverses, scaling of physics, and nothing else changed."""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.editing import (
    Add,
    AddCamera,
    AddLight,
    MakeOf,
    Move,
    Recolor,
    Remove,
    Replace,
    Scale,
    SetDensity,
    SetGravity,
    SetGround,
    SetJoint,
    Sources,
    edited,
    scene_digest,
)
from reel2sim.editing.placing import bounds_of, foot_of
from reel2sim.exporters import export_scene
from reel2sim.exporters.obj import write_obj
from reel2sim.rigging.physics.materials import MATERIALS
from reel2sim.scene import JointType, Scene, TriangleMesh
from reel2sim.scene.errors import NotFoundError, UsageError
from reel2sim.scene.transforms import apply
from tests.exporters.conftest import BOX, BOX_FACES, assets, build_asset, skinned

J = JointType
KINDS = [J.REVOLUTE, J.PRISMATIC, J.CONTINUOUS, J.FIXED]


def chest(name: str = "chest", seed: int = 7):
    return replace(build_asset(KINDS, [0, 0, 1, 2], seed=seed), name=name)


def world_points(asset, q=None):
    """Vertices of all links at positions ``q``."""
    return [apply(T, x.visual.vertices) for T, x in zip(asset.link_poses(q or {}), asset.links)]  # noqa: B905


def one(asset, *edits, sources=None):
    scene = edited(Scene.of(asset), edits, sources=sources)
    return scene.placements[0].asset


@settings(max_examples=20, deadline=None)
@given(assets(), st.floats(0.3, 3.0))
def test_a_scaled_asset_is_similar(asset, factor) -> None:
    large = one(asset, Scale(target="thing", factor=factor))
    q = {j.name: 0.3 for j in asset.joints if j.type is not J.FIXED}
    slides = {j.name for j in asset.joints if j.type is J.PRISMATIC}
    far = {n: v * factor if n in slides else v for n, v in q.items()}
    for a, b in zip(world_points(asset, q), world_points(large, far), strict=True):
        np.testing.assert_allclose(b, a * factor, atol=1e-9)
    for a, b in zip(asset.links, large.links, strict=True):
        assert b.inertial.mass == pytest.approx(a.inertial.mass * factor**3)
        np.testing.assert_allclose(b.inertial.inertia, a.inertial.inertia * factor**5, rtol=1e-9)
    np.testing.assert_allclose(large.surfels.means, asset.surfels.means * factor, atol=1e-5)
    back = one(large, Scale(target="thing", factor=1 / factor))
    for a, b in zip(asset.joints, back.joints, strict=True):
        assert b.limits.upper == pytest.approx(a.limits.upper)
        assert b.limits.effort == pytest.approx(a.limits.effort)
        assert b.damping == pytest.approx(a.damping)


def test_scaling_keeps_an_asset_on_its_foot() -> None:
    scene = Scene.of(chest())
    large = edited(scene, [Scale(target="chest", factor=1.7)])
    np.testing.assert_allclose(foot_of(large.assets[0]), foot_of(scene.assets[0]), atol=1e-9)
    sizes = [np.ptp(bounds_of(s.assets[0]), axis=0) for s in (scene, large)]
    np.testing.assert_allclose(sizes[1], 1.7 * sizes[0])


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 30), st.sampled_from(["link0", "link1", "link2"]), st.floats(0.6, 1.4))
def test_a_scaled_link_leaves_the_others_as_they_are(seed, name, factor) -> None:
    asset = chest(seed=seed)
    changed = one(asset, Scale(target=name, factor=factor))
    i = asset.link_index[name]
    for k, (a, b) in enumerate(zip(asset.links, changed.links, strict=True)):
        ratio = factor if k == i else 1.0
        np.testing.assert_allclose(b.visual.vertices, a.visual.vertices * ratio)
        assert b.inertial.mass == pytest.approx(a.inertial.mass * ratio**3)
    # Surfels stay where they are on their own link.
    for k in range(len(asset.links)):
        before, after = (
            x.surfels.means[x.surfel_links == k] - x.rest_poses[k, :3, 3] for x in (asset, changed)
        )
        np.testing.assert_allclose(after, before * (factor if k == i else 1.0), atol=1e-5)
    for a, b in zip(asset.joints, changed.joints, strict=True):
        assert a.limits.lower <= b.limits.lower <= b.limits.upper <= a.limits.upper
        assert b.limits.effort >= a.limits.effort
        if a.type is not J.FIXED:
            q = changed.motion.positions[b.name]
            assert q.min() >= b.limits.lower - 1e-12
            assert q.max() <= b.limits.upper + 1e-12


@settings(max_examples=20, deadline=None)
@given(assets(), st.integers(0, 7))
def test_removing_a_link_takes_what_it_carries_and_nothing_else(asset, pick) -> None:
    if len(asset.links) == 1:
        return
    name = asset.links[1 + pick % (len(asset.links) - 1)].name
    left = one(asset, Remove(target=name))
    q = {j.name: 0.2 for j in asset.joints if j.type is not J.FIXED}
    before = dict(zip([x.name for x in asset.links], world_points(asset, q), strict=True))
    after = dict(zip([x.name for x in left.links], world_points(left, q), strict=True))
    assert name not in after
    for kept, points in after.items():
        np.testing.assert_array_equal(points, before[kept])
    counts = [(left.surfel_links == k).sum() for k in range(len(left.links))]
    index = asset.link_index
    assert counts == [(asset.surfel_links == index[x.name]).sum() for x in left.links]
    carried = {name}
    for joint in asset.joints:
        if joint.parent in carried:
            carried.add(joint.child)
    assert set(before) - set(after) == carried


def test_density_and_material_change_mass_alone() -> None:
    asset = chest()
    dense = one(asset, SetDensity(target="chest", density=1234.0))
    for a, b in zip(asset.links, dense.links, strict=True):
        ratio = 1234.0 / a.material.density
        assert b.inertial.mass == pytest.approx(a.inertial.mass * ratio)
        np.testing.assert_allclose(b.inertial.inertia, a.inertial.inertia * ratio)
        np.testing.assert_array_equal(b.inertial.center, a.inertial.center)
    steel = one(asset, MakeOf(target="chest/link1", material="steel"))
    assert steel.links[1].material == MATERIALS["steel"]
    assert steel.links[0] is asset.links[0]


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(0.05, 0.95)] * 3))
def test_a_recolored_link_has_that_mean_color(color) -> None:
    asset = chest()
    dyed = one(asset, Recolor(target="link1", color=color))
    mesh = dyed.links[1].visual
    assert mesh.colors is not None
    assert (mesh.colors >= 0).all()
    assert (mesh.colors <= 1).all()
    own = dyed.surfel_links == 1
    every = np.concatenate([mesh.colors, dyed.surfels.colors[own]])
    if every.max() < 1 - 1e-6:  # nothing was clipped
        np.testing.assert_allclose(every.mean(axis=0), color, atol=2e-3)
    np.testing.assert_array_equal(dyed.surfels.sh[~own], asset.surfels.sh[~own])
    assert dyed.links[0] is asset.links[0]


def test_a_pivot_moves_nothing_at_rest_and_can_be_moved_back() -> None:
    asset = chest()
    old = asset.rest_poses[1, :3, 3]
    moved = one(asset, SetJoint(target="joint0", field="pivot", value=(0.3, -0.2, 0.1)))
    for a, b in zip(world_points(asset), world_points(moved), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
    np.testing.assert_allclose(moved.rest_poses[1, :3, 3], [0.3, -0.2, 0.1], atol=1e-12)
    turned = {"joint0": 0.7}
    assert np.abs(world_points(moved, turned)[1] - world_points(asset, turned)[1]).max() > 1e-3
    back = one(moved, SetJoint(target="joint0", field="pivot", value=tuple(old)))
    for a, b in zip(world_points(asset, turned), world_points(back, turned), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_joint_fields() -> None:
    asset = chest()
    found = one(
        asset,
        SetJoint(target="joint0", field="limits", value=(-0.1, 0.2)),
        SetJoint(target="joint1", field="effort", value=(3.0,)),
        SetJoint(target="joint1", field="axis", value=(0.0, 0.0, 2.0)),
        SetJoint(target="joint2", field="type", value="fixed"),
    )
    hinge, slide, wheel, _ = found.joints
    assert (hinge.limits.lower, hinge.limits.upper) == (-0.1, 0.2)
    q = found.motion.positions["joint0"]
    assert q.min() >= -0.1
    assert q.max() <= 0.2
    assert slide.limits.effort == 3.0
    np.testing.assert_allclose(slide.axis, [0, 0, 1])
    assert wheel.type is J.FIXED
    assert not found.motion.positions["joint2"].any()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (Scale(target="lid", factor=2.0), "is no asset or link here"),
        (SetJoint(target="link1", field="effort", value=(1.0,)), "is no joint here"),
        (Remove(target="link0"), "is the root"),
        (SetJoint(target="joint0", field="limits", value=(1.0, 0.0)), "above upper"),
        (SetJoint(target="joint2", field="limits", value=(0.0, 1.0)), "has no limits"),
        (SetJoint(target="joint1", field="type", value="revolute"), "motion is none of"),
        (SetJoint(target="joint1", field="type", value="ball"), "is no type"),
        (SetJoint(target="joint1", field="axis", value=(0.0, 0.0, 0.0)), "length zero"),
        (SetJoint(target="joint1", field="damping", value=(-1.0,)), "cannot be -1"),
        (MakeOf(target="chest", material="cheese"), "not a known material"),
        (Add(source="0" * 64, name="lost"), "not among the sources"),
        (Replace(target="link1", source="0" * 64, name="x.obj"), "not among the sources"),
        (Move(target="other", at=(0.0, 0.0, 0.0)), "is no asset here"),
    ],
)
def test_what_cannot_be_done_is_said(edit, said) -> None:
    with pytest.raises((UsageError, NotFoundError)) as error:
        edited(Scene.of(chest()), [edit])
    assert said in str(error.value)


def test_a_skin_is_not_torn() -> None:
    asset = replace(skinned(chest()), name="cat")
    for edit in (Scale(target="link1", factor=2.0), Remove(target="link1")):
        with pytest.raises(UsageError, match="skin"):
            edited(Scene.of(asset), [edit])
    large = one(asset, Scale(target="cat", factor=2.0))
    assert large.skin is not None
    np.testing.assert_allclose(large.skin_at(0.5), 2 * asset.skin_at(0.5), atol=1e-9)


def store(path, *scenes):
    from reel2sim.scene.store import save_scene

    sources, digests = Sources(), []
    for i, scene in enumerate(scenes):
        save_scene(path / f"{i}.npz", scene)
        digests.append(sources.add_scene(path / f"{i}.npz"))
    return sources, digests


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 50), st.floats(-180, 180), st.booleans())
def test_added_assets_stand_on_the_ground_and_in_nothing(tmp_path_factory, seed, turn, lay) -> None:
    path = tmp_path_factory.mktemp("scene")
    sources, (box,) = store(path, Scene.of(chest(seed=seed)))
    ground = [SetGround(height="auto")] if lay else []
    edits = [*ground, *(Add(source=box, turn_deg=turn * k) for k in range(3))]
    scene = edited(Scene.of(chest("first", seed=3)), edits, sources=sources)
    assert scene.names == ("first", "chest", "chest_2", "chest_3")
    lows = [bounds_of(asset)[0, 2] for asset in scene.assets]
    np.testing.assert_allclose(lows, lows[0], atol=1e-9)
    export_scene(scene, path / "bundle")
    model = mujoco.MjModel.from_xml_path(str(path / "bundle" / "scene.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, 0)
    mujoco.mj_forward(model, data)
    for contact in data.contact:
        bodies = [model.body(model.geom_bodyid[g]).name for g in (contact.geom1, contact.geom2)]
        owners = {name.partition("/")[0] for name in bodies}
        assert len(owners) == 1 or contact.dist > -1e-3


def test_moving_into_another_is_refused(tmp_path) -> None:
    sources, (box,) = store(tmp_path, Scene.of(chest()))
    first = Scene.of(chest("first"))
    at = tuple(float(v) for v in foot_of(first.assets[0]))
    with pytest.raises(UsageError, match="deep in first"):
        edited(first, [Add(source=box, at=at)], sources=sources)
    with pytest.raises(UsageError, match="deep in the ground"):
        edited(first, [SetGround(height=at[2] + 0.5)])
    far = edited(first, [Add(source=box, at=(9.0, 0.0, 0.0), turn_deg=30.0)], sources=sources)
    np.testing.assert_allclose(foot_of(far.assets[1]), [9, 0, 0], atol=1e-9)
    moved = edited(far, [Move(target="chest", at=(5.0, 1.0, 2.0))])
    np.testing.assert_allclose(foot_of(moved.assets[1]), [5, 1, 2], atol=1e-9)


def test_a_replaced_link_has_the_new_shape_where_the_old_one_was(tmp_path) -> None:
    asset = chest()
    ball = BOX * [0.3, 0.5, 0.1] + [4.0, 5.0, 6.0]
    write_obj(tmp_path / "new.obj", TriangleMesh(ball, BOX_FACES, np.tile([0.1, 0.5, 0.9], (8, 1))))
    sources = Sources()
    digest = sources.add_file(tmp_path / "new.obj")
    new = one(asset, Replace(target="link1", source=digest), sources=sources)
    old_mesh, mesh = asset.links[1].visual.vertices, new.links[1].visual.vertices
    np.testing.assert_allclose(mesh.mean(axis=0), (old_mesh.min(0) + old_mesh.max(0)) / 2)
    diagonals = [np.linalg.norm(np.ptp(v, axis=0)) for v in (old_mesh, mesh)]
    assert diagonals[1] == pytest.approx(diagonals[0])
    volume = float(np.prod(np.ptp(mesh, axis=0)))
    wanted = volume * asset.links[1].material.density
    assert new.links[1].inertial.mass == pytest.approx(wanted, rel=1e-6)
    own = new.surfels.means[new.surfel_links == 1] - new.rest_poses[1, :3, 3]
    assert (own >= mesh.min(axis=0) - 1e-5).all()
    assert (own <= mesh.max(axis=0) + 1e-5).all()
    np.testing.assert_allclose(new.surfels.colors[new.surfel_links == 1], 0, atol=0.95)
    as_is = one(asset, Replace(target="link1", source=digest, fit=False), sources=sources)
    np.testing.assert_allclose(as_is.links[1].visual.vertices, ball, atol=1e-6)


def test_surroundings() -> None:
    scene = edited(
        Scene.of(chest()),
        [
            SetGravity(gravity=(0.0, 0.0, -1.62)),
            AddLight(name="sun", kind="sun", at=(0.0, 0.0, 5.0)),
            AddLight(name="sun", kind="sun", at=(3.0, 0.0, 0.0), strength=5.0),
            AddCamera(name="front", at=(0.0, -3.0, 0.0), target=(0.0, 0.0, 0.0), size=(64, 48)),
        ],
    )
    np.testing.assert_allclose(scene.gravity, [0, 0, -1.62])
    (sun,) = scene.lights
    np.testing.assert_allclose(sun.direction, [-1, 0, 0], atol=1e-12)
    pixel, depth = scene.cameras["front"].project(np.zeros(3))
    np.testing.assert_allclose(pixel, [32, 24], atol=1e-9)
    assert depth == pytest.approx(3.0)


def test_the_scene_itself_is_not_changed(tmp_path) -> None:
    sources, (box,) = store(tmp_path, Scene.of(chest()))
    scene = Scene.of(chest("first"))
    before = scene_digest(scene)
    edited(
        scene,
        [
            Add(source=box),
            Scale(target="first", factor=2.0),
            Recolor(target="first", color=(0.5, 0.5, 0.5)),
            Remove(target="first/link1"),
            SetGround(height="auto"),
        ],
        sources=sources,
    )
    assert scene_digest(scene) == before
