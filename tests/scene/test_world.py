"""Scenes by value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.scene import Light, LightKind, Placement, Scene, Surfels, look_at
from reel2sim.scene.errors import InputError, NotFoundError
from reel2sim.scene.store import load_scene, save_scene
from reel2sim.scene.transforms import apply, axis_rotation, pose
from tests.exporters.conftest import assets, build_asset, skinned

Z = np.array([0.0, 0.0, 1.0])


def room(*placements: Placement) -> Scene:
    camera = look_at(np.array([0.0, -3, 1]), np.zeros(3), width=64, height=48, fov_y=0.8)
    sun = Light("sun", LightKind.SUN, pose(axis_rotation(Z, np.array(0.3))), (1, 0.5, 0.2), 70.0)
    background = Surfels.from_colors(
        means=np.arange(6.0).reshape(2, 3),
        rotations=np.tile([1.0, 0, 0, 0], (2, 1)),
        scales=np.full((2, 2), 0.1),
        opacities=np.ones(2),
        colors=np.full((2, 3), 0.5),
    )
    return Scene(placements, (0, 0, -3), 0.1, "room", (sun,), {"front": camera}, background)


@settings(max_examples=25, deadline=None)
@given(assets(), st.floats(-3, 3), st.tuples(*[st.floats(-2, 2)] * 3), st.floats(0, 1))
def test_a_placement_moves_all_of_an_asset_and_nothing_in_it(asset, turn, shift, time) -> None:
    T = pose(axis_rotation(Z, np.array(turn)), np.array(shift))
    placed = Placement.of(asset, T).placed
    moved = T @ asset.link_poses_at(time)
    np.testing.assert_allclose(placed.link_poses_at(time), moved, atol=1e-9)
    np.testing.assert_allclose(
        placed.surfels_at(time).means, apply(T, asset.surfels_at(time).means), atol=1e-5
    )


def test_a_scene_loads_with_the_bits_it_was_saved_with(tmp_path) -> None:
    first = replace(build_asset([], []), name="first")
    second = replace(skinned(build_asset([], [], fixed_base=False)), name="second")
    T = pose(axis_rotation(Z, np.array(1.0)), np.array([1.0, 2, 3]))
    scene = room(Placement.of(first), Placement.of(second, T))
    save_scene(tmp_path / "a.npz", scene)
    back = load_scene(tmp_path / "a.npz")
    save_scene(tmp_path / "b.npz", back)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert back.names == ("first", "second")
    assert [p.fixed for p in back.placements] == [True, False]
    np.testing.assert_array_equal(back.placements[1].T_world_asset, T)
    assert (back.name, back.ground_z, back.lights[0].strength) == ("room", 0.1, 70.0)
    assert back.cameras["front"].fx == scene.cameras["front"].fx
    assert back.background is not None
    count = sum(len(asset.surfels) for asset in scene.assets)
    assert len(back.surfels_at(0.0)) == count + 2


def test_placements_are_replaced_and_removed_by_value() -> None:
    first = Placement.of(replace(build_asset([], []), name="first"))
    second = Placement.of(replace(build_asset([], []), name="second"))
    scene = Scene((first,))
    both = scene.with_placement(second)
    assert (scene.names, both.names) == (("first",), ("first", "second"))
    moved = both.with_placement(replace(first, T_world_asset=pose(translation=np.ones(3))))
    assert moved.names == both.names
    assert moved.without("first").names == ("second",)
    assert scene.is_one_asset
    assert not both.is_one_asset
    with pytest.raises(NotFoundError, match="it has first"):
        scene.without("second")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gravity": (0.0, np.nan, 0.0)}, "gravity"),
        ({"ground_z": np.inf}, "ground_z"),
        ({"name": "a room"}, "a room"),
        ({"cameras": {"no good": None}}, "no good"),
    ],
)
def test_what_is_no_scene_is_refused(change, said) -> None:
    with pytest.raises(InputError, match=said):
        replace(room(), **change)


def test_names_are_unique_and_lights_shine() -> None:
    one = Placement.of(build_asset([], []))
    with pytest.raises(InputError, match="two assets"):
        Scene((one, one))
    sun = Light("sun", LightKind.SUN, np.eye(4))
    with pytest.raises(InputError, match="two lights"):
        Scene((), lights=(sun, sun))
    for wrong in ({"strength": 0.0}, {"color": (-1.0, 0.0, 0.0)}, {"T_world_light": 2 * np.eye(4)}):
        with pytest.raises(InputError):
            replace(sun, **wrong)
