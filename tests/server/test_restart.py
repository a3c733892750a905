"""Kill -9 of the server, of workers and of clients: nothing acknowledged is lost."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from reel2sim.client import Client
from reel2sim.scene.errors import ConflictError, NotFoundError, Reel2SimError, UsageError

HELPERS = Path(__file__).parent / "helpers"


def attempts(data_dir, operation):
    """Process ids that began and that ended an operation, as its runner wrote them down."""
    lines = [x.split() for x in (data_dir / "cache" / "attempts.log").read_text().splitlines()]
    found = [(int(pid), what) for name, pid, what in lines if name == operation]
    begun = [pid for pid, what in found if what == "begin"]
    return begun, [pid for pid, what in found if what == "end"]


def gone(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_a_killed_server_finishes_its_jobs_after_a_restart(
    tmp_path, start_process, port, eventually
):
    go_on = tmp_path / "go_on"
    address = f"127.0.0.1:{port}"
    with start_process(tmp_path, address) as server, Client(address, retry_s=120) as client:
        names = [client.start(prompt=f"until {go_on} {i}").name for i in range(3)]
        eventually(lambda: client.get(names[0]).stage == "steps")
        seen = []
        finished = threading.Event()

        def watch():
            seen.extend(event.sequence for event in client.watch(names[0]))
            finished.set()

        threading.Thread(target=watch, daemon=True).start()
        eventually(lambda: len(seen) > 2)
        server.kill()
        orphan = attempts(tmp_path, names[0])[0][0]
        eventually(lambda: gone(orphan))
        go_on.touch()
        with start_process(tmp_path, address):
            results = [client.wait(name) for name in names]
            assert finished.wait(60)
    assert [operation.state for operation in results] == ["SUCCEEDED"] * 3
    assert [operation.attempts for operation in results] == [2, 1, 1]
    assert seen == list(range(1, len(seen) + 1)), "a watcher lost or repeated an event"
    for name in names:
        assert len(attempts(tmp_path, name)[1]) == 1, "an operation ran to its end twice"


@pytest.mark.slow
def test_no_acknowledged_operation_is_lost_in_a_storm_of_creates(
    tmp_path, start_process, eventually
):
    acknowledged = []

    def create(i):
        try:
            with Client(server.address, retry_s=0) as mine:
                acknowledged.append(mine.start(prompt=f"steps 1 0 {i}").name)
        except Reel2SimError:
            pass

    with start_process(tmp_path) as server, ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(create, i) for i in range(200)]
        eventually(lambda: len(acknowledged) >= 40)
        server.kill()
        for future in futures:
            future.result(60)
    with start_process(tmp_path) as server, Client(server.address) as client:
        kept = {operation.name for operation in client.list(page_size=1000)}
    assert set(acknowledged) <= kept


@pytest.mark.slow
def test_a_server_that_is_asked_to_stop_does_so_and_goes_on_with_its_job_later(
    tmp_path, start_process, eventually
):
    go_on = tmp_path / "go_on"
    with start_process(tmp_path) as server, Client(server.address) as client:
        name = client.start(prompt=f"until {go_on}").name
        eventually(lambda: client.get(name).stage == "steps")
        worker = attempts(tmp_path, name)[0][0]
        assert server.terminate() == 0
        assert gone(worker)
    go_on.touch()
    with start_process(tmp_path) as server, Client(server.address) as client:
        assert client.wait(name).attempts == 2


@pytest.mark.slow
def test_a_worker_never_outlives_its_server(tmp_path, start_process, eventually):
    with start_process(tmp_path) as server, Client(server.address) as client:
        name = client.start(prompt="stubborn").name
        eventually(lambda: client.get(name).stage == "steps")
        worker = attempts(tmp_path, name)[0][0]
        assert not gone(worker)
        server.kill()
        eventually(lambda: gone(worker))


def test_a_killed_worker_is_replaced_and_its_job_taken_up_again(
    tmp_path, start_process, eventually
):
    go_on = tmp_path / "go_on"
    with start_process(tmp_path) as server, Client(server.address) as client:
        name = client.start(prompt=f"until {go_on}").name
        eventually(lambda: client.get(name).stage == "steps")
        os.kill(attempts(tmp_path, name)[0][0], signal.SIGKILL)
        go_on.touch()
        assert client.wait(name).attempts == 2
        assert len(set(attempts(tmp_path, name)[0])) == 2
        for folder in ("work", "locks"):
            eventually(lambda folder=folder: not list((tmp_path / folder).iterdir()))


def test_a_folder_serves_one_server_and_a_port_one(tmp_path, start_server):
    with start_server(tmp_path / "a") as address:
        with pytest.raises(ConflictError, match="another server"), start_server(tmp_path / "a"):
            pass
        with (
            pytest.raises(UsageError, match="cannot listen"),
            start_server(tmp_path / "b", address=address),
        ):
            pass


def test_a_runner_that_is_not_there_is_told_at_the_start(tmp_path, start_server):
    with pytest.raises(UsageError, match="no_such"), start_server(tmp_path, runner="no_such:run"):
        pass


def test_a_client_killed_in_its_upload_commits_nothing(tmp_path, start_server, eventually):
    with start_server(tmp_path) as address, Client(address) as client:
        sender = subprocess.Popen(
            [sys.executable, str(HELPERS / "upload_slowly.py"), address, "slow"],
            stdout=subprocess.PIPE,
        )
        assert sender.stdout.readline() == b"sending\n"
        sender.kill()
        sender.wait(120)
        sender.stdout.close()
        partial = tmp_path / "uploads" / "slow"
        eventually(lambda: partial.stat().st_size >= 20_000)
        time.sleep(0.3)
        assert [p for p in (tmp_path / "artifacts").rglob("*") if p.is_file()] == []
        # What arrived is of use: the same upload goes on from there.
        whole = tmp_path / "clip.mp4"
        whole.write_bytes(b"".join(bytes([i % 251]) * 1000 for i in range(1000)))
        kept = partial.stat().st_size
        fractions = []
        digest = client.upload(
            whole, upload_id="slow", progress=lambda stage, fraction: fractions.append(fraction)
        )
        assert kept < 1_000_000
        assert fractions == [1.0]
        assert client.download(digest, tmp_path / "back.mp4").read_bytes() == whole.read_bytes()
        assert not partial.exists()


def test_a_restart_keeps_artifacts_and_half_uploads_and_sweeps_rubbish(tmp_path, start_server):
    data = tmp_path / "data"
    blob = tmp_path / "blob.bin"
    blob.write_bytes(os.urandom(100_000))
    with start_server(data) as address, Client(address) as client:
        digest = client.upload(blob)
    rubbish = data / "artifacts" / "ab" / ("ab" * 32)
    rubbish.parent.mkdir(exist_ok=True)
    rubbish.write_bytes(b"renamed into place, but its row was never written")
    (data / "uploads" / "half").write_bytes(b"12345")
    scratch = [
        data / "cache" / "rig" / ".writing-abc.npz",
        data / "cache" / "rig" / "key.steps" / ".writing-abc.step",
        data / "work" / "operation" / "out",
        data / "tmp" / "worker" / "reel2sim-abc",
    ]
    for path in scratch:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left by a process that was killed")
        os.utime(path, (0, 0))
    with start_server(data) as address, Client(address) as client:
        assert client.download(digest, tmp_path / "back").read_bytes() == blob.read_bytes()
        with pytest.raises(NotFoundError):
            client.download("ab" * 32, tmp_path / "rubbish")
        assert not [path for path in (rubbish, *scratch) if path.exists()]
        assert (data / "uploads" / "half").exists()


def test_a_server_that_is_asked_to_stop_says_so_before_it_does(tmp_path, start_process, eventually):
    told = []
    with start_process(tmp_path) as server, grpc.insecure_channel(server.address) as channel:

        def watch():
            request = health_pb2.HealthCheckRequest(service="reel2sim.v1.Pipeline")
            with contextlib.suppress(grpc.RpcError):
                for answer in health_pb2_grpc.HealthStub(channel).Watch(request):
                    told.append(answer.status)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        eventually(lambda: told)
        assert server.terminate() == 0
        watcher.join(120)
    states = health_pb2.HealthCheckResponse
    assert told == [states.SERVING, states.NOT_SERVING]
