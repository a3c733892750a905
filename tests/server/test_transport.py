"""Folders as archives: the same bytes for the same folder, and a round trip for any."""

import os
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.scene.digest import digest_file, digest_tree
from reel2sim.scene.errors import InputError, MediaLimitError
from reel2sim.transport.archive import ArchiveLimits, check_archive, pack_folder, unpack
from reel2sim.transport.names import relative_path_fault

names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\\:", exclude_categories=["Cc", "Cs"]),
    max_size=30,
)
# A number in each name keeps two files from being one, and a file from being a folder.
trees = st.lists(st.tuples(names, names, st.binary(max_size=3000)), max_size=6).map(
    lambda rows: {
        (f"d{folder}", f"{i}{name}") if folder else (f"{i}{name}",): data
        for i, (folder, name, data) in enumerate(rows)
    }
)


def write(folder, files):
    folder.mkdir()
    for parts, data in files.items():
        path = folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@settings(max_examples=40, deadline=None)
@given(trees)
def test_any_folder_comes_back_and_packs_to_the_same_bytes(tmp_path_factory, files):
    base = tmp_path_factory.mktemp("trees")
    write(base / "a", files)
    write(base / "b", dict(reversed(files.items())))
    for path in (base / "b").rglob("*"):
        os.utime(path, (time.time() - 1e6, time.time() - 1e6))
        path.chmod(0o700)
    pack_folder(base / "a", base / "a.tar")
    pack_folder(base / "b", base / "b.tar")
    assert digest_file(base / "a.tar") == digest_file(base / "b.tar")
    unpack(base / "a.tar", base / "back")
    assert digest_tree(base / "back") == digest_tree(base / "a")


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_damaged_archive_is_refused_or_unpacks_inside_its_folder(tmp_path_factory, data):
    base = tmp_path_factory.mktemp("damaged")
    write(base / "a", {("x",): b"1" * 700, ("d", "y" * 120): b"2" * 50})
    kind = data.draw(st.sampled_from(["tar", "zip"]))
    archive = base / f"a.{kind}"
    if kind == "tar":
        pack_folder(base / "a", archive)
    else:
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for path in sorted((base / "a").rglob("*")):
                target.write(path, path.relative_to(base / "a"))
    damaged = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    archive.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    (base / "inner").mkdir()
    before = sorted(base.iterdir())
    try:
        unpack(archive, base / "inner" / "out")
    except InputError:
        assert not (base / "inner" / "out").exists()
    assert sorted(base.iterdir()) == before
    assert {p.name for p in (base / "inner").iterdir()} <= {"out"}


def test_links_and_special_files_do_not_travel(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match="not a regular file"):
        pack_folder(folder, tmp_path / "a.tar")
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        pack_folder(folder, tmp_path / "a.tar")


def test_too_many_entries_and_huge_headers_are_refused(tmp_path):
    with tarfile.open(tmp_path / "many.tar", "w:") as tar:
        for i in range(50):
            folder = tarfile.TarInfo(f"folder{i}")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
    with pytest.raises(MediaLimitError, match="over 20 entries"):
        unpack(tmp_path / "many.tar", tmp_path / "out", limits=ArchiveLimits(max_files=20))
    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 3 << 30
    with (tmp_path / "huge.tar").open("wb") as file:
        file.write(header.tobuf(tarfile.PAX_FORMAT))
        file.truncate(4 << 30)
    with pytest.raises(InputError, match="a header declares"):
        unpack(tmp_path / "huge.tar", tmp_path / "out")
    sparse = tmp_path / "sparse.tar"
    with tarfile.open(sparse, "w:", format=tarfile.PAX_FORMAT) as tar:
        info = tarfile.TarInfo("zeros")
        info.pax_headers = {
            "GNU.sparse.major": "1",
            "GNU.sparse.minor": "0",
            "GNU.sparse.realsize": str(1 << 40),
        }
        data = tmp_path / "map"
        data.write_bytes(b"0\n".ljust(512, b"\0"))
        info.size = 512
        with data.open("rb") as stream:
            tar.addfile(info, stream)
    with pytest.raises(InputError):
        unpack(sparse, tmp_path / "out")


def test_what_unpacks_to_far_more_than_it_is_is_refused_unless_it_is_small(tmp_path):
    zeros = tmp_path / "zeros.zip"
    with zipfile.ZipFile(zeros, "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(4):
            archive.writestr(f"{k}", bytes(2 << 20))
    assert zeros.stat().st_size < 16_000
    tight = ArchiveLimits(free_bytes=1 << 20)
    with pytest.raises(MediaLimitError, match="too much for its"):
        check_archive(zeros, limits=tight)
    check_archive(zeros)
    unpack(zeros, tmp_path / "out", limits=ArchiveLimits(free_bytes=0, max_ratio=2000))
    # Entries that share their bytes.
    shared = bytearray(zeros.read_bytes())
    at = [k for k in range(len(shared)) if shared[k : k + 4] == b"PK\x01\x02"]
    for k in at[1:]:
        shared[k + 42 : k + 46] = bytes(4)
    (tmp_path / "shared.zip").write_bytes(shared)
    with pytest.raises((MediaLimitError, InputError)):
        unpack(tmp_path / "shared.zip", tmp_path / "other", limits=tight)
    assert not (tmp_path / "other").exists()
    # What is stored or hardly compressed passes, however large.
    noise = tmp_path / "noise.zip"
    with zipfile.ZipFile(noise, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("noise", os.urandom(3 << 20))
    check_archive(noise, limits=tight)


@given(st.text(max_size=30))
def test_a_sound_path_stays_below_its_folder(path):
    if relative_path_fault(path) is None:
        base = Path("/base")
        joined = Path(os.path.normpath(base / path))
        assert base in joined.parents
