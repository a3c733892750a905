"""Laws of the pictures that show parts and joints over what went in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.pipeline.overlay import LINE_PX, draw_overlay, draw_sheet, joint_axes, label_places
from reel2sim.pipeline.preview import link_colors
from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    Reel,
    RiggedAsset,
    Surfels,
    TriangleMesh,
    look_at,
)
from reel2sim.scene.errors import InputError
from reel2sim.scene.reel import Frame
from reel2sim.scene.transforms import apply, axis_rotation, pose

TIMES = np.array([0.0, 0.5, 1.0])
LIMITS = JointLimits(-2.0, 2.0, 10.0, 1.0)
PLATES = {"base": -0.5, "door": 0.0, "tray": 0.5}
"""Where along y the middles of the plates are; all face the camera, on +x."""
HINGE = np.array([0.0, -0.15, 0.0])
Y, Z = np.eye(3)[1:]
CAMERA = look_at(np.array([3.0, 0, 0]), np.zeros(3), width=320, height=240, fov_y=0.6)
GREY = np.full((240, 320, 3), 90, np.uint8)


def plate(y: float) -> np.ndarray:
    line = np.linspace(-0.15, 0.15, 13)
    across, up = np.meshgrid(line, line)
    return np.stack([0 * across.ravel(), y + across.ravel(), up.ravel()], axis=1)


def asset(*, T: np.ndarray | None = None, names: str = "hinge rail", **hinge) -> RiggedAsset:
    """A door on a hinge along z and a tray that slides along y, carried by ``T`` all the time."""
    mesh = TriangleMesh(np.eye(3), np.array([[0, 1, 2]]))
    children = {"hinge": "door", "rail": "tray"}
    chosen = names.split()
    links = ["base", *(children[name] for name in chosen)]
    joints = {
        "hinge": Joint("hinge", JointType.REVOLUTE, "base", "door", HINGE, Z, LIMITS, **hinge),
        "rail": Joint("rail", JointType.PRISMATIC, "base", "tray", np.zeros(3), Y, LIMITS),
    }
    points = np.concatenate([plate(PLATES[name]) for name in links])
    base = np.tile(np.eye(4) if T is None else T, (3, 1, 1))
    return RiggedAsset(
        name="thing",
        links=tuple(Link(n, mesh, (mesh,), Inertial(1.0, np.zeros(3), np.eye(3))) for n in links),
        joints=tuple(joints[name] for name in chosen),
        motion=Motion(TIMES, base, {n: np.array([0.0, 0.2, 0.4]) for n in chosen}),
        surfels=Surfels.from_colors(
            means=points,
            rotations=np.tile([np.sqrt(0.5), 0, np.sqrt(0.5), 0], (len(points), 1)),
            scales=np.full((len(points), 2), 0.02),
            opacities=np.full(len(points), 0.95),
            colors=np.zeros((len(points), 3)),
        ),
        surfel_links=np.repeat(np.arange(len(links)), 169),
    )


def reel(count: int = 3, image: np.ndarray = GREY) -> Reel:
    times = np.linspace(0, 1, count)
    return Reel(tuple(Frame(image, float(t), CAMERA) for t in times))


def pixel(picture: np.ndarray, point: np.ndarray) -> np.ndarray:
    (x, y), _ = CAMERA.project(point)
    return picture[int(y), int(x)].astype(float)


@given(st.floats(-3, 3), st.tuples(*[st.floats(-2, 2)] * 3), st.sampled_from(TIMES.tolist()))
@settings(max_examples=20, deadline=None)
def test_axes_move_with_the_object(turn: float, shift: tuple[float, ...], time_s: float) -> None:
    R = axis_rotation(np.array([0.6, 0, 0.8]), np.array([turn]))[0]
    T = pose(R[None], np.array([shift]))[0]
    for here, there in zip(
        joint_axes(asset(), time_s), joint_axes(asset(T=T), time_s), strict=True
    ):
        np.testing.assert_allclose(there.ends, apply(T, here.ends), atol=1e-9)


def test_axes_are_where_the_joints_are() -> None:
    hinge, rail = joint_axes(asset(), 0.5)
    along = hinge.ends[1] - hinge.ends[0]
    np.testing.assert_allclose(along / np.linalg.norm(along), Z, atol=1e-9)
    np.testing.assert_allclose(np.cross(hinge.ends - HINGE, Z), 0, atol=1e-9)
    assert hinge.ends[0][2] < -0.15 < 0.15 < hinge.ends[1][2], "it sticks out of what it turns"
    middle = np.array([0, PLATES["tray"] + 0.2, 0])
    np.testing.assert_allclose(rail.ends.mean(axis=0), middle, atol=1e-9)
    assert (rail.ends[1] - rail.ends[0]) @ Y > 0.3


def test_parts_have_their_colours_where_they_are_at_that_time() -> None:
    thing, colors = asset(), 255 * link_colors(3)
    for time_s, slid in ((0.0, 0.0), (1.0, 0.4)):
        picture = draw_overlay(thing, Frame(GREY, time_s, CAMERA), width=320)
        # Off the axes and the labels.
        tray = pixel(picture, np.array([0, PLATES["tray"] + slid - 0.05, 0.1]))
        expected = 0.45 * 90 + 0.55 * colors[2]
        np.testing.assert_allclose(tray, expected, atol=8)
        away = pixel(picture, np.array([0, -0.25, -0.3]))
        np.testing.assert_array_equal(away, 90)


def test_an_axis_is_drawn_through_its_pivot_in_the_colour_of_its_part() -> None:
    picture = draw_overlay(asset(names="hinge"), Frame(GREY, 0.5, CAMERA), width=320)
    np.testing.assert_allclose(pixel(picture, HINGE), 255 * link_colors(2)[1], atol=2)


def test_what_was_not_observed_is_dashed() -> None:
    color = np.round(255 * link_colors(2)[1])

    def inked(observed: bool) -> int:
        thing = asset(names="hinge", observed=observed, reason="" if observed else "hardly moved")
        picture = draw_overlay(thing, Frame(GREY, 0.0, CAMERA), width=320)
        x = int(CAMERA.project(HINGE)[0][0])
        column = picture[:, x - 1 : x + 2].astype(float)
        return int((np.abs(column - color).max(axis=2) < 12).any(axis=1).sum())

    assert 0.3 * inked(True) < inked(False) < 0.8 * inked(True)


def test_nothing_is_drawn_of_what_is_behind_the_camera() -> None:
    away = look_at(np.array([3.0, 0, 0]), np.array([9.0, 0, 0]), width=320, height=240, fov_y=0.6)
    picture = draw_overlay(asset(), Frame(GREY, 0.0, away), width=320)
    np.testing.assert_array_equal(picture[: -LINE_PX - 6], 90)
    assert (picture[-LINE_PX - 6 :] != 90).any(), "the time is told"


def test_an_axis_that_goes_through_the_camera_can_be_drawn() -> None:
    eye = np.array([1e-3, -0.15, -0.05])
    camera = look_at(eye, np.array([0, -0.15, 3.0]), width=320, height=240, fov_y=1.0, up=Y)
    picture = draw_overlay(asset(names="hinge"), Frame(GREY, 0.0, camera), width=320)
    assert (picture != 90).any(axis=2).mean() > 0.001


@given(
    st.lists(st.tuples(st.floats(-50, 450), st.floats(-50, 350)), min_size=1, max_size=8),
    st.integers(0, 2**32 - 1),
)
def test_no_label_hides_another(wanted: list[tuple[float, float]], seed: int) -> None:
    lengths = np.random.default_rng(seed).uniform(20, 250, len(wanted))
    places = label_places(np.array(wanted), list(lengths), (400, 300))
    for i, (x, y) in enumerate(places):
        assert 0 <= x <= 400 - lengths[i]
        assert 0 <= y <= 300 - LINE_PX
        for k in range(i):
            apart = x > places[k, 0] + lengths[k] or places[k, 0] > x + lengths[i]
            assert apart or abs(y - places[k, 1]) >= LINE_PX - 1e-9


@pytest.mark.parametrize(("count", "shape"), [(2, (1, 2)), (3, (1, 3)), (6, (2, 4)), (30, (2, 4))])
def test_a_sheet_has_rows_of_frames_and_a_title(count: int, shape: tuple[int, int]) -> None:
    sheet = draw_sheet(asset(), reel(count), width=160)
    assert sheet is not None
    assert sheet.shape == (shape[0] * 124 - 4, shape[1] * 164 - 4, 3)
    titled = draw_sheet(asset(), reel(count), width=160, title="a door and a tray")
    assert titled is not None
    below = len(titled) - len(sheet)
    np.testing.assert_array_equal(titled[below:], sheet)
    assert (titled[:below] < 128).any()


def test_frames_are_not_enlarged_and_pictures_are_the_same_each_time() -> None:
    one, two = (draw_sheet(asset(), reel(), columns=1, width=999) for _ in range(2))
    assert one is not None
    assert one.shape == (3 * 244 - 4, 320, 3)
    np.testing.assert_array_equal(one, two)


def test_without_cameras_there_is_no_sheet() -> None:
    bare = Reel(tuple(replace(frame, camera=None) for frame in reel().frames))
    assert draw_sheet(asset(), bare) is None
    with pytest.raises(InputError, match="has no camera"):
        draw_overlay(asset(), bare.frames[0], width=100)
