"""Unfinished uploads have no more room than the store's limit leaves, and give it back."""

import asyncio
import hashlib
import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.scene.errors import ConflictError, ExhaustedError
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.hub import Hub
from reel2sim.server.room import Room
from reel2sim.server.store.blobs import MemoryBlobs
from reel2sim.server.store.database import open_database
from reel2sim.server.uploads import Uploads

LIMIT = 1000


def opened(folder: Path, database) -> tuple[Uploads, Artifacts, Room]:
    artifacts = Artifacts(database, MemoryBlobs(folder / "blobs"), max_bytes=LIMIT)
    room = Room(artifacts, max_bytes=LIMIT, keep_s=3600)
    return Uploads(folder / "uploads", artifacts, room, max_bytes=9 * LIMIT), artifacts, room


def on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "uploads").iterdir())


names = st.sampled_from("abc")
sizes = st.integers(1, 700)
steps = st.one_of(
    st.tuples(st.just("write"), st.lists(st.tuples(names, sizes), min_size=1, max_size=4)),
    st.tuples(st.just("finish"), names),
    st.tuples(st.just("delete"), st.none()),
    st.tuples(st.just("expire"), st.none()),
    st.tuples(st.just("restart"), st.none()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=12))
def test_artifacts_and_unfinished_uploads_never_outgrow_the_store(plan):
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_follow(plan, Path(name)))


async def _follow(plan, folder: Path) -> None:
    database = open_database("sqlite:///:memory:", Hub())
    uploads, artifacts, room = opened(folder, database)
    digests: list[str] = []

    async def write(name: str, size: int, wanted: int) -> None:
        stream = uploads.open(name)
        try:
            await stream.append(stream.size, os.urandom(size))
        except ConflictError:
            pass
        except ExhaustedError:
            # What others want at the same time counts until it is known whether they get it.
            assert wanted > LIMIT, "refused though there was room"
        finally:
            uploads.close(stream)

    for step, what in plan:
        if step == "write":
            there = (await artifacts.usage())[1] + room.pending
            wanted = there + sum(size for _, size in what)
            await asyncio.gather(*(write(*one, wanted) for one in what))
        elif step == "finish":
            data = (folder / "uploads" / what).read_bytes() if uploads.size(what) else b""
            digest = hashlib.sha256(data).hexdigest()
            stream = uploads.open(what)
            await stream.finish(size=len(data), sha256=digest, format=1, filename="x")
            digests = list(dict.fromkeys([*digests, digest]))
            uploads.close(stream)
        elif step == "delete" and digests:
            await artifacts.delete(digests.pop())
        elif step == "expire":
            for path in (folder / "uploads").iterdir():
                os.utime(path, (0, 0))
            uploads.expire(60)
            assert on_disk(folder) == 0
        elif step == "restart":
            uploads, artifacts, room = opened(folder, database)
        assert room.pending == on_disk(folder)
        assert (await artifacts.usage())[1] + on_disk(folder) <= LIMIT
    database.close()


def test_room_that_was_freed_can_be_taken_at_once(tmp_path):
    async def check() -> None:
        database = open_database("sqlite:///:memory:", Hub())
        uploads, artifacts, _ = opened(tmp_path, database)
        data = bytes(LIMIT)
        stream = uploads.open("a")
        await stream.append(0, data)
        digest = hashlib.sha256(data).hexdigest()
        await stream.finish(size=LIMIT, sha256=digest, format=1, filename="x")
        uploads.close(stream)
        stream = uploads.open("b")
        with pytest.raises(ExhaustedError, match=r"artifacts use 1000.*dropped 1 h after"):
            await stream.append(0, b"1")
        await artifacts.delete(digest)
        await stream.append(0, data)
        database.close()

    asyncio.run(check())


def test_only_uploads_that_nobody_writes_to_are_dropped(tmp_path):
    async def check() -> None:
        database = open_database("sqlite:///:memory:", Hub())
        uploads, _, room = opened(tmp_path, database)
        for name in ("stale", "open", "fresh"):
            stream = uploads.open(name)
            await stream.append(0, b"123")
            if name != "open":
                uploads.close(stream)
        old = time.time() - 100
        for name in ("stale", "open"):
            os.utime(tmp_path / "uploads" / name, (old, old))
        uploads.expire(50)
        assert {path.name for path in (tmp_path / "uploads").iterdir()} == {"open", "fresh"}
        assert room.pending == 6
        database.close()

    asyncio.run(check())
