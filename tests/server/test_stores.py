"""Databases and blob stores keep their Protocols: all kinds give the same answers."""

import asyncio
import hashlib
import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reel2sim.scene.errors import (
    ConflictError,
    ExhaustedError,
    IntegrityError,
    NotFoundError,
    UnavailableError,
    UsageError,
)
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.hub import Hub
from reel2sim.server.leases import LeaseLostError
from reel2sim.server.operations import Draft, Operations
from reel2sim.server.records import EventRecord, Resources, State
from reel2sim.server.store.blobs import MemoryBlobs, open_blobs
from reel2sim.server.store.database import open_database

ALL = Resources(cpus=4, gpus=1, memory_mib=1000)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def database_url(request, tmp_path):
    if request.param == "memory":
        return "sqlite:///:memory:"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'rows.sqlite3'}"
    return request.getfixturevalue("empty_postgres")


@pytest.fixture(params=["memory", "folder", "s3"])
def blobs(request, tmp_path):
    if request.param == "s3":
        return open_blobs(request.getfixturevalue("bucket"), tmp_path / "fetched")
    return open_blobs({"memory": "memory:", "folder": ""}[request.param], tmp_path / "blobs")


def stored(folder: Path, data: bytes) -> tuple[str, Path]:
    folder.mkdir(exist_ok=True)
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"new-{digest[:8]}"
    path.write_bytes(data)
    return digest, path


def draft(request_id="", *, kind="run", **more) -> Draft:
    return Draft(kind=kind, request=b"", request_id=request_id, references={}, **more)


class Host:
    """One server's view of the operations."""

    def __init__(self, url, owner="a", *, kinds=("run", "rig"), lease_s=30.0, **more):
        self.hub = Hub()
        self.database = open_database(url, self.hub)
        limits = {"max_queued": 1000, "max_crashes": 1, "max_attempts": 10, "backoff_s": 0.0}
        self.operations = Operations(
            self.database, owner=owner, kinds=kinds, lease_s=lease_s, **{**limits, **more}
        )

    async def lease(self, free=ALL, total=ALL):
        return await self.operations.lease(free=free, total=total)


def run(coroutine_function):
    return asyncio.run(coroutine_function())


def test_blobs_are_whole_or_absent(blobs, tmp_path):
    small, large = os.urandom(1000), os.urandom(17 << 20)
    for data in (small, large):
        digest, path = stored(tmp_path / "in", data)
        assert not blobs.has(digest)
        with pytest.raises(NotFoundError):
            blobs.local(digest)
        blobs.put(digest, path)
        blobs.put(digest, path)
        assert blobs.has(digest)
        assert blobs.local(digest).read_bytes() == data
        assert digest in set(blobs.digests())
    digests = set(blobs.digests())
    blobs.delete(digest)
    blobs.delete(digest)
    assert set(blobs.digests()) == digests - {digest}
    with pytest.raises(NotFoundError):
        blobs.local(digest)


def test_a_damaged_object_is_told(bucket, tmp_path):
    blobs = open_blobs(bucket, tmp_path / "fetched")
    digest, path = stored(tmp_path / "in", b"right")
    blobs.put(digest, path)
    blobs._client.put_object(Bucket=blobs._bucket, Key=blobs._key(digest), Body=b"wrong")
    with pytest.raises(IntegrityError):
        blobs.local(digest)
    assert not list((tmp_path / "fetched").iterdir())


def test_a_bucket_that_is_away_is_told(tmp_path, monkeypatch):
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "x")
    blobs = open_blobs("s3://away?endpoint=http://127.0.0.1:9&region=us-east-1", tmp_path)
    with pytest.raises(UnavailableError):
        blobs.has("0" * 64)


@pytest.mark.parametrize("url", ["ftp://x", "s3://", "s3://bucket?colour=blue"])
def test_other_blob_stores_are_refused(url, tmp_path):
    with pytest.raises(UsageError):
        open_blobs(url, tmp_path)


def test_a_database_of_another_version_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'rows.sqlite3'}"
    database = open_database(url, Hub())
    asyncio.run(database.call(lambda tx: tx.execute("UPDATE meta SET version = 1")))
    database.close()
    with pytest.raises(ConflictError, match="another version"):
        open_database(url, Hub())


def test_what_fails_leaves_no_rows_and_wakes_nobody(database_url):
    async def main():
        host, told = Host(database_url), []
        host.hub.notify = told.append

        def work(tx):
            tx.execute("UPDATE meta SET version = 77")
            tx.notify("x")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await host.database.call(work)
        rows = await host.database.call(lambda tx: tx.execute("SELECT version FROM meta"))
        await asyncio.sleep(0.05)
        assert not told
        host.database.close()
        assert rows[0]["version"] != 77

    run(main)


def test_one_request_is_one_operation_however_many_send_it(database_url):
    async def main():
        host = Host(database_url)
        records = await asyncio.gather(*(host.operations.create(draft("same")) for _ in range(32)))
        assert len({record.name for record in records}) == 1
        with pytest.raises(ConflictError):
            await host.operations.create(draft("same", kind="rig"))
        other = await host.operations.create(draft("same", principal="someone else"))
        assert other.name != records[0].name
        host.database.close()

    run(main)


def test_limits_hold_when_many_create_at_once(database_url):
    async def main():
        host = Host(database_url, max_queued=10)
        wanted = [draft(principal="a", max_open=4) for _ in range(9)]
        wanted += [draft(principal="b") for _ in range(9)]
        ends = await asyncio.gather(*map(host.operations.create, wanted), return_exceptions=True)
        refused = [end for end in ends if isinstance(end, ExhaustedError)]
        created = [end for end in ends if not isinstance(end, Exception)]
        assert len(refused) + len(created) == 18
        assert len(created) == 10
        assert sum(record.principal == "a" for record in created) <= 4
        host.database.close()

    run(main)


def test_priority_then_age_decides_what_is_started(database_url):
    async def main():
        host = Host(database_url)
        for i, priority in enumerate((0, 5, -3, 0)):
            await host.operations.create(draft(f"r{i}", priority=priority))
        order = [(await host.lease()).request_id for _ in range(4)]
        assert order == ["r2", "r0", "r3", "r1"]
        assert await host.lease() is None
        host.database.close()

    run(main)


def test_only_what_fits_is_started_and_other_kinds_are_left(database_url):
    async def main():
        host = Host(database_url, kinds=("rig",))
        await host.operations.create(draft("other", kind="run"))
        await host.operations.create(draft("huge", kind="rig", needs=Resources(64, 0, 0)))
        await host.operations.create(draft("gpu", kind="rig", needs=Resources(1, 1, 0)))
        await host.operations.create(draft("small", kind="rig", needs=Resources(1, 0, 10)))
        none_left = Resources(2, 0, 100)
        assert (await host.lease(free=none_left)).request_id == "small"
        assert await host.lease(free=none_left) is None
        assert (await host.lease()).request_id == "gpu"
        assert await host.lease() is None
        host.database.close()

    run(main)


def test_a_job_that_does_not_fit_is_not_passed_by_forever(database_url):
    async def main():
        host = Host(database_url)
        await host.operations.create(draft("large", needs=Resources(4, 0, 0)))
        await host.operations.create(draft("small", needs=Resources(1, 0, 0)))
        age = "UPDATE operations SET created_us = created_us - 120000000"
        await host.database.call(lambda tx: tx.execute(age))
        assert await host.lease(free=Resources(1, 1, 1000)) is None
        assert (await host.lease()).request_id == "large"
        host.database.close()

    run(main)


def test_what_a_silent_server_ran_is_taken_up_and_its_word_no_longer_counts(empty_postgres):
    async def main():
        first = Host(empty_postgres, "first")
        second = Host(empty_postgres, "second")
        await first.operations.create(draft("x"))
        lost = await first.lease()
        assert await second.operations.reap() == 0
        assert await second.operations.recover() == 0
        late = "UPDATE operations SET lease_until_us = lease_until_us - 60000000"
        await second.database.call(lambda tx: tx.execute(late))
        assert await second.operations.reap() == 1
        taken = await second.lease()
        assert (taken.name, taken.attempts) == (lost.name, 2)
        event = EventRecord(0, 0, State.RUNNING, "stage", 0.5, "")
        for word in (
            first.operations.progress(lost.name, event, attempt=lost.attempts),
            first.operations.succeed(lost.name, b"", attempt=lost.attempts, output="0" * 64),
            first.operations.worker_died(lost.name, "late", attempt=lost.attempts),
        ):
            with pytest.raises(LeaseLostError):
                await word
        await second.operations.succeed(taken.name, b"", attempt=2, output="1" * 64)
        # Said again, because the answer was lost on its way: nothing happens.
        await second.operations.succeed(taken.name, b"", attempt=2, output="2" * 64)
        assert (await first.operations.get(lost.name)).output == "1" * 64
        assert (await first.operations.get(lost.name)).state is State.SUCCEEDED
        first.database.close()
        second.database.close()

    run(main)


def test_servers_wake_each_other_and_share_the_work(empty_postgres):
    async def main():
        hosts = [Host(empty_postgres, f"host-{i}") for i in range(3)]
        for host in hosts:
            await host.operations.backlog()
        with hosts[2].hub.listen("queue") as woken:
            await asyncio.sleep(1.0)
            woken.clear()
            for i in range(24):
                await hosts[0].operations.create(draft(f"r{i}"))
            await asyncio.wait_for(woken.wait(), 60)
        leases = await asyncio.gather(*(hosts[i % 3].lease() for i in range(24)))
        names = [record.name for record in leases if record is not None]
        while (more := await hosts[0].lease()) is not None:
            names.append(more.name)
        assert len(names) == len(set(names)) == 24
        for host in hosts:
            host.database.close()

    run(main)


def test_calls_outlast_a_restart_of_the_database_and_tell_an_outage(own_postgres, monkeypatch):
    async def main():
        host = Host(own_postgres.url)
        await host.operations.create(draft("before"))
        own_postgres.stop()
        starter = threading.Timer(1.0, own_postgres.start)
        starter.start()
        record = await host.operations.create(draft("during"))
        starter.join()
        assert record.request_id == "during"
        assert (await host.operations.create(draft("before"))).last_sequence == 1
        own_postgres.stop()
        monkeypatch.setattr("reel2sim.server.store.postgres._PATIENCE_S", 0.5)
        with pytest.raises(UnavailableError) as told:
            await host.operations.get(record.name)
        assert "postgres@" not in str(told.value)
        own_postgres.start()
        assert (await host.operations.get(record.name)).state is State.QUEUED
        host.database.close()

    run(main)


def test_equal_bytes_are_kept_once_and_seen_by_their_owners_only(database_url, tmp_path):
    async def main():
        host = Host(database_url)
        blobs = MemoryBlobs(tmp_path / "blobs")
        artifacts = Artifacts(host.database, blobs, max_bytes=3000)
        digest, path = stored(tmp_path / "in", b"x" * 1000)
        facts = {"digest": digest, "format": 1, "filename": "x.bin"}
        await artifacts.adopt(path, principal="a", **facts)
        assert not path.exists()
        with pytest.raises(NotFoundError):
            await artifacts.get(digest, principal="b")
        with pytest.raises(NotFoundError):
            await host.operations.create(
                Draft(
                    kind="run",
                    request=b"",
                    request_id="",
                    references={"source": (digest, "")},
                    principal="b",
                )
            )
        _, path = stored(tmp_path / "in", b"x" * 1000)
        await artifacts.adopt(path, principal="b", **facts)
        assert await artifacts.usage() == (1, 1000)
        await artifacts.delete(digest, principal="a")
        assert blobs.has(digest)
        await artifacts.delete(digest, principal="b")
        assert not blobs.has(digest)
        other, path = stored(tmp_path / "in", b"y" * 2000)
        with pytest.raises(ExhaustedError, match="'a' is limited"):
            await artifacts.adopt(
                path, digest=other, format=1, filename="y", principal="a", max_bytes=1500
            )
        assert path.exists()
        assert not blobs.has(other)
        host.database.close()

    run(main)


def test_only_what_nobody_refers_to_expires(database_url, tmp_path):
    async def main():
        host = Host(database_url)
        blobs = MemoryBlobs(tmp_path / "blobs")
        artifacts = Artifacts(host.database, blobs)
        digests = []
        for word in (b"input", b"output", b"nobody's"):
            digest, path = stored(tmp_path / "in", word)
            await artifacts.adopt(path, digest=digest, format=1, filename="f")
            digests.append(digest)
        made = await host.operations.create(
            Draft(kind="run", request=b"", request_id="", references={"source": (digests[0], "")})
        )
        await host.lease()
        await host.operations.succeed(made.name, b"", attempt=1, output=digests[1])
        assert await artifacts.expire(3600) == 0
        assert await artifacts.expire(-1) == 1
        assert [blobs.has(digest) for digest in digests] == [True, True, False]
        assert await host.operations.expire(3600) == 0
        assert await host.operations.expire(-1) == 1
        assert await artifacts.expire(-1) == 2
        assert await artifacts.usage() == (0, 0)
        host.database.close()

    run(main)


def test_blobs_that_no_row_names_are_swept(database_url, blobs, tmp_path):
    async def main():
        host = Host(database_url)
        artifacts = Artifacts(host.database, blobs)
        kept, path = stored(tmp_path / "in", b"kept")
        await artifacts.adopt(path, digest=kept, format=1, filename="f")
        lost, path = stored(tmp_path / "in", b"lost")
        blobs.put(lost, path)
        await artifacts.sweep()
        assert set(blobs.digests()) == {kept}
        host.database.close()

    run(main)


class Queue(RuleBasedStateMachine):
    """Operations in SQLite against a model in plain Python."""

    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.host = self.loop.run_until_complete(self._opened())
        self.model = {}

    async def _opened(self):
        return Host("sqlite:///:memory:", max_queued=6)

    def does(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def of(self, state):
        return [name for name, model in self.model.items() if model["state"] is state]

    @rule(priority=st.integers(-2, 2))
    def create(self, priority):
        operation = self.host.operations.create(draft(priority=priority))
        if len(self.of(State.QUEUED)) + len(self.of(State.RUNNING)) >= 6:
            with pytest.raises(ExhaustedError):
                self.does(operation)
            return
        record = self.does(operation)
        self.model[record.name] = {
            "state": State.QUEUED,
            "key": (priority, record.seq),
            "attempts": 0,
            "crashes": 0,
            "cancel": False,
        }

    @rule()
    def lease(self):
        record = self.does(self.host.lease())
        queued = sorted(self.of(State.QUEUED), key=lambda name: self.model[name]["key"])
        assert (record is None) == (not queued)
        if record is not None:
            assert record.name == queued[0]
            model = self.model[record.name]
            model.update(state=State.RUNNING, attempts=model["attempts"] + 1)

    @precondition(lambda self: self.of(State.RUNNING))
    @rule(data=st.data(), how=st.sampled_from(["succeed", "fail", "die"]))
    def end(self, data, how):
        name = data.draw(st.sampled_from(self.of(State.RUNNING)))
        model, operations = self.model[name], self.host.operations
        attempt = model["attempts"]
        if how == "succeed":
            self.does(operations.succeed(name, b"", attempt=attempt, output="0" * 64))
            model["state"] = State.SUCCEEDED
        elif how == "fail":
            self.does(operations.fail(name, b"", attempt=attempt, cancelled=False))
            model["state"] = State.FAILED
        else:
            self.does(operations.worker_died(name, "so", attempt=attempt))
            if model["cancel"]:
                model["state"] = State.CANCELLED
                return
            model["crashes"] += 1
            model["state"] = State.QUEUED if model["crashes"] <= 1 else State.FAILED

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def cancel(self, data):
        # Oldest first: names are random, and a replay must draw the same one.
        name = data.draw(st.sampled_from(list(self.model)))
        self.does(self.host.operations.cancel(name))
        model = self.model[name]
        if model["state"] is State.QUEUED:
            model["state"] = State.CANCELLED
        elif model["state"] is State.RUNNING:
            model["cancel"] = True

    @rule()
    def restart(self):
        number = self.does(self.host.operations.recover())
        running = self.of(State.RUNNING)
        assert number == len(running)
        for name in running:
            model = self.model[name]
            model["state"] = State.CANCELLED if model["cancel"] else State.QUEUED

    @invariant()
    def rows_are_as_the_model_says(self):
        if not getattr(self, "model", None):
            return
        page = self.host.operations.page(where="1 = 1", values=(), after=0, limit=1000)
        records = self.does(page)
        assert {r.name: r.state for r in records} == {
            name: model["state"] for name, model in self.model.items()
        }
        for record in records:
            events = self.does(self.host.operations.events(record.name, after=0, limit=10_000))
            assert [e.sequence for e in events] == list(range(1, record.last_sequence + 1))
            assert events[-1].state is record.state

    def teardown(self):
        if hasattr(self, "host"):
            self.host.database.close()
            self.loop.close()


TestQueue = Queue.TestCase
TestQueue.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
