"""What an operation promises, seen through the client."""

import itertools
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from reel2sim.client import Client
from reel2sim.scene.errors import (
    CancelledError,
    ConflictError,
    NotFoundError,
    Reel2SimError,
    RiggingError,
    StageError,
    UsageError,
)


def test_a_job_reports_its_steps_in_order_and_succeeds(client):
    operation = client.start(prompt="steps 4 0.25")
    events = list(client.watch(operation.name))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert events[0].state == "QUEUED"
    assert events[-1].state == "SUCCEEDED"
    assert all(event.operation is None for event in events[:-1])
    assert events[-1].operation.digest
    steps = [event.metrics["step"] for event in events if "step" in event.metrics]
    assert steps == sorted(steps)
    assert len(steps) >= 2
    assert client.get(operation.name) == events[-1].operation


def test_watching_from_a_sequence_number_continues_without_gap_or_repeat(client):
    name = client.start(prompt="steps 3 0.25").name
    first = list(itertools.islice(client.watch(name), 2))
    rest = list(client.watch(name, after_sequence=first[-1].sequence))
    sequences = [event.sequence for event in first + rest]
    assert sequences == list(range(1, len(sequences) + 1))
    assert [event.sequence for event in client.watch(name)] == sequences
    assert list(client.watch(name, after_sequence=sequences[-1])) == []


def test_sixteen_creates_with_one_request_id_are_one_operation(client, shared_address):
    request_id = uuid.uuid4().hex
    gate = threading.Barrier(16)

    def create(_):
        with Client(shared_address) as mine:
            gate.wait(120)
            return mine.start(prompt="steps 1 0.1", request_id=request_id).name

    with ThreadPoolExecutor(16) as pool:
        names = set(pool.map(create, range(16), timeout=120))
    assert len(names) == 1
    operation = client.wait(names.pop())
    assert operation.attempts == 1
    assert sum(o.request_id == request_id for o in client.list()) == 1


def test_a_request_id_cannot_serve_two_requests(client):
    request_id = uuid.uuid4().hex
    client.start(prompt="steps 1 0", request_id=request_id)
    with pytest.raises(ConflictError, match="request_id") as caught:
        client.start(prompt="steps 1 0", seed=1, request_id=request_id)
    assert caught.value.field == "request_id"


def test_cancelling_a_running_job_ends_it_and_not_its_worker(tmp_path, start_server, eventually):
    def worker(client):
        (found,) = client.status().workers
        return found.pid if found.operation else None

    with start_server(tmp_path, cancel_grace_s=300.0) as address, Client(address) as client:
        name = client.start(prompt=f"until {tmp_path / 'never'}").name
        pid = eventually(lambda: worker(client))
        eventually(lambda: client.get(name).stage == "steps")
        client.cancel(name)
        eventually(lambda: client.get(name).state == "CANCELLED")
        with pytest.raises(CancelledError):
            client.wait(name)
        other = client.start(prompt=f"until {tmp_path / 'never'}").name
        assert eventually(lambda: worker(client)) == pid
        client.cancel(other)


def test_a_job_that_does_not_heed_a_cancel_is_killed_and_the_worker_replaced(client):
    name = client.start(prompt="stubborn").name
    next(event for event in client.watch(name) if event.stage == "steps")
    client.cancel(name)
    with pytest.raises(CancelledError):
        client.wait(name)
    assert client.wait(client.start(prompt="steps 1 0").name).state == "SUCCEEDED"


def test_cancelling_a_queued_job_is_immediate_and_it_never_runs(client):
    busy = client.start(prompt="steps 1000 0.05").name
    name = client.start(prompt="steps 1 0").name
    client.cancel(name)
    operation = client.get(name)
    assert operation.state == "CANCELLED"
    assert operation.attempts == 0
    client.cancel(busy)
    with pytest.raises(CancelledError):
        client.wait(busy)


def test_cancelling_what_is_done_changes_nothing(client):
    done = client.wait(client.start(prompt="steps 1 0").name)
    client.cancel(done.name)
    assert client.get(done.name) == done


def test_an_error_of_a_job_arrives_as_it_was_raised(client):
    with pytest.raises(RiggingError) as caught:
        client.wait(client.start(prompt="refuse").name)
    error = caught.value
    assert (error.message, error.source, error.remedy) == (
        "no joint was seen",
        "reel",
        "film it longer",
    )


def test_a_bug_in_a_job_is_told_by_an_id_and_nothing_else(client):
    with pytest.raises(Reel2SimError, match=r"internal error [0-9a-f]{12}") as caught:
        client.wait(client.start(prompt="bug").name)
    assert "secret" not in str(caught.value)
    assert client.wait(client.start(prompt="steps 1 0").name).state == "SUCCEEDED"


def test_a_worker_that_dies_once_is_replaced_and_the_job_finishes(client):
    operation = client.wait(client.start(prompt="crash once").name)
    assert operation.state == "SUCCEEDED"
    assert operation.attempts == 2


def test_a_job_that_keeps_killing_its_worker_fails_after_two_retries(client):
    name = client.start(prompt="crash").name
    with pytest.raises(StageError, match=r"died 3 times \(signal 9\)"):
        client.wait(name)
    assert client.get(name).attempts == 3


def test_listing_pages_through_everything_that_meets_the_filter(client):
    names = [client.start(prompt="steps 1 0", seed=i).name for i in range(5)]
    for name in names:
        client.wait(name)
    everything = [o.name for o in client.list()]
    assert [o.name for o in client.list(page_size=2)] == everything
    assert [name for name in everything if name in names] == names
    done = list(client.list(filter="done=true AND kind=run", page_size=3))
    assert set(names) <= {o.name for o in done}
    assert all(o.done for o in done)
    assert list(client.list(filter='state="RUNNING"')) == []
    with pytest.raises(UsageError, match="filter"):
        list(client.list(filter="colour=red"))


def test_a_deleted_operation_is_unknown_and_a_running_one_stays(client):
    name = client.start(prompt="steps 1000 0.05").name
    with pytest.raises(ConflictError, match="not finished"):
        client.delete(name)
    client.cancel(name)
    with pytest.raises(CancelledError):
        client.wait(name)
    client.delete(name)
    with pytest.raises(NotFoundError):
        client.get(name)
    with pytest.raises(NotFoundError):
        next(client.watch(name))


def test_several_workers_run_several_jobs_at_a_time(tmp_path, start_server, eventually):
    with start_server(tmp_path, workers=2) as address, Client(address) as client:
        names = [client.start(prompt="steps 1000 0.05", seed=i).name for i in range(3)]
        eventually(lambda: sum(1 for _ in client.list(filter="state=RUNNING")) == 2)
        assert client.get(names[2]).state == "QUEUED"
        client.cancel(names[0])
        eventually(lambda: client.get(names[2]).state == "RUNNING")


def test_a_full_queue_is_refused(tmp_path, start_server):
    with start_server(tmp_path, max_queued=2) as address, Client(address) as client:
        for i in range(2):
            client.start(prompt="steps 1000 0.05", seed=i)
        with pytest.raises(Reel2SimError, match="queue is full") as caught:
            client.start(prompt="steps 1000 0.05", seed=9)
        assert caught.value.reason == "EXHAUSTED"


def test_what_is_urgent_is_started_first(tmp_path, start_server, eventually):
    with start_server(tmp_path) as address, Client(address) as client:
        first, second = tmp_path / "first", tmp_path / "second"
        running = client.start(prompt=f"until {first}").name
        eventually(lambda: client.get(running).stage == "steps")
        later = client.start(prompt="steps 1 0").name
        urgent = client.start(prompt=f"until {second}", priority=-5, request_id="u").name
        assert client.start(prompt=f"until {second}", priority=7, request_id="u").name == urgent
        first.touch()
        eventually(lambda: client.get(urgent).state != "QUEUED")
        assert client.get(later).state == "QUEUED"
        second.touch()
        assert client.wait(later).state == "SUCCEEDED"
        with pytest.raises(UsageError) as caught:
            client.start(prompt="steps 1 0", priority=1001)
        assert caught.value.field == "execution_policy.priority"


def test_a_job_waits_for_what_it_needs(tmp_path, start_server, eventually):
    with start_server(tmp_path, workers=2, cpus=1, gpus=0) as address, Client(address) as client:
        names = [client.start(prompt=f"steps 8 0.1 {i}").name for i in range(2)]
        states = set()

        def both_done():
            found = [client.get(name).state for name in names]
            states.add(tuple(found))
            return found == ["SUCCEEDED"] * 2

        eventually(both_done)
        assert ("RUNNING", "RUNNING") not in states
        with pytest.raises(UsageError, match="needs 1 GPUs of 0") as caught:
            client.start(prompt="steps 1 0", device="cuda")
        assert caught.value.field == "config.device"


def test_a_worker_that_takes_too_much_memory_is_ended_and_the_job_parked(
    tmp_path, start_server, eventually
):
    limits = {"max_job_memory_mib": 600, "max_crashes": 0}
    with start_server(tmp_path, **limits) as address, Client(address) as client:
        name = client.start(prompt="hoard 800").name
        with pytest.raises(StageError, match="600 MiB are allowed") as caught:
            client.wait(name)
        parked = client.get(name)
        assert parked.worker_log
        assert f"artifact {parked.worker_log} has the last lines" in str(caught.value)
        # It stays as long as the operation does, and is downloaded like any other.
        words = client.download(parked.worker_log, tmp_path / "worker.log").read_text()
        assert "about to hoard" in words
        fine = client.wait(client.start(prompt="hoard 10").name)
        assert (fine.state, fine.worker_log) == ("SUCCEEDED", "")
        ends = client.status().recent_ends
        assert [parked.worker_log in end.error for end in ends] == [False, True]


def test_what_is_finished_is_forgotten_in_time(tmp_path, start_server, eventually):
    options = {"operation_keep_s": 1.0, "artifact_keep_s": 1.0}
    with start_server(tmp_path, **options) as address, Client(address) as client:
        name = client.start(prompt="steps 1 0").name
        digest = client.wait(name).digest
        blob = tmp_path / "artifacts" / digest[:2] / digest
        assert blob.is_file()
        eventually(lambda: not blob.exists())
        with pytest.raises(NotFoundError):
            client.get(name)
