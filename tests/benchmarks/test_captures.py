"""Rendered captures agree with the body they show, its motion and each other."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from reel2sim.generation.truth import load_truth
from reel2sim.media import load_reel
from reel2sim.scene.camera import look_at
from reel2sim.scene.transforms import apply

EYE = np.array([0.3, -2.0, 0.5])
MIDDLE = np.array([0.3, 0.0, 0.0])


def test_children_follow_their_parents(chain):
    poses = chain.poses(np.array([np.pi / 2, 0.1]))
    assert np.allclose(poses["base"], np.eye(4))
    assert np.allclose(apply(poses["arm"], np.array([[0.3, 0, 0]])), [[0, 0.3, 0]])
    assert np.allclose(apply(poses["finger"], np.array([[0.6, 0, 0]])), [[0, 0.7, 0]])


def test_motion_starts_at_rest_and_reaches_its_travel(chain):
    q = chain.trajectory(49)
    assert np.allclose(q[0], 0.0)
    assert q.max(axis=0) == pytest.approx([1.0, 0.1], rel=0.01)
    assert np.abs(np.diff(q, axis=0)).max(axis=0) == pytest.approx([0.0, 0.0], abs=0.15)
    assert not np.allclose(q[:, 0], 10 * q[:, 1], atol=0.05), "joints must not move in step"


def test_picture_covers_what_projects_into_it(captures, chain):
    body = captures.body.Body.of(chain)
    scene = captures.raycast.RayScene(body, seed=3)
    camera = look_at(EYE, MIDDLE, width=48, height=48, fov_y=0.7)
    picture = scene.picture(camera, 0.3)
    assert np.array_equal(picture, scene.picture(camera, 0.3))
    alpha = picture[..., 3]
    assert 0.02 < (alpha > 0).mean() < 0.6
    assert (picture[alpha == 0] == 0).all()
    centers = body.vertices_at(0.3)[body.faces].mean(axis=1)
    columns, rows = np.floor(camera.project(centers)[0]).astype(int).T
    assert (alpha[rows, columns] > 0).all()
    assert picture[alpha == 255][:, :3].std() > 15, "the texture must show"


def test_texture_sticks_to_the_surface(captures, chain):
    """From a camera that moves with the arm, in flat light, the arm looks the same later."""
    body = captures.body.Body.of(chain)
    scene = captures.raycast.RayScene(body, seed=3)
    T = chain.poses(chain.positions(np.array([0.4]))[0])["arm"]
    eye, arm = np.array([0.3, 0.0, 1.0]), np.array([0.3, 0.0, 0.0])

    def seen(share, motion):
        camera = look_at(
            apply(motion, eye), apply(motion, arm),
            width=24, height=24, fov_y=0.15, up=motion[:3, 1],
        )  # fmt: skip
        return scene.picture(camera, share).astype(int)

    before, after = seen(0.0, np.eye(4)), seen(0.4, T)
    assert (before[..., 3] == 255).all(), "only the arm's top is in the picture"
    assert before[..., :3].std() > 5
    assert np.abs(before - after).max() <= 2


def test_hidden_points_are_not_seen(captures, chain):
    scene = captures.raycast.RayScene(captures.body.Body.of(chain), seed=0, rich=False)
    ends = np.array([[-0.1, 0.0, 0.0], [0.7, 0.0, 0.0]])
    assert scene.sees(np.array([3.0, 0.0, 0.0]), ends, 0.0).tolist() == [False, True]


def test_depth_and_normals_are_those_of_the_surface(captures, chain):
    body = captures.body.Body.of(chain)
    scene = captures.raycast.RayScene(body, seed=0)
    camera = look_at(EYE, MIDDLE, width=64, height=64, fov_y=0.7)
    depth, normal = scene.geometry(camera, 0.0)
    rows, columns = np.nonzero(depth)
    points = camera.unproject(np.stack([columns, rows], axis=1) + 0.5, depth[rows, columns])
    assert len(points) > 100
    # Every point lies on a face of one of the boxes, whose normal it has.
    local = points - np.array([[0.3, 0, 0]]) * np.rint(points[:, :1] / 0.3)
    axis = np.abs(local).argmax(axis=1)
    assert np.abs(np.abs(local).max(axis=1) - 0.1).max() < 1e-4
    expected = np.sign(np.take_along_axis(local, axis[:, None], 1)) * np.eye(3)[axis]
    assert (np.einsum("ni,ni->n", expected, normal[rows, columns]) > 0.99).mean() > 0.97
    towards = np.einsum("ni,ni->n", normal[rows, columns], camera.position - points)
    assert (towards > 0).all()
    assert (normal[depth == 0] == 0).all()


@pytest.mark.parametrize(
    ("protocol", "streams"),
    [
        ("orbit", {"static": 4, "orbit": 5, "front": 5}),
        ("front", {"static": 4, "front": 5}),
        ("mono", {"orbit": 5}),
        ("multiview", {f"view{v}": 5 for v in range(8)}),
    ],
)
def test_protocols_and_held_out_views(captures, chain, tmp_path, protocol, streams):
    options = captures.render.Options(
        out=tmp_path, size=32, frames=5, static_views=4, held_out=6, points=600
    )
    studio = captures.render.Studio(captures.body.Body.of(chain), options)
    folder = tmp_path / "chain"
    studio.write(folder, protocol)
    reel = load_reel(folder)
    assert {name: len(frames) for name, frames in reel.streams.items()} == streams
    assert reel.calibrated
    assert reel.masked
    assert not any("heldout" in frame.name for frame in reel.frames)
    assert reel.times_s == pytest.approx(np.linspace(0, 2, 5))
    held = json.loads((folder / "heldout.json").read_text())
    times = np.array([frame["time"] for frame in held["frames"]])
    middles = (reel.times_s[1:] + reel.times_s[:-1]) / 2
    assert set(np.round(times, 9)) == set(np.round(middles, 9)), "held-out times lie between"
    given = np.array([f.camera.position for f in reel.frames if f.camera is not None])
    eyes = np.array([f["transform_matrix"] for f in held["frames"]])[:, :3, 3]
    nearest = np.linalg.norm(eyes[:, None] - given[None], axis=-1).min(axis=1)
    assert nearest.min() > 0.02 * np.linalg.norm(given[0] - given.mean(0))
    with np.load(folder / "shape.npz") as shape:
        assert shape["depth"].shape == (6, 32, 32)
        assert shape["track_times_s"] == pytest.approx(np.unique([*reel.times_s, *middles]))
        for i, frame in enumerate(held["frames"]):
            alpha = np.array(Image.open(folder / frame["file_path"]))[..., 3]
            assert (shape["depth"][i][alpha == 255] > 0).all()
            assert (shape["depth"][i][alpha == 0] == 0).all()
    if protocol == "mono":
        assert len(np.unique(np.round(given, 6), axis=0)) == 5, "its camera circles"
        assert all(len(reel.at_time(float(t))) == 1 for t in reel.times_s)
    assert len(load_truth(folder).joints) == 2


def test_tracks_are_the_truth_of_the_joints(captures, chain, tmp_path):
    options = captures.render.Options(
        out=tmp_path, size=24, frames=4, static_views=3, held_out=3, points=500
    )
    captures.render.Studio(captures.body.Body.of(chain), options).write(tmp_path / "c", "orbit")
    truth = load_truth(tmp_path / "c")
    with np.load(tmp_path / "c" / "shape.npz") as shape:
        at = np.searchsorted(shape["track_times_s"], truth.times_s)
        tracks = shape["tracks"][at]
        assert float(shape["diagonal_m"]) == pytest.approx(chain.diagonal)
    both = np.abs(truth.points[None] - tracks[0][:, None]).max(axis=-1)
    own = both.argmin(axis=1)
    assert both.min(axis=1).max() < 1e-6
    for i in range(len(truth.times_s)):
        assert np.abs(truth.points_at(i)[own] - tracks[i]).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "painted"), [("CesiumMan", True), ("RiggedSimple", False), ("BoxAnimated", False)]
)
def test_usd_bodies_stand_upright_and_move(captures, data, name, painted):
    body = captures.usd.load_usd(data / "rigged_pair" / f"usdwg_{name}" / f"{name}.usdz")
    start = body.vertices_at(0.0)
    size = np.ptp(start, axis=0)
    assert size[2] > 0.9 * size.max(), "Z is up"
    moved = np.linalg.norm(body.vertices_at(0.4) - start, axis=1)
    assert 0.02 * body.diagonal < moved.max() < 2 * body.diagonal
    assert moved.min() < 0.5 * moved.max(), "not all of it moves as one"
    assert (body.skin is not None) == painted
    assert np.array_equal(start, body.vertices_at(0.0))
    ids, origin = body.shading()
    assert np.array_equal(origin[ids], body.faces)


def test_animation_in_place_stays_connected(captures, data):
    """Edges of a skinned body may stretch at the joints but never fly apart."""
    body = captures.usd.load_usd(data / "rigged_pair" / "usdwg_CesiumMan" / "CesiumMan.usdz")

    def edges(share):
        corners = body.vertices_at(share)[body.faces]
        return np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)

    start = edges(0.0)
    for share in (0.25, 0.5, 0.75):
        assert np.quantile(edges(share) / start, [0.01, 0.99]) == pytest.approx([1, 1], abs=0.6)
        assert edges(share).max() < 2 * start.max()


def test_shipped_drawer_comes_from_this_renderer(captures, data):
    drawer = captures.render.ROOT / "examples" / "drawer"
    body = captures.body.Body.of(captures.models.load_exact(data / "assets_gt" / "mw_drawer"))
    scene = captures.raycast.RayScene(body, seed=0)
    frame = load_reel(drawer).streams["front"][10]
    share = frame.time_s / load_truth(drawer).times_s[-1]
    made = scene.picture(frame.camera, float(share)).astype(float)
    shipped = np.dstack([frame.image, frame.mask]).astype(float)
    assert np.abs(made - shipped).mean() < 0.5
