"""A generated dataset: samples made alone or together are the same, and read as they were made."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reel2sim.batch import BatchConfig
from reel2sim.cli.main import main
from reel2sim.dataset import (
    Packing,
    Plan,
    SampleJob,
    Samples,
    Split,
    draw,
    make_dataset,
    make_sample,
    open_dataset,
)
from reel2sim.dataset.for_uvit import take_samples
from reel2sim.dataset.table import PARQUET_FILE, read_table
from reel2sim.generation import generate
from reel2sim.generation.uvit.config import Layout
from reel2sim.generation.uvit.make import sample_of
from reel2sim.generation.uvit.sample import read_sample
from reel2sim.scene.digest import digest_tree
from reel2sim.scene.errors import ConflictError, NotFoundError, UsageError

FAMILIES = ("door", "switch", "valve")
SMALL = Plan(families=FAMILIES, size=32, views=2, frames=2, sensor="shot=500")
ALONE = BatchConfig(ray=False, workers=1, retries=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three samples, packed, of one unseen family."""
    out = tmp_path_factory.mktemp("made") / "data"
    words = f"dataset make {out} --count 3 --size 32 --views 2 --frames 2 --sensor shot=500"
    words += " --layout webdataset --hold-back valve --split 0.5 0.25 0.25 --workers 1 --quiet"
    assert main([*words.split(), "--families", *FAMILIES]) == 0
    return out


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def test_rows_tell_all_samples(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = read_table(made)
    split = Split(shares=(0.5, 0.25, 0.25), held_back=("valve",))
    assert [row.index for row in rows] == [0, 1, 2]
    for row in rows:
        asked = draw(SMALL, row.index)
        assert (row.prompt, row.families) == (asked.prompt, asked.families)
        assert row.split == split.of(asked.prompt, asked.families)
        assert row.verdict == "passed"
        assert sum(row.joint_types.values()) == row.joints > 0
        assert row.pictures == 6
        assert row.motion > 0
    record = json.loads((made / "dataset.json").read_text())
    assert record["complete"]
    assert record["licence"] == "Apache-2.0"
    assert record["plan"]["families"] == sorted(FAMILIES, key=SMALL.families.index)
    capfd.readouterr()
    assert main(["dataset", "show", str(made), "--json"]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert shown["verdicts"] == {"passed": 3}
    assert sum(shown["splits"].values()) == 3
    assert shown["families"]["valve"] == {"train": 0, "val": 0, "test": 0, "unseen": 1}
    parquet = pytest.importorskip("pyarrow.parquet").read_table(made / PARQUET_FILE)
    assert parquet.column("prompt").to_pylist() == [row.prompt for row in rows]
    assert parquet.column("families").to_pylist() == [[*row.families] for row in rows]
    joints = parquet.column("revolute_joints").to_pylist()
    assert joints == [row.joint_types.get("revolute", 0) for row in rows]


def test_a_sample_made_alone_is_that_of_the_dataset(made: Path, tmp_path: Path) -> None:
    make_sample(SampleJob(SMALL, 1), tmp_path / "alone", tmp_path / "scratch")
    assert digest_tree(tmp_path / "alone") == digest_tree(made / "samples/00000001")


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_read_is_what_was_generated(copy: Path, packed: bool) -> None:
    if packed:
        shutil.rmtree(copy / "samples")
    data = open_dataset(copy)
    assert len(data) == 3
    item = data[0]
    asked = draw(SMALL, 0)
    truly = generate(asked.prompt, config=asked.config)
    assert truly.truth is not None
    assert truly.views is not None
    assert item.prompt == item.reel.prompt == asked.prompt
    for i, (a, b) in enumerate(zip(item.reel.frames, truly.reel.frames, strict=True)):
        assert np.array_equal(a.image, b.image)
        assert a.mask is not None
        assert b.mask is not None
        assert np.array_equal(a.mask, b.mask)
        assert (a.stream, a.time_s) == (b.stream, b.time_s)
        assert a.camera is not None
        assert b.camera is not None
        assert np.array_equal(a.camera.T_world_camera, b.camera.T_world_camera)
        assert np.array_equal(a.camera.K, b.camera.K)
        stored, known = item.views.view(i), truly.views.view(i)
        for layer in ("depth", "part", "normals", "flow", "hidden"):
            x, y = getattr(stored, layer), getattr(known, layer)
            assert np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
        for name, pose in stored.part_poses.items():
            instant = truly.views.takes[i].instant
            assert np.array_equal(pose, truly.truth.link_poses[name][instant])
    for a, b in zip(item.truth.joints, truly.truth.joints, strict=True):
        assert (a.name, a.type, a.parent, a.child) == (b.name, b.type, b.parent, b.child)
        assert a.limits == b.limits
        for field in ("axis", "pivot", "positions"):
            assert np.array_equal(getattr(a, field), getattr(b, field))
        assert a.limits[0] - 1e-6 <= a.positions.min()
        assert a.positions.max() <= a.limits[1] + 1e-6


def test_tensors_hold_what_items_do(made: Path) -> None:
    torch = pytest.importorskip("torch")
    data = open_dataset(made)
    tensors = data.tensors(streams=("front",), layers=("depth", "part", "flow"), joints=3)
    batch = next(iter(torch.utils.data.DataLoader(tensors, batch_size=len(data))))
    assert batch["prompt"] == [item.prompt for item in data]
    for k, item in enumerate(data):
        front = [i for i, f in enumerate(item.reel.frames) if f.stream == "front"]
        for j, i in enumerate(front):
            frame, view = item.reel.frames[i], item.views.view(i)
            assert frame.mask is not None
            assert frame.camera is not None
            rgba = np.rint(batch["rgba"][k, j].numpy() * 255).astype(np.uint8)
            assert np.array_equal(rgba[:3], frame.image.transpose(2, 0, 1))
            assert np.array_equal(rgba[3], frame.mask)
            assert np.array_equal(batch["depth"][k, j], view.depth)
            assert np.array_equal(batch["part"][k, j], view.part)
            flow = batch["flow"][k, j].numpy().transpose(1, 2, 0)
            assert np.array_equal(flow, view.flow, equal_nan=True)
            pose = frame.camera.T_world_camera.astype(np.float32)
            assert np.array_equal(batch["T_world_camera"][k, j], pose)
        count = min(3, len(item.truth.joints))
        assert (batch["joint_type"][k, :count] >= 0).all()
        assert (batch["joint_type"][k, count:] == -1).all()
        for j, joint in enumerate(item.truth.joints[:count]):
            axis = joint.axis.astype(np.float32)
            assert np.array_equal(batch["joint_axis"][k, j], axis)
            assert item.views.parts[int(batch["joint_child"][k, j]) - 1] == joint.child
    with pytest.raises(UsageError):
        data.tensors(layers=("colour",))


def test_splits_divide_the_samples(copy: Path) -> None:
    def ids(data: Samples) -> list[str]:
        return [row.id for row in data.rows]

    parts = [open_dataset(copy, split=name) for name in ("train", "val", "test", "unseen")]
    assert sorted(key for data in parts for key in ids(data)) == ids(open_dataset(copy))
    (unseen,) = open_dataset(copy, split="unseen")
    assert unseen.row.families == ("valve",)
    with pytest.raises(UsageError):
        open_dataset(copy, split="training")
    with pytest.raises(NotFoundError):
        open_dataset(copy.parent / "nothing")


def test_a_dataset_grows_and_is_divided_anew(copy: Path) -> None:
    before = {i: digest_tree(copy / f"samples/{i:08d}") for i in range(3)}
    grown = make_dataset(SMALL, copy, count=4, layout="webdataset", config=ALONE)
    assert grown.produced.skipped == 3
    assert len(grown.rows) == 4
    assert {i: digest_tree(copy / f"samples/{i:08d}") for i in range(3)} == before
    assert not any(row.split == "unseen" for row in grown.rows)
    splits = {row.split for row in grown.rows if row.verdict == "passed"}
    assert {path.parent.name for path in grown.produced.shards} == splits
    assert {path.name for path in (copy / "shards").iterdir()} == splits
    with pytest.raises(ConflictError) as caught:
        make_dataset(SMALL, copy, count=3, config=ALONE)
    assert caught.value.field == "count"
    with pytest.raises(ConflictError) as caught:
        make_dataset(replace(SMALL, seed=1), copy, count=4, config=ALONE)
    assert caught.value.field == "seed"


def test_failures_and_rejections_are_rows(tmp_path: Path) -> None:
    out = tmp_path / "data"
    hasty = Packing(limit_s=0.01)
    failed = make_dataset(SMALL, out, count=1, config=ALONE, packing=hasty)
    (row,) = failed.rows
    assert row.verdict == "failed"
    assert "WORKER_DIED" in row.why
    assert row.prompt == draw(SMALL, 0).prompt
    assert len(open_dataset(out)) == 0
    strict = replace(SMALL, least_motion=1.0)
    told = make_sample(SampleJob(strict, 0), tmp_path / "rejected", tmp_path)
    assert told.facts["verdict"] == "rejected"
    assert "motion" in told.facts["why"]
    assert not (tmp_path / "rejected/transforms.json").exists()
    assert (tmp_path / "rejected/strip.png").is_file()


def test_the_video_model_takes_what_was_generated(made: Path, tmp_path: Path) -> None:
    layout = Layout(size=32, static=2, moving=2, front=2)
    taken = take_samples(open_dataset(made), tmp_path / "set", layout)
    assert (taken.samples, taken.made) == (3, 3)
    assert take_samples(open_dataset(made), tmp_path / "set", layout).made == 0
    asked = draw(SMALL, 0)
    truly = generate(asked.prompt, config=asked.config)
    known = sample_of(truly.reel, truly.truth, asked.prompt, layout)
    sample = read_sample(tmp_path / "set/samples/00000000.npz")
    assert (sample.prompt, sample.motion) == (known.prompt, known.motion)
    assert np.array_equal(sample.images, known.images)
    assert np.array_equal(sample.times_s, known.times_s)
    np.testing.assert_allclose(sample.tracks, known.tracks, atol=1e-6)
    with pytest.raises(UsageError):
        take_samples(open_dataset(made), tmp_path / "other", replace(layout, static=3))
