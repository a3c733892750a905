"""A dataset: every input accounted for, samples in shards, the same bytes whoever drew them."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.batch import BatchConfig
from reel2sim.dataset import Recipe, find_jobs, render_dataset
from reel2sim.dataset.shards import Sample, write_shards
from reel2sim.scene.digest import digest_file, digest_tree
from reel2sim.scene.errors import ConflictError, UsageError

SMALL = Recipe(frames=4, size=32, azimuth_deg=0.0)


def test_every_input_is_accounted_for_and_packed_once(models: Any, tmp_path: Path) -> None:
    models.turning()
    models.still()
    models.broken()
    out = tmp_path / "data"
    jobs, _ = find_jobs([models.folder], SMALL)
    made = render_dataset(jobs, out, config=BatchConfig(ray=False, workers=1))
    found = {row.id.rsplit("-", 1)[0]: row for row in made.rows}
    assert {name: row.status for name, row in found.items()} == {
        "broken": "failed", "still": "ok", "turning": "ok"
    }  # fmt: skip
    assert found["broken"].reason == "INPUT"
    assert found["still"].facts["verdict"] == "rejected"
    (passed,) = made.passed
    assert passed is found["turning"]
    listed = json.loads((out / "dataset.json").read_text())
    assert listed["complete"]
    assert [*listed["passed"], *listed["rejected"], *listed["failed"]] == [
        found[name].id for name in ("turning", "still", "broken")
    ]
    with tarfile.open(made.shards[0]) as tar:
        names = tar.getnames()
    assert {name.split(".", 1)[0] for name in names} == {passed.id}
    assert len(names) == 1 + 3 * SMALL.frames * 4
    assert made.sheets[0].is_file()

    before = {path: digest_tree(out / path) for path in ("objects", "shards")}
    again = render_dataset(jobs, out, config=BatchConfig(ray=False, workers=1))
    assert again.skipped == 2
    assert {path: digest_tree(out / path) for path in before} == before
    assert digest_file(again.sheets[0]) == digest_file(made.sheets[0])


def test_objects_are_found_and_named_by_what_they_are(models: Any, tmp_path: Path) -> None:
    one, other = models.turning(), models.still()
    (models.folder / "package.xml").write_text("<package/>")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / one.name).write_bytes(one.read_bytes())
    jobs, twice = find_jobs([models.folder, copy, other], SMALL)
    assert len(jobs) == 2
    assert {path.name for path in twice} == {one.name, other.name}
    assert [job.id for job in jobs] == [job.id for job in find_jobs([copy, other], SMALL)[0]]
    assert len({job.digest for job in jobs}) == 2
    (changed,) = find_jobs([one], Recipe(frames=5))[0]
    assert changed.digest not in {job.digest for job in jobs}
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError):
        find_jobs([tmp_path / "empty"], SMALL)


def test_a_folder_of_other_things_is_left_alone(models: Any, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter.txt").write_text("dear")
    jobs, _ = find_jobs([models.still()], SMALL)
    with pytest.raises(ConflictError):
        render_dataset(jobs, tmp_path / "home")


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=12), most=st.integers(2000, 20000))
def test_shards_hold_every_sample_once_in_order(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], most: int
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    samples: list[Sample] = []
    for i, size in enumerate(sizes):
        file = folder / f"{i}.png"
        file.write_bytes(bytes([i]) * size)
        samples.append(Sample(f"key{i:02d}", (("a.png", file),), {"number": i}))
    shards = write_shards(folder / "out", samples, most_bytes=most)
    first = digest_tree(folder / "out")
    assert write_shards(folder / "out", samples, most_bytes=most) == shards
    assert digest_tree(folder / "out") == first
    found: list[str] = []
    for shard in shards:
        with tarfile.open(shard) as tar:
            found += [name for name in tar.getnames() if name.endswith(".a.png")]
    assert found == [f"key{i:02d}.a.png" for i in range(len(sizes))]
    index = json.loads((folder / "out/index.json").read_text())
    assert sum(entry["nsamples"] for entry in index["shardlist"]) == len(sizes)
    for line in (folder / "out/members.jsonl").read_text().splitlines():
        member = json.loads(line)
        offset, size = member["files"]["a.png"]
        with (folder / "out" / member["shard"]).open("rb") as stream:
            stream.seek(offset)
            i = int(member["key"][3:])
            assert stream.read(size) == bytes([i]) * sizes[i]
