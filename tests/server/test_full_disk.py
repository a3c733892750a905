"""A disk that is full at any step is told so, leaves nothing behind, and does no lasting harm."""

import asyncio
import errno
import os
import stat
from pathlib import Path

import pytest

from reel2sim.client import Client
from reel2sim.scene.digest import digest_bytes
from reel2sim.scene.errors import ExhaustedError
from reel2sim.server.hub import Hub
from reel2sim.server.store.database import open_database

FULL = OSError(errno.ENOSPC, "No space left on device")


class Short:
    """A file on a disk that takes half of what is written to it."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def seek(self, offset):
        self._file.seek(offset)

    def write(self, data):
        self._file.write(data[: len(data) // 2])
        raise FULL


@pytest.fixture
def fail(monkeypatch):
    """Make one kind of call fail inside the data folder, until the patch is undone."""
    real_open, real_fsync, real_link = Path.open, os.fsync, Path.hardlink_to

    def opened(path, mode="r", *rest, **more):
        file = real_open(path, mode, *rest, **more)
        return Short(file) if path.parent.name == "uploads" else file

    def fsync(folder, descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) == folder:
            raise FULL
        real_fsync(descriptor)

    def link(target, source):
        if source.parent.name == "uploads":
            raise FULL
        return real_link(target, source)

    def start(what):
        if what == "write":
            monkeypatch.setattr(Path, "open", opened)
        elif what == "link":
            monkeypatch.setattr(Path, "hardlink_to", link)
        else:
            monkeypatch.setattr(os, "fsync", lambda fd: fsync(what == "sync of a folder", fd))
        return monkeypatch.undo

    return start


@pytest.mark.parametrize("what", ["write", "sync of a file", "link", "sync of a folder"])
def test_an_upload_to_a_full_disk_is_told_and_can_be_repeated(tmp_path, start_server, fail, what):
    data = tmp_path / "data"
    film = tmp_path / "film.mp4"
    film.write_bytes(os.urandom(1_500_000))
    with start_server(data) as address, Client(address, retry_s=0) as client:
        recover = fail(what)
        with pytest.raises(ExhaustedError):
            client.upload(film, upload_id="film")
        recover()
        assert not [path for path in (data / "artifacts").rglob("*") if path.is_file()]
        # What is kept of the upload is still the client's to add to.
        assert all(path.stat().st_mode & stat.S_IWUSR for path in (data / "uploads").iterdir())
        digest = client.upload(film, upload_id="film")
        assert digest == digest_bytes(film.read_bytes())
        assert client.download(digest, tmp_path / "back").read_bytes() == film.read_bytes()
        assert not list((data / "uploads").iterdir())


def test_a_database_that_could_not_commit_goes_on(tmp_path):
    database = open_database(f"sqlite:///{tmp_path / 'operations.sqlite3'}", Hub())

    def fill(tx):
        tx.execute("CREATE TABLE IF NOT EXISTS filler (data BLOB)")
        tx.execute("INSERT INTO filler VALUES (zeroblob(1000000))")

    def limit(pages):
        return lambda tx: tx.execute(f"PRAGMA max_page_count={pages}")

    async def main():
        used = await database.call(lambda tx: tx.execute("PRAGMA page_count")[0]["page_count"])
        await database.call(limit(used + 1))
        for _ in range(2):
            with pytest.raises(ExhaustedError):
                await database.call(fill)
        await database.call(limit(10**6))
        await database.call(fill)
        rows = await database.call(lambda tx: tx.execute("SELECT count(*) AS n FROM filler"))
        assert rows[0]["n"] == 1

    try:
        asyncio.run(main())
    finally:
        database.close()
