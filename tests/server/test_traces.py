"""One trace from the client to the last stage, whoever ends in between."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reel2sim.client import Client
from reel2sim.observe import tracing
from reel2sim.scene.errors import Reel2SimError, UsageError
from reel2sim.server import ServerConfig

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as otlp_grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

RUN = "reel2sim.v1.Pipeline/Run"
CLOCK_SLACK_NS = 2_000_000


@pytest.fixture
def exported():
    """A provider for client and server, and what it was given."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing.installed(provider):
        yield exporter


class Tree:
    """The spans of the one trace in which the chain was started."""

    def __init__(self, exporter):
        spans = exporter.get_finished_spans()
        (start,) = [s for s in spans if s.name == RUN and s.kind.name == "CLIENT"]
        trace = start.context.trace_id
        self.spans = [span for span in spans if span.context.trace_id == trace]
        self._by_id = {span.context.span_id: span for span in self.spans}

    def path(self, span):
        """Names from the root to ``span``."""
        if span.parent is None:
            return (span.name,)
        return (*self.path(self._by_id[span.parent.span_id]), span.name)

    def paths(self):
        """Every span's path, in the order of their beginnings."""
        return [self.path(span) for span in sorted(self.spans, key=lambda s: s.start_time)]

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    def check_times(self):
        """No span begins before its parent, none ends before it began, those of a worker within."""
        for span in self.spans:
            assert span.start_time <= span.end_time
            parent = self._by_id.get(span.parent.span_id) if span.parent else None
            if parent is not None:
                assert span.start_time >= parent.start_time - CLOCK_SLACK_NS
            if parent is not None and span.name.startswith(("stage", "worker")):
                assert span.end_time <= parent.end_time + CLOCK_SLACK_NS


def test_one_trace_spans_client_call_queue_worker_and_stages(tmp_path, start_server, exported):
    with start_server(tmp_path / "data") as address, Client(address) as client:
        client.run(prompt="steps 2 0.05", out=tmp_path / "bundle")
    tree = Tree(exported)
    call = ("Client.run", RUN, RUN)
    paths = tree.paths()
    for path in (
        call,
        (*call, "queue"),
        (*call, "attempt"),
        (*call, "attempt", "worker"),
        (*call, "attempt", "worker", "stage run"),
        (*call, "attempt", "worker", "stage steps"),
    ):
        assert paths.count(path) == 1, paths
    for method in ("OperationEvents/WatchOperation", "Artifacts/Download"):
        name = f"reel2sim.v1.{method}"
        assert ("Client.run", name, name) in paths
    assert all(span.status.status_code is not StatusCode.ERROR for span in tree.spans)
    tree.check_times()
    kinds = {span.kind.name for span in tree.named(RUN)}
    assert kinds == {"CLIENT", "SERVER"}


def test_a_worker_that_dies_leaves_an_ended_attempt_and_gets_another(
    tmp_path, start_server, exported
):
    with start_server(tmp_path) as address, Client(address) as client:
        name = client.start(prompt="crash once").name
        client.wait(name)
        with pytest.raises(Reel2SimError):
            client.wait(client.start(prompt="refuse").name)
    spans = exported.get_finished_spans()
    attempts = [s for s in spans if s.name == "attempt"]
    mine = [s for s in attempts if s.attributes["reel2sim.operation"] == name]
    first, second = sorted(mine, key=lambda s: s.start_time)
    assert first.status.status_code is StatusCode.ERROR
    assert "signal 9" in first.status.description
    assert second.status.status_code is not StatusCode.ERROR
    assert first.context.trace_id == second.context.trace_id
    workers = [s for s in spans if s.name == "worker"]
    assert sum(s.parent.span_id == first.context.span_id for s in workers) == 1
    (refused,) = [s for s in attempts if s not in mine]
    assert refused.status.status_code is StatusCode.ERROR
    waits = [s for s in spans if s.name == "queue"]
    assert sum(s.context.trace_id == first.context.trace_id for s in waits) == 2


def test_a_trace_survives_the_restart_of_the_server(tmp_path, start_server, exported, eventually):
    with start_server(tmp_path) as address, Client(address) as client:
        name = client.start(prompt="steps 1000 0.05").name
        eventually(lambda: client.get(name).stage == "steps")
    with start_server(tmp_path) as address, Client(address) as client:
        eventually(lambda: client.get(name).stage == "steps")
        client.cancel(name)
        eventually(lambda: client.get(name).done)
    tree = Tree(exported)
    assert len(tree.named("attempt")) == 2
    assert "stage steps" in {path[-1] for path in tree.paths()}


class Collector(otlp_grpc.TraceServiceServicer):
    """Takes spans as an OpenTelemetry collector does."""

    def __init__(self):
        self.names = []

    def Export(self, request, context):
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.names += [span.name for span in scope.spans]
        return otlp.ExportTraceServiceResponse()


def test_spans_reach_a_collector(tmp_path, start_server):
    collector = Collector()
    receiving = grpc.server(ThreadPoolExecutor(1))
    otlp_grpc.add_TraceServiceServicer_to_server(collector, receiving)
    port = receiving.add_insecure_port("127.0.0.1:0")
    receiving.start()
    endpoint = f"http://127.0.0.1:{port}"
    with start_server(tmp_path, otlp_endpoint=endpoint) as address, Client(address) as client:
        client.wait(client.start(prompt="steps 1 0").name)
    receiving.stop(0)
    assert {RUN, "queue", "attempt", "worker", "stage steps"} <= set(collector.names)
    assert not tracing.collecting()


def test_an_endpoint_that_is_no_url_is_refused(tmp_path):
    with pytest.raises(UsageError, match="otlp_endpoint"):
        ServerConfig(data_dir=tmp_path, otlp_endpoint="collector:4317")


def test_a_collector_that_is_away_does_not_stop_the_work(tmp_path, start_server):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with start_server(tmp_path, otlp_endpoint=nobody) as address, Client(address) as client:
            assert client.wait(client.start(prompt="steps 1 0").name).state == "SUCCEEDED"


hexadecimal = st.text(alphabet="0123456789abcdef", min_size=32, max_size=32)


@settings(deadline=None)
@given(hexadecimal, hexadecimal, st.integers(0, 255))
def test_a_valid_traceparent_is_kept_and_what_the_standard_forbids_is_not(trace, span, flags):
    text = f"00-{trace}-{span[:16]}-{flags:02x}"
    valid = bool(int(trace, 16) and int(span[:16], 16))
    assert tracing.checked(text) == (text if valid else "")
    assert tracing.checked(text.replace("00-", "ff-", 1)) == ""
    assert tracing.checked(text[:-1]) == ""
    assert tracing.checked(text + "\n") == ""


@settings(deadline=None)
@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_a_traceparent(text):
    assert tracing.checked(text) in (text, "")


def test_nobody_pays_for_traces_that_are_not_collected():
    code = (
        "import sys, reel2sim.client, reel2sim.server, reel2sim.server.worker\n"
        "from reel2sim.observe import tracing\n"
        "assert not tracing.collecting()\n"
        "tracing.begin('x', parent='').end()\n"
        "print([m for m in sys.modules if m.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
