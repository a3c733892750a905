"""What a server tells about itself agrees with what it did."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path
from types import SimpleNamespace

import grpc
import pytest
from google.longrunning import operations_pb2
from prometheus_client.parser import text_string_to_metric_families

from reel2sim.cli.main import main as cli
from reel2sim.client import Client
from reel2sim.observe.metrics import Metrics, metrics_page
from reel2sim.scene.errors import NotFoundError, Reel2SimError, UsageError
from reel2sim.server.observer import Observer, observed
from reel2sim.server.records import State
from reel2sim.v1 import pipeline_pb2, pipeline_pb2_grpc

HELPERS = Path(__file__).parent / "helpers"
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Page:
    """The metrics of a server, read once."""

    def __init__(self, port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=120) as answer:
            text = answer.read().decode()
        self.names = set()
        self.samples = []
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.names.add(sample.name)
                self.samples.append(sample)

    def sum(self, name, **labels):
        """All samples of a name with these labels, added up."""
        assert name in self.names, sorted(self.names)
        return sum(
            s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items()
        )


def ended(client, prompt, **options):
    """Run a job to its end, whatever that is."""
    name = client.start(prompt=prompt, **options).name
    try:
        return client.wait(name)
    except Reel2SimError:
        return client.get(name)


def test_counts_agree_with_what_was_done(tmp_path, start_server, port, eventually):
    blob = tmp_path / "blob.bin"
    blob.write_bytes(os.urandom(2_500_000))
    options = {"workers": 1, "metrics_port": port}
    with start_server(tmp_path / "data", **options) as address, Client(address) as client:

        def same(_):
            return client.start(prompt="steps 2 0.02", seed=7, request_id="the-same").name

        with ThreadPoolExecutor(8) as pool:
            (name,) = set(pool.map(same, range(8), timeout=120))
        client.wait(name)
        for prompt in ("refuse", "crash once"):
            ended(client, prompt)
        busy = client.start(prompt="steps 1000 0.05").name
        waiting = client.start(prompt="steps 1 0").name
        dropped = client.start(prompt="steps 1 0", seed=1).name
        client.cancel(dropped)
        client.cancel(dropped)
        digest = client.upload(blob)
        client.download(digest, tmp_path / "back")
        with pytest.raises(NotFoundError):
            client.get("operations/" + "0" * 32)
        eventually(lambda: client.get(busy).stage == "steps")
        status = client.status()
        page = Page(port)

        assert page.sum("reel2sim_operations_created_total") == 6
        assert page.sum("reel2sim_operations_ended_total", state="succeeded") == 2
        assert page.sum("reel2sim_operations_ended_total", state="failed") == 1
        assert page.sum("reel2sim_operations_ended_total", state="cancelled") == 1
        assert page.sum("reel2sim_queue_depth") == page.sum("reel2sim_operations_running") == 1
        assert page.sum("reel2sim_queue_oldest_seconds") > 0
        assert page.sum("reel2sim_queue_wait_seconds_count") == 4
        assert page.sum("reel2sim_operation_run_seconds_count") == 3
        assert page.sum("reel2sim_stage_seconds_count", stage="steps", outcome="done") == 1
        assert page.sum("reel2sim_worker_deaths_total") == 1
        assert page.sum("reel2sim_worker_busy") == page.sum("reel2sim_workers") == 1
        assert page.sum("reel2sim_worker_resident_bytes") > 10e6
        assert page.sum("reel2sim_upload_bytes_total") == blob.stat().st_size
        assert page.sum("reel2sim_download_bytes_total") == blob.stat().st_size
        assert page.sum("reel2sim_uploads_total") == 1
        assert page.sum("reel2sim_artifact_bytes") >= blob.stat().st_size
        codes = {"grpc_service": "google.longrunning.Operations", "grpc_method": "GetOperation"}
        assert page.sum("grpc_server_handled_total", **codes, grpc_code="NotFound") == 1
        assert not [name for name in page.names if name.endswith("_created")]

        (running,) = status.running
        assert (running.name, running.kind, running.stage) == (busy, "run", "steps")
        assert 0 <= running.stage_s <= running.run_s <= running.age_s
        assert [worker.operation for worker in status.workers] == [busy]
        assert {end.state for end in status.recent_ends} == {"SUCCEEDED", "FAILED", "CANCELLED"}
        assert next(e for e in status.recent_ends if e.state == "FAILED").error
        assert sum(load.queued for load in status.loads) == 1
        assert status.uploaded_bytes == status.downloaded_bytes == blob.stat().st_size
        by_code = {(c.method, c.code): c.count for c in status.calls}
        assert by_code["GetOperation", "NotFound"] == 1
        client.cancel(busy)
        eventually(lambda: client.get(waiting).done)
        # At rest every call that began has ended, and every call has been timed.
        eventually(lambda: balanced(Page(port)))


class SlowStore:
    """An operation that waits, in a store whose answers come when they have grown old."""

    def __init__(self):
        self.record = SimpleNamespace(
            name="operations/1", kind="run", state=State.QUEUED, trace="", error=None
        )

    async def get(self, name):
        found = copy(self.record)
        await asyncio.sleep(0)
        return found

    async def cancel(self, name):
        await asyncio.sleep(0)
        self.record.state = State.CANCELLED


def test_cancels_at_one_time_end_an_operation_once():
    observer = Observer()
    store = observed(SlowStore(), observer)

    async def main():
        await asyncio.gather(*(store.cancel("operations/1") for _ in range(8)))

    asyncio.run(main())
    (family,) = observer.metrics.ended.collect()
    assert [s.value for s in family.samples if s.name.endswith("_total")] == [1]
    assert len(observer.ends) == 1


def balanced(page):
    """Whether no call is under way."""
    started = page.sum("grpc_server_started_total")
    handled = page.sum("grpc_server_handled_total")
    timed = page.sum("grpc_server_handling_seconds_count")
    return started == handled == timed


def test_odd_calls_are_counted_and_cannot_fill_the_memory(tmp_path, start_server, port, eventually):
    with (
        start_server(tmp_path, metrics_port=port) as address,
        Client(address) as client,
        grpc.insecure_channel(address) as channel,
    ):
        for i in range(20):
            with pytest.raises(grpc.RpcError):
                channel.unary_unary(f"/some.Service/Method{i}")(b"", timeout=120)
        page = Page(port)
        assert page.sum("grpc_server_handled_total", grpc_code="Unimplemented") == 20
        assert {s.labels.get("grpc_method") for s in page.samples} - {None} == {"unknown"}

        name = client.start(prompt="steps 1000 0.05").name
        wait = channel.unary_unary("/google.longrunning.Operations/WaitOperation")
        request = operations_pb2.WaitOperationRequest(name=name).SerializeToString()
        handled = "grpc_server_handled_total"
        call = wait.future(request, timeout=120)
        eventually(lambda: count(port, "grpc_server_started_total", "WaitOperation"))
        call.cancel()
        eventually(lambda: count(port, handled, "WaitOperation", grpc_code="Canceled") == 1)


def count(port, name, method, **labels):
    """Samples of a method, added up; 0 if there are none."""
    page = Page(port)
    return page.sum(name, grpc_method=method, **labels) if name in page.names else 0


def test_a_taken_metrics_port_is_told(port):
    registry = Metrics().registry
    with (
        metrics_page(registry, host="127.0.0.1", port=port),
        pytest.raises(UsageError, match="metrics_port"),
        metrics_page(registry, host="127.0.0.1", port=port),
    ):
        pass
    with pytest.raises(urllib.error.URLError):
        Page(port)


def serve_with_logs(folder, *, token):
    """A server in a process of its own that logs everything as JSON."""
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from reel2sim.observe.logs import set_up_logs\n"
        "from reel2sim.server import ServerConfig, serve\n"
        "set_up_logs('server', format='json', level='debug')\n"
        "serve(ServerConfig(data_dir=Path(sys.argv[1]), address='127.0.0.1:0',\n"
        "    runner='tiny_runner:run', token=sys.argv[3]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(HELPERS), token],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MY_API_KEY": "sk-in-the-environment"},
    )
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)
    reader.start()
    address = process.stdout.readline().split()[-1]
    return process, address, lines, reader


def test_logs_follow_an_operation_into_its_worker_and_hold_no_secret(tmp_path):
    token, wrong = "correct-horse-battery", "wrong-horse-battery"
    process, address, lines, reader = serve_with_logs(tmp_path, token=token)
    try:
        with Client(address, token=wrong, retry_s=0) as client, pytest.raises(Reel2SimError):
            client.info()
        with Client(address, token=token) as client, grpc.insecure_channel(address) as channel:
            metadata = (
                ("authorization", f"Bearer {token}"),
                ("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),
            )
            run = pipeline_pb2_grpc.PipelineStub(channel).Run
            name = run(
                pipeline_pb2.RunRequest(prompt="steps 1 0"), metadata=metadata, timeout=120
            ).name
            client.wait(name)
            broken = ended(client, f"bug {token}").name
            leaking = ended(client, f"tell {token} sk-in-the-environment").name
    finally:
        process.terminate()
        process.wait(120)
        reader.join(120)
        process.stdout.close()
        process.stderr.close()
    text = "".join(lines)
    for secret in (token, wrong, "sk-in-the-environment"):
        assert secret not in text
    facts = [json.loads(line) for line in lines]
    mine = [fact for fact in facts if fact.get("operation") == name]
    told = [fact["message"] for fact in mine if fact["process"] == "server"]
    assert [m for m in told if m.startswith("operation") and "stage" not in m] == [
        "operation accepted",
        "operation started",
        "operation succeeded",
    ]
    assert {fact["trace_id"] for fact in mine} == {TRACE}
    worker = [fact for fact in facts if fact["process"] == "worker"]
    (failure,) = [fact for fact in worker if "exception" in fact]
    assert failure["operation"] == broken
    (said,) = [fact for fact in worker if fact["logger"] == "tiny_runner"]
    assert said["operation"] == leaking
    assert "[redacted]" in said["message"]


def test_top_shows_a_server_to_people_and_to_scripts(tmp_path, start_server, capfd, eventually):
    with start_server(tmp_path) as address, Client(address) as client:
        name = client.start(prompt="steps 1000 0.05").name
        eventually(lambda: client.get(name).stage == "steps")
        assert cli(["top", address, "--once"]) == 0
        shown = capfd.readouterr().out
        assert name.removeprefix("operations/")[:12] in shown
        assert "1 of 1 workers busy" in shown
        assert cli(["top", address, "--once", "--json"]) == 0
        facts = json.loads(capfd.readouterr().out)
        assert [running["name"] for running in facts["running"]] == [name]
        assert facts["workers"][0]["resident_bytes"] > 10e6
        client.cancel(name)
        eventually(lambda: client.get(name).done)
        assert cli(["top", address, "--once"]) == 0
        assert "cancelled" in capfd.readouterr().out
    assert cli(["top", address, "--once"]) != 0
    assert "error:" in capfd.readouterr().err
