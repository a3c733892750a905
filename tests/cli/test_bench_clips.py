"""``bench clips``: lists and rendered clips, failures that count, what is refused or skipped."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reel2sim.cli.main import main
from reel2sim.cli.measure_clip import first_camera, rendered_clips
from reel2sim.cli.measure_clip_find import find_clips, read_list
from reel2sim.cli.measure_clip_sums import sums
from reel2sim.cli.measure_clips import ClipRun, scored
from reel2sim.cli.measure_footage import Cut, Pictures, Video
from reel2sim.cli.measure_process import Ended
from reel2sim.cli.measure_results import Results
from reel2sim.generation.truth import write_truth
from reel2sim.media import load_video, write_video
from reel2sim.pipeline.stores import ValueStore
from reel2sim.scene import Frame, JointType, Reel, RiggedAsset
from reel2sim.scene.camera import camera_fields
from reel2sim.scene.errors import MediaError, NoMotionError, UsageError
from reel2sim.scene.store import save_asset
from tests.pipeline.test_clip_evaluation import CAMERA, TIMES, rig, truth

ROOT = Path(__file__).parents[2]
REAL = ROOT / "benchmarks" / "clips" / "real.toml"
ENTRY = """[[clip]]
name = "door"
path = "door.mp4"
joints = ["revolute", "prismatic"]
seen = "a door and a drawer"
source = "ours"
licence = "CC0-1.0"
"""


def rendered(folder: Path, kind: str = "static", *, joints: tuple[str, ...] | None = None) -> Path:
    """A clip of a door and a drawer, as the renderer lays it out."""
    path = folder / kind / "000-door"
    path.mkdir(parents=True)
    happened = truth()
    if joints is not None:
        still = dict.fromkeys(happened.parts, happened.link_poses["base"])
        happened = type(happened)(**{**vars(happened), "joints": (), "link_poses": still})
    write_truth(happened, path)
    film = {"prompt": "a door", "fps": 5.0, "cameras": [camera_fields(CAMERA)] * len(TIMES)}
    (path / "film.json").write_text(json.dumps(film))
    write_video(path / "clip.mp4", [np.full((120, 160, 3), 128, np.uint8)] * 6, 5.0)
    return path


def listed(folder: Path, text: str = ENTRY, *files: str) -> Path:
    for name in files or ("door.mp4",):
        (folder / name).touch()
    path = folder / "list.toml"
    path.write_text(text)
    return path


def left_behind(folder: Path, asset: RiggedAsset) -> None:
    """What a process leaves that went well."""
    folder.mkdir(parents=True)
    save_asset(folder / "asset.npz", asset)
    image = np.full((CAMERA.height, CAMERA.width, 3), 90, np.uint8)
    reel = Reel(tuple(Frame(image, float(t), CAMERA) for t in TIMES))
    ValueStore(Reel).save(folder / "shown.npz", reel)


def ended(failure: str = "", code: int = 0) -> Ended:
    return Ended(failure, 12.0, 300.0, f"{failure}\n", code)


def test_a_list_names_clips_and_what_is_known_of_them(tmp_path: Path) -> None:
    (clip,) = read_list(listed(tmp_path), tmp_path)
    assert (clip.label, clip.kind) == ("real/door", "real")
    assert clip.footage == Video(tmp_path / "door.mp4")
    assert clip.joints == (JointType.REVOLUTE, JointType.PRISMATIC)
    assert clip.about == "a door and a drawer; ours; CC0-1.0"
    for key, kind in (("control", "control"), ("animal", "animal")):
        text = ENTRY.replace('joints = ["revolute", "prismatic"]', f"{key} = true")
        (clip,) = read_list(listed(tmp_path, text), tmp_path)
        assert (clip.label, clip.kind, clip.joints) == (f"{kind}/door", kind, ())


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[[clip]]", "[[clip", "is not TOML"),
        ("[[clip]]", "[[film]]", "must hold"),
        ('name = "door"', "", "clip[0].name: must be a text"),
        ('name = "door"', 'name = "../door"', "clip[0].name: '../door' is not a name"),
        ("door.mp4", "window.mp4", "clip[0].path: there is no file"),
        ('path = "door.mp4"', "", "exactly one of path, pictures, cut"),
        ('path = "door.mp4"', 'pictures = "door.mp4"\nfps = 5', "there is no folder"),
        ('path = "door.mp4"', 'pictures = "."\nfps = 0', "clip[0].fps: must be a positive"),
        ('path = "door.mp4"', 'cut = ["door.mp4"]\nseconds = 1', "clip[0].cut: must name two"),
        ('path = "door.mp4"', 'cut = ["door.mp4", "door.mp4"]', "clip[0].seconds: must be a"),
        ('["revolute", "prismatic"]', '["hinge"]', "clip[0].joints: must list one or more of"),
        ('["revolute", "prismatic"]', "[]", "clip[0].joints: must list one or more of"),
        ("licence", "control = true\nlicence", "exactly one of joints, control, animal"),
        ('joints = ["revolute", "prismatic"]', "animal = 1", "clip[0].animal: must be true"),
        ('seen = "a door and a drawer"', "", "clip[0].seen: must be a text"),
        ("licence", "license", "clip[0].license: is not known here"),
        ("licence", "fps = 3\nlicence", "clip[0].fps: is not known here"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in ENTRY
    path = listed(tmp_path, ENTRY.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        read_list(path, tmp_path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_shipped_list_can_be_read(tmp_path: Path) -> None:
    """Of files that it names; the files themselves are not shipped."""
    for entry in tomllib.loads(REAL.read_text())["clip"]:
        for name in entry.get("cut", [entry.get("path")]):
            if name:
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / name).touch()
        (tmp_path / entry.get("pictures", "video")).mkdir(parents=True, exist_ok=True)
    clips = find_clips([REAL], tmp_path)
    kinds = [clip.kind for clip in clips]
    assert {kind: kinds.count(kind) for kind in kinds} == {"real": 16, "control": 2, "animal": 5}
    assert len({clip.label for clip in clips}) == len(clips)
    with pytest.raises(UsageError, match="REEL2SIM_DATA"):
        find_clips([REAL], None)
    with pytest.raises(UsageError, match="comes twice"):
        find_clips([REAL, REAL], tmp_path)


def test_rendered_clips_have_the_kind_of_their_folder(tmp_path: Path) -> None:
    folder = rendered(tmp_path)
    (clip,) = find_clips([tmp_path], None)
    assert (clip.label, clip.kind, clip.truth) == ("static/000-door", "static", folder)
    assert clip.footage == Video(folder / "clip.mp4")
    assert clip.about == "rendered: a door"
    np.testing.assert_array_equal(first_camera(folder).T_world_camera, CAMERA.T_world_camera)
    with pytest.raises(UsageError, match="'odd', which is no kind of clip"):
        rendered_clips([rendered(tmp_path, "odd")])
    (folder / "film.json").write_text('{"cameras": []}')
    with pytest.raises(UsageError, match="does not tell the first camera"):
        first_camera(folder)
    (folder / "clip.mp4").unlink()
    with pytest.raises(UsageError, match=r"has no clip\.mp4"):
        rendered_clips([folder])
    with pytest.raises(UsageError, match="holds no rendered clips"):
        find_clips([tmp_path / "nowhere"], None)


def test_openings_are_cut_together_in_the_size_of_the_first(tmp_path: Path) -> None:
    def video(name: str, level: int, size: tuple[int, int], fps: float) -> Path:
        write_video(tmp_path / name, [np.full((*size, 3), level, np.uint8)] * 20, fps)
        return tmp_path / name

    paths = video("dark.mp4", 40, (48, 64), 10.0), video("light.mp4", 200, (32, 32), 10.0)
    cut = Cut(paths, 0.5)
    reel = load_video(cut.ready(tmp_path / "out"))
    levels = [float(frame.image.mean()) for frame in reel.frames]
    np.testing.assert_allclose(levels, [40] * 5 + [200] * 5, atol=3)
    assert reel.frames[0].image.shape == (48, 64, 3)
    assert reel.times_s[-1] == pytest.approx(0.9)
    assert len({cut.digest, Cut(paths, 1.0).digest, Cut(paths[::-1], 0.5).digest}) == 3
    (tmp_path / "empty.mp4").write_text("no video")
    with pytest.raises(UsageError, match="can be cut"):
        Cut((tmp_path / "empty.mp4", paths[0]), 0.5).ready(tmp_path / "out")


def test_pictures_become_a_clip_on_white(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    with pytest.raises(UsageError, match="holds no pictures"):
        Pictures(folder, 4.0).ready(tmp_path)
    for k in range(4):
        rgba = np.zeros((32, 32, 4), np.uint8)
        rgba[:, 16:] = [60 * k, 60 * k, 60 * k, 255]
        Image.fromarray(rgba).save(folder / f"{k:03d}.png")
    reel = load_video(Pictures(folder, 4.0).ready(tmp_path / "out"))
    assert len(reel.frames) == 4
    assert reel.times_s[1] == pytest.approx(0.25)
    for k, frame in enumerate(reel.frames):
        np.testing.assert_allclose(frame.image[:, :14], 255, atol=4)
        np.testing.assert_allclose(frame.image[:, 18:], 60 * k, atol=6)


def test_a_perfect_rig_is_right_and_shown(tmp_path: Path) -> None:
    clip = rendered_clips([rendered(tmp_path)])[0]
    left_behind(tmp_path / "out", rig())
    run = scored(clip, tmp_path / "out", ended(), {"rigging_s": 2.0}, source=Path("clip.mp4"))
    assert run.right()
    assert run.score is not None
    assert run.score.replay_error < 1e-4
    assert (run.seconds, run.peak_memory_mb, run.metrics) == (12.0, 300.0, {"rigging_s": 2.0})
    assert sorted(run.wanted) == ["prismatic", "revolute"]
    with Image.open(tmp_path / "out" / "overlay.png") as sheet:
        assert sheet.width > 3 * CAMERA.width
    assert ClipRun.from_dict(json.loads(json.dumps(asdict(run)))) == run


def test_a_rig_without_one_joint_is_wrong(tmp_path: Path) -> None:
    clip = rendered_clips([rendered(tmp_path)])[0]
    left_behind(tmp_path / "out", rig(joints=("hinge",)))
    run = scored(clip, tmp_path / "out", ended(), {}, source=Path("clip.mp4"))
    assert not run.right()
    assert not run.failure
    assert run.score is not None
    assert run.score.mean("axis_deg") == pytest.approx(45.0, abs=0.1)


def test_a_failure_counts_as_nothing_found(tmp_path: Path) -> None:
    clip = rendered_clips([rendered(tmp_path)])[0]
    words = f"exit 16: error: {tmp_path}/c.mp4: nothing moves"
    told = ended(words, NoMotionError.exit_code)
    run = scored(clip, tmp_path, told, {}, source=tmp_path / "c.mp4")
    assert run.failure == "exit 16: error: nothing moves"
    assert not run.refused
    assert run.score is not None
    assert (run.score.replay_error, run.score.mean("axis_deg")) == (1.0, 90.0)
    assert words in (tmp_path / "run.log").read_text()
    unusable = scored(clip, tmp_path, ended(), {}, source=tmp_path / "c.mp4")
    assert unusable.failure.startswith("its result is not usable")


@pytest.mark.parametrize(
    ("code", "refused"),
    [(NoMotionError.exit_code, True), (MediaError.exit_code, False), (1, False), (-9, False)],
)
def test_only_words_of_our_own_about_what_is_shown_are_an_answer(
    tmp_path: Path, code: int, refused: bool
) -> None:
    """A control that is refused was understood; one that breaks down was not."""
    still = rendered_clips([rendered(tmp_path, "still", joints=())])[0]
    run = scored(still, tmp_path, ended("exit: error: nothing moves", code), {}, source=tmp_path)
    assert run.wanted == ()
    assert (run.refused, run.failure) == (
        ("nothing moves", "") if refused else ("", "exit: error: nothing moves")
    )


def bench(*arguments: object) -> int:
    return main(["bench", "clips", *map(str, arguments), "--preset", "draft", "--json", "--quiet"])


def test_runs_are_skipped_refused_or_failed_and_not_made_twice(tmp_path: Path, capfd) -> None:
    clips, out, report = tmp_path / "clips", tmp_path / "out", tmp_path / "scores.json"
    shutil.copy(rendered(clips, "twostep") / "clip.mp4", clips / "twostep" / "000-door/walk.mp4")
    rendered(clips, "still", joints=())
    listed(tmp_path)  # an empty file
    arguments = [clips, tmp_path / "list.toml", "--data", tmp_path, "--out", out]
    assert bench(*arguments, "--report", report) == 1
    record = json.loads(capfd.readouterr().out)
    assert record == json.loads(report.read_text())
    assert record == json.loads((out / "results.json").read_text())
    runs = {run["capture"]: run for run in record["runs"]}
    assert runs["twostep/000-door"]["skipped"] == "two-step capture is not read yet"
    assert runs["twostep/000-door"]["score"] is None
    assert runs["still/000-door"]["refused"].startswith("nothing moves in the frames")
    assert 20 < runs["still/000-door"]["peak_memory_mb"] < 4000
    assert runs["real/door"]["failure"].startswith("exit 11: error: ")
    assert runs["real/door"]["wanted"] == ["revolute", "prismatic"]
    summary = record["summary"]
    assert summary["real"]["figures"]["count_type"] == 0
    assert summary["real"]["met"]["count_type"] == "missed"
    assert summary["control"]["met"] == {"unsure": "must"}
    assert summary["twostep"]["figures"]["count_type"] is None
    text = (out / "table.md").read_text()
    assert "| real/door | prismatic, revolute | none | ✗ | none | ✗ |" in text
    assert "skipped: two-step capture is not read yet" in text

    assert bench(*arguments) == UsageError.exit_code, "results are not overwritten unasked"
    capfd.readouterr()
    assert bench(clips, "--out", out, "--resume") == 0
    again = {run["capture"]: run for run in json.loads(capfd.readouterr().out)["runs"]}
    assert again == {name: run for name, run in runs.items() if name != "real/door"}


def test_what_was_run_stands_only_for_the_same(tmp_path: Path) -> None:
    clip = rendered_clips([rendered(tmp_path)])[0]
    left_behind(tmp_path / "out", rig())
    run = scored(clip, tmp_path / "out", ended(), {}, source=Path("c.mp4"))

    def reopened() -> Results[ClipRun]:
        options = {"task": "clips", "seed": 0}
        return Results.open(tmp_path, options, resume=True, read=ClipRun.from_dict, sums=sums)

    reopened().add(run)
    results = reopened()
    for other in (
        {"digest": "other"},
        {"about": "other"},
        {"wanted": ()},
        {"skipped": "not read"},
    ):
        assert not results.recall(ClipRun(**{**vars(run), **other}).asked)
    assert results.recall(run.asked)
    assert results.runs == [run]


def test_options_of_other_tasks_are_refused(tmp_path: Path, capfd) -> None:
    out = ("--out", tmp_path / "o")
    for arguments, says in (
        ((*out, "--surfels", tmp_path), "--surfels: is for `bench rig` alone"),
        ((*out, "--variant", "a"), "--variant: is for `bench rig` and `bench reconstruct` alone"),
        ((), "--out: is needed by `bench clips`"),
    ):
        assert bench(tmp_path, *arguments) == UsageError.exit_code
        assert says in capfd.readouterr().err
    assert main(["bench", "rig", str(tmp_path), "--data", str(tmp_path)]) == UsageError.exit_code
    assert "--data: is for `bench clips` alone" in capfd.readouterr().err


@pytest.mark.slow
def test_a_clip_becomes_a_scored_rig_with_an_overlay(tmp_path: Path, capfd) -> None:
    from reel2sim.generation import GenerationConfig, generate

    made = generate("a wooden cabinet with one door, the door opens", config=GenerationConfig(
        size=320, views=4, seed=3)).reel.streams["front"]  # fmt: skip
    frames = [np.where(f.mask[..., None] > 127, f.image, 255) for f in made if f.mask is not None]
    write_video(tmp_path / "door.mp4", [f.astype(np.uint8) for f in frames], 8.0)
    path = listed(tmp_path, ENTRY.replace('"revolute", "prismatic"', '"revolute"'))
    assert bench(path, "--data", tmp_path, "--out", tmp_path / "out") == 0
    (run,) = json.loads(capfd.readouterr().out)["runs"]
    assert {"media_s", "reconstruction_s", "rigging_s"} <= set(run["metrics"])
    assert [joint["type"] for joint in run["given"]].count("revolute") >= 1
    with Image.open(tmp_path / "out" / "real" / "door" / "overlay.png") as sheet:
        assert sheet.width == 4 * 324 - 4
