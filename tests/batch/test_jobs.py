"""What a jobs file may say, and what is said about one that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reel2sim.batch import read_jobs
from reel2sim.batch.results import ResultRow, append_row, read_rows, write_rows
from reel2sim.scene.errors import InputError


def jobs_file(folder: Path, *lines: object) -> Path:
    path = folder / "jobs.jsonl"
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines) + "\n")
    return path


def test_jobs_are_read_with_defaults(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    path = jobs_file(
        tmp_path,
        {"source": "clips", "seed": 3, "name": "lid"},
        "",
        {"prompt": "a cabinet", "preset": "high", "id": "cab-1"},
    )
    first, second = read_jobs(path, preset="draft")
    assert (first.source, first.preset, first.seed) == (str(tmp_path / "clips"), "draft", 3)
    assert (second.id, second.prompt, second.preset) == ("cab-1", "a cabinet", "high")


def test_an_id_does_not_depend_on_the_other_lines(tmp_path: Path) -> None:
    one = read_jobs(jobs_file(tmp_path, {"prompt": "a"}, {"prompt": "b"}))
    other = read_jobs(jobs_file(tmp_path, {"prompt": "c"}, {"prompt": "b"}, {"prompt": "a"}))
    assert one[0].id == other[2].id
    assert one[1].id == other[1].id
    assert len({job.id for job in other}) == 3


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ({}, "either a source or a prompt"),
        ({"source": "a", "prompt": "b"}, "either a source or a prompt"),
        ({"source": "nowhere"}, "does not exist"),
        ({"prompt": "x", "seed": "1"}, "seed"),
        ({"prompt": "x", "seed": True}, "seed"),
        ({"prompt": "x", "seed": -1}, "seed"),
        ({"prompt": "x", "preset": "best"}, "preset"),
        ({"prompt": "x", "colour": "red"}, "colour"),
        ({"prompt": 3}, "prompt"),
        ({"prompt": "x", "id": "../up"}, "folder name"),
        ({"prompt": "x", "id": "taken"}, "line 1"),
    ],
)
def test_a_wrong_line_is_named_before_anything_runs(tmp_path: Path, line, words: str) -> None:
    path = jobs_file(tmp_path, {"prompt": "fine", "id": "taken"}, line)
    with pytest.raises(InputError) as caught:
        read_jobs(path)
    assert caught.value.field == "line 2"
    assert caught.value.source == str(path)
    assert words in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00"])
def test_a_file_without_jobs_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "jobs.jsonl").write_bytes(content)
    with pytest.raises(InputError):
        read_jobs(tmp_path / "jobs.jsonl")
    with pytest.raises(InputError):
        read_jobs(tmp_path / "none.jsonl")


def test_rows_come_back_and_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    a, b = ResultRow(id="a", status="ok", digest="d"), ResultRow(id="b", status="failed")
    append_row(path, a)
    with path.open("a") as stream:
        stream.write('{"id": "torn", "sta')
    append_row(path, b)
    assert read_rows(path) == {"a": a, "b": b}
    newer = ResultRow(id="a", status="failed", reason="MEDIA")
    append_row(path, newer)
    assert read_rows(path)["a"] == newer
    write_rows(path, read_rows(path).values())
    assert len(path.read_text().splitlines()) == 2
