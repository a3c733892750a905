"""Servers that share a PostgreSQL and a bucket: any of them answers, any of them works."""

import os
import time
from pathlib import Path

import pytest

from reel2sim.client import Client
from reel2sim.scene.errors import CancelledError, NotFoundError, UsageError
from reel2sim.server import ServerConfig
from reel2sim.v1 import common_pb2, pipeline_pb2


@pytest.fixture
def shared(empty_postgres, bucket):
    return {"database": empty_postgres, "artifact_store": bucket}


def test_what_one_server_is_given_another_works_on(shared, tmp_path, start_server, eventually):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(os.urandom(3 << 20))
    kinds = [{"kinds": (kind,), "lease_s": 1800.0} for kind in ("generate", "run")]
    with (
        start_server(tmp_path / "a", **shared, **kinds[0]) as first,
        start_server(tmp_path / "b", **shared, **kinds[1]) as second,
        Client(first) as front,
        Client(second) as back,
    ):
        digest = front.upload(clip)
        request = pipeline_pb2.RunRequest(source=common_pb2.ArtifactRef(digest=digest))
        operation = back.submit(request)
        seen = list(front.watch(operation.name))
        assert seen[-1].state == "SUCCEEDED"
        out = front.download(seen[-1].operation.digest, tmp_path / "bundle")
        assert (Path(out) / "meshes" / "source").read_text().split()[1] == digest
        # Without a word from the other server this one would look after its job in minutes.
        slow = back.start(prompt=f"until {tmp_path / 'never'}")
        eventually(lambda: front.get(slow.name).stage == "steps")
        front.cancel(slow.name)
        eventually(lambda: back.get(slow.name).done)
        with pytest.raises(CancelledError):
            back.wait(slow.name)
        front.delete_artifact(digest)
        with pytest.raises(NotFoundError):
            back.download(digest, tmp_path / "gone")


def test_the_work_of_a_server_that_is_gone_is_taken_up(shared, tmp_path, start_process, eventually):
    options = {**shared, "lease_s": 2.0}
    go_on = tmp_path / "go_on"
    with (
        start_process(tmp_path / "a", **options) as first,
        start_process(tmp_path / "b", kinds=["generate"], **options) as second,
        Client(second.address) as client,
    ):
        with Client(first.address) as other:
            name = other.start(prompt=f"until {go_on}").name
        eventually(lambda: client.get(name).stage == "steps")
        first.kill()
        go_on.touch()
        with start_process(tmp_path / "c", **options):
            ended = client.wait(name)
    assert ended.state == "SUCCEEDED"
    assert ended.attempts > 1


def test_no_job_is_lost_while_the_database_is_away(
    own_postgres, bucket, tmp_path, start_server, eventually
):
    with (
        start_server(tmp_path / "a", database=own_postgres.url, artifact_store=bucket) as address,
        Client(address, retry_s=60) as client,
    ):
        go_on = tmp_path / "go_on"
        names = [client.start(prompt=f"until {go_on} {i}").name for i in range(3)]
        eventually(lambda: client.get(names[0]).stage == "steps")
        own_postgres.stop()
        go_on.touch()
        # Long enough for the first job to end while nobody can be told.
        time.sleep(1)
        own_postgres.start()
        assert [client.wait(name).state for name in names] == ["SUCCEEDED"] * 3


@pytest.mark.parametrize("option", [{"database": "mysql://x"}, {"artifact_store": "ftp://x"}])
def test_other_stores_are_refused(tmp_path, option):
    with pytest.raises(UsageError, match="must begin with"):
        ServerConfig(data_dir=tmp_path, **option)
