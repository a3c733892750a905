"""What a server counts, in a registry of its own, and the page that Prometheus reads.

The names are listed in ``docs/observability.md``; they are part of what the project promises.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reel2sim.observe.snapshot import Snapshot
from reel2sim.scene.errors import UsageError

_CALL_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300)
_WAIT_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 12 * 3600)
_RUN_BUCKETS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 2 * 3600, 6 * 3600)
_MOST_STAGES = 64


class Metrics:
    """The counters of one server.

    Attributes:
        registry: all of them; what is read on demand joins by :meth:`read_from`.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        build = Gauge(
            "reel2sim_build_info", "Version of the server.", ["version"], registry=registry
        )
        build.labels(importlib.metadata.version("reel2sim")).set(1)

        def counter(name: str, about: str, *labels: str) -> Counter:
            return Counter(name, about, labels, registry=registry)

        def histogram(
            name: str, about: str, *labels: str, buckets: tuple[float, ...] = _RUN_BUCKETS
        ) -> Histogram:
            return Histogram(name, about, labels, registry=registry, buckets=buckets)

        self.created = counter("reel2sim_operations_created", "Operations accepted.", "kind")
        self.ended = counter("reel2sim_operations_ended", "Operations that ended.", "kind", "state")
        self.wait_seconds = histogram(
            "reel2sim_queue_wait_seconds", "From creation to the first start.", "kind",
            buckets=_WAIT_BUCKETS,
        )  # fmt: skip
        self.run_seconds = histogram(
            "reel2sim_operation_run_seconds", "From the last start to the end.", "kind", "state"
        )
        self.stage_seconds = histogram(
            "reel2sim_stage_seconds", "Stages of operations.", "kind", "stage", "outcome"
        )
        self.stage_cache = counter(
            "reel2sim_stage_cache", "Looks into the stage cache.", "stage", "result"
        )
        self._stage_memory = Gauge(
            "reel2sim_stage_peak_memory_bytes", "Resident memory at its largest, newest run.",
            ["kind", "stage"], registry=registry,
        )  # fmt: skip
        self.worker_deaths = counter(
            "reel2sim_worker_deaths", "Workers that died on an operation.", "kind"
        )
        self.uploads = counter("reel2sim_uploads", "Uploads that were committed.")
        self.uploaded = counter("reel2sim_upload_bytes", "Bytes received by uploads.")
        self.downloaded = counter("reel2sim_download_bytes", "Bytes sent by downloads.")
        method = ("grpc_type", "grpc_service", "grpc_method")
        self.calls_started = counter("grpc_server_started", "Calls that began.", *method)
        self.calls_handled = counter(
            "grpc_server_handled", "Calls that ended.", *method, "grpc_code"
        )
        self.call_seconds = histogram(
            "grpc_server_handling_seconds", "Time of calls.", *method, buckets=_CALL_BUCKETS
        )
        self.messages_received = counter(
            "grpc_server_msg_received", "Messages from clients.", *method
        )
        self.messages_sent = counter("grpc_server_msg_sent", "Messages to clients.", *method)
        self._stages: set[str] = set()

    def stage_ended(
        self,
        kind: str,
        stage: str,
        *,
        seconds: float,
        outcome: str,
        cached: bool | None = None,
        peak_memory_mb: float | None = None,
    ) -> None:
        """Count a stage; ``cached`` is None if no cache was looked into, memory is in MiB."""
        stage = self._known_stage(stage)
        self.stage_seconds.labels(kind, stage, outcome).observe(seconds)
        if cached is not None:
            self.stage_cache.labels(stage, "hit" if cached else "miss").inc()
        if peak_memory_mb and not cached:
            self._stage_memory.labels(kind, stage).set(peak_memory_mb * 2**20)

    def read_from(self, take: Callable[[], Snapshot | None]) -> None:
        """Ask ``take`` for what is read on demand; None leaves it out this time."""
        self.registry.register(_OnDemand(take))

    def _known_stage(self, stage: str) -> str:
        """``stage``, or "other" when there are so many that they cannot be names of stages."""
        if stage not in self._stages and len(self._stages) >= _MOST_STAGES:
            return "other"
        self._stages.add(stage)
        return stage


class _OnDemand(Collector):
    """A collector of :class:`Snapshot`."""

    def __init__(self, take: Callable[[], Snapshot | None]) -> None:
        self._take = take

    def describe(self) -> list[Metric]:
        """Nothing: registering must not read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauges of now."""
        now = self._take()
        if now is None:
            return
        depth = GaugeMetricFamily("reel2sim_queue_depth", "Waiting.", labels=["kind"])
        running = GaugeMetricFamily("reel2sim_operations_running", "Running.", labels=["kind"])
        for load in now.loads:
            depth.add_metric([load.kind], load.queued)
            running.add_metric([load.kind], load.running)
        busy = GaugeMetricFamily("reel2sim_worker_busy", "1 while working.", labels=["worker"])
        memory = GaugeMetricFamily(
            "reel2sim_worker_resident_bytes", "Memory, with children.", labels=["worker"]
        )
        for worker in now.workers:
            busy.add_metric([str(worker.index)], float(bool(worker.operation)))
            memory.add_metric([str(worker.index)], worker.resident_bytes)
        yield from (depth, running, busy, memory)
        for name, about, value in (
            ("reel2sim_queue_oldest_seconds", "Age of the oldest that waits.", now.oldest_s),
            ("reel2sim_workers", "Workers of this server.", len(now.workers)),
            ("reel2sim_artifacts", "Artifacts in the store.", now.artifacts),
            ("reel2sim_artifact_bytes", "Their bytes.", now.artifact_bytes),
            ("reel2sim_environments", "Environments in use.", now.environments),
            ("reel2sim_environment_clients", "Clients that use them.", now.environment_clients),
        ):
            yield GaugeMetricFamily(name, about, value=value)


class _WithoutBirths(Collector):
    """A registry less the series that say when others began, which double what is stored."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """The families."""
        for family in self._registry.collect():
            family.samples = [s for s in family.samples if not s.name.endswith("_created")]
            yield family

    def restricted_registry(self, names: Iterable[str]) -> Collector:
        """Only the families of these names, which whoever asks may choose."""
        return self._registry.restricted_registry(names)


@contextmanager
def metrics_page(registry: CollectorRegistry, *, host: str, port: int) -> Iterator[str]:
    """Serve ``registry`` over HTTP while the block lasts; yields the page's URL.

    Raises:
        UsageError: if the address cannot be bound.
    """
    try:
        server, thread = start_http_server(port, addr=host, registry=_WithoutBirths(registry))
    except OSError as cause:
        raise UsageError(
            f"cannot listen on {host}:{port} ({cause.strerror})",
            source="ServerConfig",
            field="metrics_port",
            remedy="choose a port that is free",
        ) from cause
    try:
        yield f"http://{host}:{server.server_port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
