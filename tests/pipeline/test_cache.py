"""The cache gives back what was put, or nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.pipeline.cache import Cache, Cost
from reel2sim.pipeline.codec import load_value, save_value
from reel2sim.pipeline.stores import ValueStore
from reel2sim.scene.errors import InputError
from reel2sim.scene.reel import Frame

STORE = ValueStore(Frame)
COST = Cost(1.5, 200.0, {"figure": 2.0})


def frame(value: int = 7) -> Frame:
    return Frame(np.full((5, 6, 3), value, np.uint8), 0.25, stream="left")


def entry_files(cache: Cache) -> list[Path]:
    return sorted(p for p in cache.folder.rglob("*") if p.is_file())


def test_what_was_put_is_found_with_its_cost(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    cache.put("stage", "key", frame(), STORE, cost=COST)
    hit = cache.get("stage", "key", STORE)
    assert hit is not None
    assert np.array_equal(hit.value.image, frame().image)
    assert hit.cost == COST


def test_nothing_is_found_under_another_key_or_stage(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("stage", "key", frame(), STORE, cost=COST)
    assert cache.get("stage", "other", STORE) is None
    assert cache.get("other", "key", STORE) is None


@settings(max_examples=25)
@given(which=st.sampled_from([".npz", ".json"]), where=st.floats(0, 0.999), keep=st.booleans())
def test_any_damage_costs_the_entry_and_no_more(
    tmp_path: Path, which: str, where: float, keep: bool
) -> None:
    cache = Cache(tmp_path)
    cache.put("stage", "key", frame(), STORE, cost=COST)
    path = tmp_path / "stage" / f"key{which}"
    data = bytearray(path.read_bytes())
    at = int(where * len(data))
    if keep:
        data[at] ^= 0x20
    else:
        del data[at:]
    path.write_bytes(bytes(data))
    hit = cache.get("stage", "key", STORE)
    # A flipped bit in the record may leave its meaning: then the value must be the right one.
    assert hit is None or np.array_equal(hit.value.image, frame().image)
    cache.put("stage", "key", frame(9), STORE, cost=COST)
    again = cache.get("stage", "key", STORE)
    assert again is not None
    assert again.value.image[0, 0, 0] == 9


def test_a_damaged_entry_is_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("stage", "key", frame(), STORE, cost=COST)
    (tmp_path / "stage" / "key.npz").write_bytes(b"nonsense")
    assert cache.get("stage", "key", STORE) is None
    assert entry_files(cache) == []


def test_a_failing_write_leaves_nothing(tmp_path: Path) -> None:
    class Broken:
        def save(self, path: Path, value: Frame) -> None:
            path.write_bytes(b"half")
            raise KeyboardInterrupt

        def load(self, path: Path) -> Frame:
            raise AssertionError

    cache = Cache(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cache.put("stage", "key", frame(), Broken(), cost=COST)
    assert entry_files(cache) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    Cache(tmp_path / "cache").put("stage", "key", frame(), STORE, cost=COST)
    assert Cache(tmp_path / "cache").get("stage", "key", STORE) is None


def test_a_file_in_place_of_the_folder_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    cache = Cache(tmp_path / "cache")
    cache.put("stage", "key", frame(), STORE, cost=COST)
    assert cache.get("stage", "key", STORE) is None


def test_entries_used_longest_ago_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, max_bytes=1)
    roomy = Cache(tmp_path)
    for age, key in ((300, "old"), (200, "used"), (100, "new")):
        roomy.put("stage", key, frame(), STORE, cost=COST)
        meta = tmp_path / "stage" / f"{key}.json"
        os.utime(meta, (meta.stat().st_mtime - age,) * 2)
    size = (tmp_path / "stage" / "old.npz").stat().st_size
    assert roomy.get("stage", "used", STORE) is not None
    Cache(tmp_path, max_bytes=3 * size).put("stage", "last", frame(), STORE, cost=COST)
    names = {p.stem for p in entry_files(cache)}
    assert names == {"used", "new", "last"}
    cache.put("stage", "only", frame(), STORE, cost=COST)
    assert {p.stem for p in entry_files(cache)} == {"only"}


def test_values_come_back_as_they_were_and_as_the_same_bytes(tmp_path: Path) -> None:
    value = ({"a": np.arange(3), 2: (True, None, "x")}, [frame(), Path("a/b"), 1.5, float("inf")])
    a, b = tmp_path / "a.npz", tmp_path / "b.npz"
    save_value(a, value)
    save_value(b, value)
    assert a.read_bytes() == b.read_bytes()
    mapping, rest = load_value(a)
    assert np.array_equal(mapping["a"], np.arange(3))
    assert mapping[2] == (True, None, "x")
    assert rest[0].stream == "left"
    assert rest[1:] == [Path("a/b"), 1.5, float("inf")]


def test_only_types_of_this_project_are_built(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "evil.npz"
    for name in ("subprocess:Popen", "reel2sim.scene.store:zipfile.ZipFile"):
        with zipfile.ZipFile(path, "w") as archive:
            tree = f'{{"data": "{name}", "fields": {{"file": "{tmp_path}/made", "mode": "w"}}}}'
            archive.writestr(
                "header.json", f'{{"kind": "reel2sim_value", "version": 1, "value": {tree}}}'
            )
        with pytest.raises(InputError):
            load_value(path)
    assert not (tmp_path / "made").exists()


def test_something_that_cannot_be_stored_is_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot store a set"):
        save_value(tmp_path / "x.npz", {1, 2})


WRITER = """
import sys, time
from pathlib import Path
from reel2sim.pipeline.atomic import write_atomically

def write(aside):
    aside.write_text("half")
    print(aside, flush=True)
    time.sleep(600)

write_atomically(Path(sys.argv[1]), write)
"""


def test_what_a_killed_process_was_writing_is_removed_and_never_what_a_live_one_is(
    tmp_path: Path,
) -> None:
    cache = Cache(tmp_path)
    for folder in (tmp_path / "stage", tmp_path / "stage" / "key.steps"):
        folder.mkdir()
        command = [sys.executable, "-c", WRITER, str(folder / "a.npz")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            aside = Path(writer.stdout.readline().strip())
            os.utime(aside, (0, 0))
            cache.sweep()
            assert aside.read_text() == "half"
            writer.kill()
        cache.put("stage", "key", frame(), STORE, cost=COST)
        assert not aside.exists()
    # One that was just made may be about to be locked.
    (fresh := tmp_path / "stage" / ".writing-fresh").touch()
    cache.sweep()
    assert fresh.exists()
    assert cache.get("stage", "key", STORE) is not None
