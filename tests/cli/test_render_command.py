"""``reel2sim render``: from a source and options to a folder, or to one line that says why not."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reel2sim.cli.main import main
from reel2sim.scene import (
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Motion,
    RiggedAsset,
    Surfels,
    TriangleMesh,
    look_at,
)
from reel2sim.scene.errors import CaptureError, ConflictError, InputError, UsageError
from reel2sim.scene.store import save_asset


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    """A file of ``reel2sim rig``: a sliding half of a cloud of surfels."""
    rng = np.random.default_rng(0)
    surfels = Surfels.from_colors(
        means=rng.uniform(-0.3, 0.3, (80, 3)),
        rotations=rng.normal(size=(80, 4)),
        scales=np.full((80, 2), 0.05),
        opacities=np.full(80, 0.9),
        colors=rng.uniform(0, 1, (80, 3)),
    )
    corners = np.vstack([np.zeros(3), np.eye(3)]) * 0.2
    mesh = TriangleMesh(corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]))
    body = Inertial(1.0, np.full(3, 0.05), np.eye(3) * 0.01)
    limits = JointLimits(0.0, 0.2, 5.0, 3.0)
    x, origin = np.array([1.0, 0, 0]), np.zeros(3)
    joint = Joint("slide", JointType.PRISMATIC, "base", "drawer", origin, x, limits, 0.9)
    made = RiggedAsset(
        "chest",
        (Link("base", mesh, (mesh,), body), Link("drawer", mesh, (mesh,), body)),
        (joint,),
        Motion(np.array([0.0, 2.0]), np.tile(np.eye(4), (2, 1, 1)), {"slide": np.array([0, 0.2])}),
        surfels,
        np.arange(80) % 2,
    )
    path = tmp_path / "asset.npz"
    save_asset(path, made)
    return path


def cameras(path: Path, *times: float) -> Path:
    camera = look_at(np.array([2.0, 0.3, 0.5]), np.zeros(3), width=32, height=24, fov_y=0.6)
    matrix = (camera.T_world_camera @ np.diag([1.0, -1, -1, 1])).tolist()
    frames = [
        {"file_path": f"./train/r_{i}", "transform_matrix": matrix, "time": t}
        for i, t in enumerate(times)
    ]
    document = {"w": 32, "h": 24, "fl_x": camera.fx, "frames": frames}
    path.write_text(json.dumps(document))
    return path


def answer(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = main(["render", *map(str, arguments), "--json", "--quiet"])
    return code, json.loads(capfd.readouterr().out)


def test_an_orbit_needs_no_cameras(asset: Path, capfd, tmp_path: Path) -> None:
    import av

    out = tmp_path / "out"
    options = ["--orbit", "--out", out, "--size", 48, 32, "--fps", 5, "--seconds", 2]
    code, record = answer(capfd, asset, *options, "--layers", "rgb", "parts", "--pictures")
    assert code == 0
    assert record["videos"] == [str(out / "orbit.mp4"), str(out / "orbit.parts.mp4")]
    for file in record["videos"]:
        with av.open(str(file)) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height, stream.average_rate) == (48, 32, 5)
            assert len(list(container.decode(video=0))) == 10
    assert len(record["files"]) == 30
    assert Image.open(record["files"][0]).mode == "RGBA"
    legend = json.loads((out / "render.json").read_text())["layers"]["parts"]["legend"]
    index = np.asarray(Image.open(out / "orbit/0003.index.png"))
    assert set(np.unique(index)) <= {0} | {entry["id"] for entry in legend}
    assert [entry["name"] for entry in legend] == ["base", "drawer"]


def test_cameras_of_a_file_give_its_pictures_and_a_film(asset: Path, capfd, tmp_path: Path) -> None:
    file = cameras(tmp_path / "c.json", 0.0, 1.0, 2.0, 2.5)
    options = ["--cameras", file, "--out", tmp_path / "out", "--size", 64, "--video"]
    code, record = answer(capfd, asset, *options)
    assert code == 0
    assert record["files"] == [str(tmp_path / f"out/train/r_{i}.png") for i in range(4)]
    assert Image.open(record["files"][0]).size == (64, 48)
    assert record["videos"] == [str(tmp_path / "out/film.mp4")]
    assert record["held"] == ["train/r_3.png"]
    assert "0 to 2 s" in record["notes"][0]


def test_the_same_command_gives_the_same_bytes(asset: Path, capfd, tmp_path: Path) -> None:
    layers = ["--layers", "rgb", "depth", "normal", "parts", "alpha"]
    for name in ("a", "b"):
        options = ["--orbit", "--out", tmp_path / name, "--size", 24, "--fps", 3, "--seconds", 1]
        assert answer(capfd, asset, *options, *layers, "--pictures")[0] == 0
    files = [p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert len(files) == 5 + 2 + 3 * 7
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_frozen_pictures_all_show_one_instant(asset: Path, capfd, tmp_path: Path) -> None:
    file = cameras(tmp_path / "c.json", 0.0, 2.0)
    _, record = answer(
        capfd, asset, "--cameras", file, "--out", tmp_path / "out", "--freeze", "1.5"
    )
    first, second = (Path(name).read_bytes() for name in record["files"])
    assert first == second


@pytest.mark.parametrize(
    ("options", "error", "field"),
    [
        ([], UsageError, "cameras"),
        (["--orbit", "--cameras", "c.json"], UsageError, "cameras"),
        (["--cameras", "c.json", "--turns", "2"], UsageError, "turns"),
        (["--cameras", "c.json", "--fov", "20"], UsageError, "fov"),
        (["--cameras", "none.json"], CaptureError, None),
        (["--orbit", "--freeze", "2.5"], UsageError, "freeze"),
        (["--orbit", "--freeze", "nan"], UsageError, "freeze"),
        (["--orbit", "--seconds", "0"], UsageError, "seconds"),
        (["--orbit", "--fps", "-2"], UsageError, "fps"),
        (["--orbit", "--elevation", "90"], UsageError, "elevation"),
        (["--orbit", "--size", "0"], UsageError, "size"),
        (["--orbit", "--size", "1", "2", "3"], UsageError, "size"),
        (["--orbit", "--size", "100000"], UsageError, "size"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    asset: Path, capfd, tmp_path: Path, monkeypatch, options: list[str], error: Any, field: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    cameras(tmp_path / "c.json", 0.0)
    code, record = answer(capfd, asset, *options, "--out", "out")
    assert code == error.exit_code
    assert record["error"]["field"] == field
    assert sorted(p.name for p in tmp_path.iterdir()) == ["asset.npz", "c.json"]


def test_a_file_of_something_else_is_named(capfd, tmp_path: Path) -> None:
    path = tmp_path / "value.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps({"kind": "recipe", "version": 1}))
    code, record = answer(capfd, path, "--orbit", "--out", tmp_path / "out")
    assert code == InputError.exit_code
    assert record["error"]["source"] == str(path)
    assert "reel2sim rig" in record["error"]["remedy"]


def test_a_folder_of_others_is_never_replaced(asset: Path, capfd, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years")
    code, _ = answer(capfd, asset, "--orbit", "--out", home, "--overwrite")
    assert code == ConflictError.exit_code
    assert (home / "thesis.txt").read_text() == "years"
