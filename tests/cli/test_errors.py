"""Whatever is wrong ends in one line that says so and in an exit code of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reel2sim.cli.main import main
from reel2sim.scene.errors import (
    BundleError,
    CameraError,
    CaptureError,
    ConflictError,
    EmptyMediaError,
    InputError,
    MediaError,
    NoMotionError,
    NotFoundError,
    PromptError,
    Reel2SimError,
    TooFewFramesError,
    UsageError,
    all_errors,
)


def capture(folder: Path, *, times: tuple[float, ...] = (0.0, 1.0), pose: object = None) -> Path:
    folder.mkdir()
    matrix = np.eye(4).tolist() if pose is None else pose
    frames = []
    for i, time in enumerate(times):
        Image.new("RGB", (8, 8), (i * 40, 0, 0)).save(folder / f"{i}.png")
        frames.append({"file_path": f"{i}.png", "transform_matrix": matrix, "time": time})
    document = {"w": 8, "h": 8, "fl_x": 8.0, "fl_y": 8.0, "cx": 4, "cy": 4, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(document))
    return folder


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def picture(path: Path) -> Path:
    Image.new("RGB", (8, 8)).save(path)
    return path


def run(*arguments: object) -> list[str]:
    return ["run", *map(str, arguments)]


def nan_pose() -> list[list[float]]:
    matrix = np.eye(4)
    matrix[1, 3] = np.nan
    return matrix.tolist()


Case = tuple[str, type[Reel2SimError], Callable[[Path], list[str]]]

CASES: list[Case] = [
    ("no source", UsageError, lambda p: run("--out", p / "o")),
    ("both", UsageError, lambda p: run(p, "--prompt", "a box", "--out", p / "o")),
    ("missing", MediaError, lambda p: run(p / "none.mp4", "--out", p / "o")),
    ("text", MediaError, lambda p: run(written(p / "a.mp4", b"hello" * 99), "--out", p / "o")),
    ("empty", EmptyMediaError, lambda p: run(written(p / "a.mp4", b""), "--out", p / "o")),
    ("picture", TooFewFramesError, lambda p: run(picture(p / "a.png"), "--out", p / "o")),
    ("bare folder", CaptureError, lambda p: run(p, "--out", p / "o")),
    ("no pose", CaptureError, lambda p: run(capture(p / "c", pose="x"), "--out", p / "o")),
    ("nan pose", CameraError, lambda p: run(capture(p / "c", pose=nan_pose()), "--out", p / "o")),
    ("still", NoMotionError, lambda p: run(capture(p / "c", times=(0, 0)), "--out", p / "o")),
    ("no words", PromptError, lambda p: run("--prompt", " ", "--out", p / "o")),
    ("name", UsageError, lambda p: run(p, "--name", "a b", "--out", p / "o")),
    ("seed", UsageError, lambda p: run(p, "--seed", "-1", "--out", p / "o")),
    ("taken", ConflictError, lambda p: run(capture(p / "c"), "--out", p / "c", "--overwrite")),
    ("surfels", InputError, lambda p: ["rig", str(p), str(p / "x.npz"), "--out", str(p / "y")]),
    ("asset", NotFoundError, lambda p: ["export", str(p / "x.npz"), "--out", str(p / "y")]),
    ("no folder", UsageError, lambda p: ["reconstruct", str(p), "--out", str(p / "no" / "x.npz")]),
    (
        "no bundle",
        BundleError,
        lambda p: ["render", str(p), "--cameras", str(p), "--out", str(p / "y")],
    ),
    ("no jobs", InputError, lambda p: ["batch", str(p / "jobs.jsonl"), "--out", str(p / "y")]),
    ("no truth", UsageError, lambda p: ["bench", "rig", str(p)]),
    ("no captures", UsageError, lambda p: ["bench", "rig"]),
]


@pytest.mark.parametrize(("name", "error", "arguments"), CASES, ids=[case[0] for case in CASES])
def test_broken_input_ends_in_one_line_and_its_code(
    name: str,
    error: type[Reel2SimError],
    arguments: Callable[[Path], list[str]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    code = main([*arguments(tmp_path), "--quiet", "--json"])
    out, err = capfd.readouterr()
    assert code == error.exit_code
    lines = err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    facts = json.loads(out)["error"]
    assert set(facts) == {"reason", "message", "source", "field", "remedy", "exit_code"}
    assert facts["exit_code"] == code
    assert facts["reason"] == error("x").reason
    assert facts["message"] in lines[0]
    assert not (tmp_path / "o").exists()
    assert not (tmp_path / "y").exists()


def test_a_person_gets_the_line_and_no_json(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tmp_path / "x.npz"), "--out", str(tmp_path / "y")]) == 40
    out, err = capfd.readouterr()
    assert out == ""
    assert str(tmp_path / "x.npz") in err


def test_codes_tell_the_classes_apart() -> None:
    codes = [kind.exit_code for kind in all_errors()]
    assert len(set(codes)) == len(codes)
    assert 0 not in codes


def test_a_bug_is_said_to_be_one(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from reel2sim.cli.main import guarded
    from reel2sim.cli.options import Common

    class Buggy:
        def __init__(self, *, debug: bool) -> None:
            self.common = Common(debug=debug)

        def __call__(self, console: object) -> int:
            raise ZeroDivisionError("of all things")

    assert guarded(Buggy(debug=False)) == 1
    err = capfd.readouterr().err
    assert err.splitlines() == [
        "error: internal error: ZeroDivisionError: of all things "
        "(rerun with --debug for the traceback)"
    ]
    assert guarded(Buggy(debug=True)) == 1
    assert "Traceback" in capfd.readouterr().err
