"""Films and pictures of a result: what each layer says is true of the surfels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reel2sim.exporters.bundle import ASSET_FILE
from reel2sim.media import load_reel, opencv_from_opengl
from reel2sim.pipeline.filming import Film, shoot
from reel2sim.pipeline.orbit import OrbitPath, orbit_views
from reel2sim.pipeline.subject import (
    Subject,
    load_subject,
    subject_of_asset,
    subject_of_scene,
    subject_of_sequence,
)
from reel2sim.pipeline.views import View, read_views
from reel2sim.reconstruction import render
from reel2sim.scene import Placement, Scene, Surfels, look_at
from reel2sim.scene.errors import (
    BundleError,
    CaptureError,
    ConflictError,
    InputError,
    UsageError,
)
from reel2sim.scene.store import save_asset, save_scene, save_sequence
from reel2sim.scene.transforms import pose, quaternion_from_matrix

from .conftest import make_asset, make_sequence

EVERY: Any = ("rgb", "depth", "normal", "parts", "alpha")
CAMERA = look_at(np.array([1.6, 0.5, 0.7]), np.zeros(3), width=40, height=30, fov_y=0.6)
VIEWS = (View("a/0.png", CAMERA, 0.0), View("1.png", CAMERA, 1.0))


def plane(normal: np.ndarray, *, side: int = 40, half: float = 0.5) -> Surfels:
    """An opaque square through the origin, across ``normal``."""
    n = normal / np.linalg.norm(normal)
    u = np.cross(n, [0.3, 1.0, 0.2])
    u /= np.linalg.norm(u)
    R = np.stack([u, np.cross(n, u), n], axis=1)
    ticks = np.linspace(-half, half, side)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    count = len(grid)
    return Surfels.from_colors(
        means=grid @ R[:, :2].T,
        rotations=np.tile(quaternion_from_matrix(R), (count, 1)),
        scales=np.full((count, 2), half / side * 1.5),
        opacities=np.full(count, 0.95),
        colors=np.full((count, 3), 0.6),
    )


def still(surfels: Surfels) -> Subject:
    names = ("left", "right")
    side = (surfels.means[:, 0] > 0).astype(np.int32)
    colors = np.array([[1.0, 0, 0], [0, 0, 1.0]], np.float32)
    return Subject(lambda time_s: surfels, 0.0, 1.0, names, side, colors, "link")


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("background", ["white", "black"])
@pytest.mark.parametrize("kind", ["asset", "surfels"])
def test_a_picture_is_what_drawing_directly_gives(
    tmp_path: Path, background: Any, kind: str
) -> None:
    asset, sequence = make_asset(), make_sequence()
    subject = subject_of_asset(asset) if kind == "asset" else subject_of_sequence(sequence)
    shot = shoot(subject, VIEWS, tmp_path / "out", Film(background=background))
    assert shot.pictures == (tmp_path / "out/a/0.png", tmp_path / "out/1.png")
    behind = (1.0,) * 3 if background == "white" else (0.0,) * 3
    for view, file in zip(VIEWS, shot.pictures, strict=True):
        surfels = asset.surfels_at(view.time_s) if kind == "asset" else sequence.at(view.time_s)
        wanted = render(surfels, view.camera, background=behind).rgb * 255
        assert np.abs(read(file) - wanted).max() <= 0.51


def test_transparency_and_white_tell_the_same(tmp_path: Path) -> None:
    subject = subject_of_asset(make_asset())
    (clear, _) = shoot(subject, VIEWS, tmp_path / "a", Film()).pictures
    (white, _) = shoot(subject, VIEWS, tmp_path / "b", Film(background="white")).pictures
    rgba = read(clear).astype(float) / 255
    over = rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
    assert np.abs(over - read(white) / 255).max() < 0.02


@settings(max_examples=6, deadline=None)
@given(
    normal=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda n: np.linalg.norm(n) > 0.3),
    azimuth=st.floats(0, 6.28),
)
def test_depth_leads_back_to_the_surface_and_normals_stand_on_it(
    tmp_path_factory: pytest.TempPathFactory, normal: tuple[float, float, float], azimuth: float
) -> None:
    n = np.array(normal) / np.linalg.norm(normal)
    side = np.cross(n, [np.cos(azimuth), np.sin(azimuth), 0.4])
    # At 45 degrees, from any side, and so near that the square's edges are out of view.
    eye = 1.5 * (n + side / np.linalg.norm(side))
    camera = look_at(eye, np.zeros(3), width=32, height=32, fov_y=0.2)
    folder = tmp_path_factory.mktemp("plane") / "out"
    shoot(still(plane(n)), [View("0.png", camera, 0.0)], folder, Film(layers=EVERY))
    depth = np.load(folder / "0.depth.npy")
    units = read(folder / "0.depth.png")
    assert units.dtype == np.uint16
    scale = json.loads((folder / "render.json").read_text())["layers"]["depth"]["png_scale_m"]
    assert np.abs(units * scale - depth).max() <= scale * 0.501
    full = read(folder / "0.alpha.png") > 250
    assert full.mean() > 0.95
    v, u = np.nonzero(full)
    points = camera.unproject(np.stack([u, v], axis=-1) + 0.5, depth[v, u])
    assert np.abs(points @ n).max() < 1e-4
    shown = read(folder / "0.normal.png")[..., :3][full] / 255 * 2 - 1
    assert np.abs(shown - n).max() < 0.02


def test_parts_are_those_of_the_surfels_and_lie_in_the_legend(tmp_path: Path) -> None:
    camera = look_at(np.array([0.0, 0.0, 2.0]), np.zeros(3), width=32, height=32, fov_y=0.3)
    subject = still(plane(np.array([0.0, 0.0, 1.0])))
    shoot(subject, [View("0.png", camera, 0.0)], tmp_path / "out", Film(layers=("parts",)))
    index, colors = (read(tmp_path / f"out/0.{name}.png") for name in ("index", "parts"))
    legend = json.loads((tmp_path / "out/render.json").read_text())["layers"]["parts"]["legend"]
    assert [entry["name"] for entry in legend] == ["left", "right"]
    known = {entry["id"]: entry["color"] for entry in legend}
    assert set(np.unique(index)) == set(known)
    for i, color in known.items():
        assert (colors[index == i] == [*color, 255]).all()
    points = camera.unproject(
        np.indices((32, 32))[::-1].transpose(1, 2, 0) + 0.5, np.full((32, 32), 2.0)
    )
    clear = np.abs(points[..., 0]) > 0.03
    assert ((points[..., 0] > 0) == (index == 2))[clear].all()


@pytest.mark.parametrize("count", [1, 7, 8, 30, 300])
def test_many_parts_keep_ids_of_their_own(tmp_path: Path, count: int) -> None:
    surfels = plane(np.array([1.0, 0.0, 0.0]))
    ids = np.arange(len(surfels)) * count // len(surfels)
    names = tuple(f"bone{i}" for i in range(count))
    colors = np.full((count, 3), 0.5, np.float32)
    subject = Subject(lambda t: surfels, 0.0, 1.0, names, ids, colors, "bone")
    camera = look_at(np.array([3.0, 0.0, 0.0]), np.zeros(3), width=96, height=96, fov_y=0.3)
    shoot(subject, [View("0.png", camera, 0.0)], tmp_path / "out", Film(layers=("parts",)))
    index = read(tmp_path / "out/0.index.png")
    assert index.max() <= count
    # Rows of surfels share a part, and each is wide enough for a few pixels up to thirty parts.
    assert len(np.unique(index[index > 0])) >= min(count, 30)


def test_no_pixel_of_an_empty_view_is_anything(tmp_path: Path) -> None:
    away = look_at(np.array([2.0, 0, 0]), np.array([4.0, 0, 0]), width=16, height=16, fov_y=0.6)
    subject = subject_of_asset(make_asset())
    shoot(subject, [View("0.png", away, 0.0)], tmp_path / "out", Film(layers=EVERY))
    for name in ("0", "0.depth", "0.normal", "0.parts", "0.index", "0.alpha"):
        assert not read(tmp_path / f"out/{name}.png").any()
    assert not np.load(tmp_path / "out/0.depth.npy").any()


@settings(max_examples=10, deadline=None)
@given(
    elevation=st.floats(-89, 89),
    fov=st.floats(10, 90),
    turns=st.floats(-3, 3),
    size=st.sampled_from([(64, 64), (128, 48), (48, 128)]),
)
def test_an_orbit_keeps_the_whole_motion_in_view(
    elevation: float, fov: float, turns: float, size: tuple[int, int]
) -> None:
    asset = make_asset()
    path = OrbitPath(elevation_deg=elevation, fov_deg=fov, turns=turns, seconds=1, fps=9)
    views = orbit_views(subject_of_asset(asset), path, width=size[0], height=size[1])
    assert len(views) == path.frames == 9
    assert views[0].time_s == 0.0
    assert views[-1].time_s == 1.0
    for view in views:
        pixels, depth = view.camera.project(asset.surfels_at(view.time_s).means)
        assert (depth > 0).all()
        assert (pixels >= 0).all()
        assert (pixels <= size).all()


def test_an_orbit_is_a_circle_at_its_elevation() -> None:
    subject = subject_of_asset(make_asset())
    path = OrbitPath(elevation_deg=30, azimuth_deg=90, distance_m=2.0, seconds=1, fps=4)
    views = orbit_views(subject, path, width=8, height=8, freeze_s=0.5)
    eyes = np.array([view.camera.position for view in views])
    center = eyes.mean(axis=0) - [0, 0, 1.0]
    toward = (eyes - center) / 2
    assert np.allclose(np.linalg.norm(toward, axis=1), 1)
    assert np.allclose(toward[0], [0, np.cos(np.pi / 6), 0.5], atol=1e-9)
    assert np.allclose(toward[1], [-np.cos(np.pi / 6), 0, 0.5], atol=1e-9)
    assert {view.time_s for view in views} == {0.5}


def test_an_orbit_film_has_a_frame_a_view_and_every_layer(tmp_path: Path) -> None:
    import av

    subject = subject_of_asset(make_asset())
    path = OrbitPath(seconds=1.0, fps=6)
    views = orbit_views(subject, path, width=32, height=32)
    film = Film(layers=EVERY, keep_pictures=False, video=True, fps=6, video_name="orbit")
    shot = shoot(subject, views, tmp_path / "out", film)
    assert shot.pictures == ()
    assert [file.name for file in shot.videos] == [
        "orbit.mp4",
        *(f"orbit.{layer}.mp4" for layer in EVERY[1:]),
    ]
    for file in shot.videos:
        with av.open(str(file)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(frames) == 6
        assert float(np.std(frames[0])) > 5
        bright = file.name not in ("orbit.depth.mp4", "orbit.alpha.mp4")
        assert (frames[0][0, 0].mean() > 240) == bright
    assert not list((tmp_path / "out").rglob("*.png"))


def test_times_beyond_the_motion_show_its_end_and_are_named(tmp_path: Path) -> None:
    subject = subject_of_asset(make_asset())
    views = [View(f"{t}.png", CAMERA, t) for t in (-3.0, 0.0, 1.0, 1.0 + 1e-9, 9.0)]
    shot = shoot(subject, views, tmp_path / "out", Film())
    assert shot.held == ("-3.0.png", "9.0.png")
    early, first, last, _, late = (read(file) for file in shot.pictures)
    assert (early == first).all()
    assert (late == last).all()
    assert (first != last).any()


def test_depths_too_far_for_a_picture_are_named_and_kept_as_numbers(tmp_path: Path) -> None:
    surfels = plane(np.array([1.0, 0, 0]), half=20.0)
    camera = look_at(np.array([90.0, 0, 0]), np.zeros(3), width=8, height=8, fov_y=0.1)
    shot = shoot(still(surfels), [View("0.png", camera, 0.0)], tmp_path / "o", Film(layers=EVERY))
    assert shot.too_far == ("0.png",)
    assert np.load(tmp_path / "o/0.depth.npy").max() == pytest.approx(90.0, rel=1e-3)
    assert read(tmp_path / "o/0.depth.png").max() == 65535


def test_what_was_filmed_is_a_capture_again(tmp_path: Path) -> None:
    layers: Any = ("rgb", "depth", "alpha")
    shoot(subject_of_asset(make_asset()), VIEWS, tmp_path / "out", Film(layers=layers))
    reel = load_reel(tmp_path / "out")
    assert [frame.time_s for frame in reel.frames] == [0.0, 1.0]
    again = read_views(tmp_path / "out")
    assert [view.name for view in again] == [view.name for view in VIEWS]
    for frame, view in zip(reel.frames, again, strict=True):
        assert frame.camera is not None
        assert np.allclose(frame.camera.T_world_camera, CAMERA.T_world_camera)
        assert np.allclose(view.camera.K, CAMERA.K)
    document = json.loads((tmp_path / "out/transforms.json").read_text())
    pose = np.array(document["frames"][0]["transform_matrix"])
    assert np.allclose(opencv_from_opengl(pose), CAMERA.T_world_camera)
    for entry in document["frames"]:
        assert (tmp_path / "out" / entry["depth_file_path"]).is_file()


def test_what_goes_wrong_half_way_leaves_nothing(tmp_path: Path) -> None:
    def stop(stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        if fraction > 0.4:
            raise KeyboardInterrupt

    subject = subject_of_asset(make_asset())
    with pytest.raises(KeyboardInterrupt):
        shoot(subject, VIEWS, tmp_path / "out", Film(video=True), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_only_an_earlier_render_is_replaced(tmp_path: Path) -> None:
    subject, out = subject_of_asset(make_asset()), tmp_path / "out"
    shoot(subject, VIEWS, out, Film())
    with pytest.raises(ConflictError, match="--overwrite"):
        shoot(subject, VIEWS, out, Film())
    shoot(subject, VIEWS[1:], out, Film(), overwrite=True)
    assert not (out / "a").exists()
    (out / "render.json").unlink()
    with pytest.raises(ConflictError):
        shoot(subject, VIEWS, out, Film(), overwrite=True)
    assert (out / "1.png").is_file()


def test_pictures_may_not_overwrite_each_other(tmp_path: Path) -> None:
    subject = subject_of_asset(make_asset())
    for names in (("x.png", "x.alpha.png"), ("x.png", "x.png/y.png")):
        views = [View(name, CAMERA, 0.0) for name in names]
        with pytest.raises(CaptureError):
            shoot(subject, views, tmp_path / "out", Film(layers=EVERY))
    assert list(tmp_path.iterdir()) == []


def test_a_video_needs_one_size(tmp_path: Path) -> None:
    views = [VIEWS[0], replace(VIEWS[1], camera=CAMERA.resized(20, 10))]
    with pytest.raises(UsageError, match="--size"):
        shoot(subject_of_asset(make_asset()), views, tmp_path / "out", Film(video=True))


@pytest.mark.parametrize(
    "bad", [{"fov_deg": 0.0}, {"seconds": -1.0}, {"elevation_deg": 90.0}, {"distance_m": 0.0}]
)
def test_an_impossible_circle_is_refused_by_name(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError) as caught:
        OrbitPath(**bad)
    assert caught.value.field == next(iter(bad)).rsplit("_", 1)[0]
    assert caught.value.remedy


def test_a_source_is_told_by_what_it_holds(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    with pytest.raises(BundleError):
        load_subject(bundle)
    (bundle / ASSET_FILE).write_bytes(b"nonsense")
    with pytest.raises(BundleError):
        load_subject(bundle)
    save_asset(bundle / ASSET_FILE, make_asset(name="chest"))
    save_scene(tmp_path / "scene.npz", Scene.of(make_asset(name="chest")))
    save_sequence(tmp_path / "surfels.npz", make_sequence())
    for source in (bundle, bundle / ASSET_FILE, tmp_path / "scene.npz"):
        assert load_subject(source).kind == "link"
    subject = load_subject(tmp_path / "surfels.npz")
    assert (subject.kind, subject.part_names) == ("bone", ("bone_00",))
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    for wrong in ("other.npz", "missing.npz"):
        with pytest.raises(InputError, match="reel2sim reconstruct") as caught:
            load_subject(tmp_path / wrong)
        assert wrong in (caught.value.source or "")


def test_a_scene_is_filmed_whole() -> None:
    one, two = make_asset(name="one"), make_asset(name="two")
    away = pose(translation=np.array([2.0, 0.0, 0.0]))
    scene = Scene((Placement.of(one), Placement.of(two, away)), background=one.surfels)
    subject = subject_of_scene(scene)
    links = [link.name for link in one.links]
    named = [f"{asset}/{link}" for asset in ("one", "two") for link in links]
    assert subject.part_names == (*named, "background")
    surfels = subject.surfels_at(subject.stop_s)
    assert len(surfels) == len(subject.part_of) == 3 * len(one.surfels)
    moved = one.surfels_at(subject.stop_s).means
    for asset, shift in (("one", 0.0), ("two", 2.0)):
        own = np.isin(subject.part_of, [named.index(f"{asset}/{link}") for link in links])
        np.testing.assert_allclose(surfels.means[own], moved + np.array([shift, 0, 0]), atol=1e-5)
    still = subject.part_of == len(named)
    np.testing.assert_allclose(surfels.means[still], one.surfels.means)
