"""Calls: malformed ones, many at once, stalled ones, and how long they take."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from harness import HERE, MIB, Row, Served, channel, percentile, served
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reel2sim.v1 import artifacts_pb2 as pb
from reel2sim.v1 import artifacts_pb2_grpc, common_pb2, pipeline_pb2, pipeline_pb2_grpc

_SERVICES = (
    *("VideoGeneration", "Reconstruction", "Rigging", "Export", "Editing", "Pipeline"),
    *("Artifacts", "OperationEvents", "ServerInfo", "Environments"),
)
_ODD_CODES = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
_TEXT = st.one_of(
    st.text(max_size=20).map(lambda t: t.encode("utf-8", "replace").decode()),
    st.sampled_from(
        ["", "0" * 64, "a" * 65, "../../etc/passwd", "x" * 5000, "operations/" + "0" * 32, "a\0b"]
    ),
)
_WHOLE = st.one_of(
    st.integers(-(2**31), 2**31 - 1), st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)])
)


def value(field: FieldDescriptor, depth: int) -> st.SearchStrategy:
    """Values of one field, the odd ones more often than the plain ones."""
    kind = field.type
    if kind == FieldDescriptor.TYPE_MESSAGE:
        return message(GetMessageClass(field.message_type), depth - 1)
    if kind == FieldDescriptor.TYPE_STRING:
        return _TEXT
    if kind == FieldDescriptor.TYPE_BYTES:
        return st.binary(max_size=100)
    if kind in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        return st.floats(width=32)
    if kind == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if kind in (FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64):
        return _WHOLE.map(abs)
    return st.integers(0, 20) if kind == FieldDescriptor.TYPE_ENUM else _WHOLE


def message(kind: type[Message], depth: int = 4) -> st.SearchStrategy[Message]:
    """Messages of a type with any of their fields set."""
    fields = [f for f in kind.DESCRIPTOR.fields if depth > 0 or f.message_type is None]

    @st.composite
    def draw(pick):
        made = kind()
        for field in fields:
            if not pick(st.booleans()):
                continue
            if field.message_type is not None and field.message_type.GetOptions().map_entry:
                continue
            if field.label == FieldDescriptor.LABEL_REPEATED:
                getattr(made, field.name).extend(pick(st.lists(value(field, depth), max_size=3)))
            elif field.message_type is not None:
                getattr(made, field.name).CopyFrom(pick(value(field, depth)))
            else:
                setattr(made, field.name, pick(value(field, depth)))
        return made

    return draw()


def _methods() -> list[MethodDescriptor]:
    pool = Default()
    services = [pool.FindServiceByName(f"reel2sim.v1.{name}") for name in _SERVICES]
    services.append(pool.FindServiceByName("google.longrunning.Operations"))
    return [method for service in services for method in service.methods]


def malformed(folder: Path, *, count: int = 10_000) -> Row:
    """Requests made by hypothesis from the protos, and bytes that are none."""
    from reel2sim.v1 import (  # noqa: F401  they register their services
        editing_pb2,
        environments_pb2,
        events_pb2,
        export_pb2,
        generation_pb2,
        reconstruction_pb2,
        rigging_pb2,
        server_info_pb2,
    )

    codes: Counter[str] = Counter()
    faults: list[str] = []
    # Bundles and packs of nothing cannot be played, so a stream of requests ends at the first.
    with served(folder / "data", max_queued=100) as server, channel(server) as wire:

        @st.composite
        def request(pick):
            method = pick(st.sampled_from(_methods()))
            some = st.one_of(
                message(GetMessageClass(method.input_type)).map(lambda m: m.SerializeToString()),
                st.binary(max_size=60),
            )
            streams = method.client_streaming
            return method, pick(st.lists(some, max_size=4)) if streams else [pick(some)]

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(request())
        def ask(one):
            method, parts = one
            error = _error_of(wire, method, parts)
            codes[error.code().name if error else "OK"] += 1
            if error is None:
                return
            where = f"{method.full_name} {[part.hex()[:80] for part in parts]}"
            if error.code() in _ODD_CODES:
                faults.append(f"{error.code().name} {where}: {error.details()}")
            elif error.code() == grpc.StatusCode.INVALID_ARGUMENT and not _names_field(error):
                kind = GetMessageClass(method.input_type)
                if _decodes(kind, parts):
                    faults.append(f"no field {where}: {error.details()}")

        ask()
        alive = _health(wire)
    total = sum(codes.values())
    return Row(
        f"{count:,} malformed and hypothesis-made requests",
        "0 INTERNAL/UNKNOWN, field named",
        f"{total:,} sent, {len(faults)} faults",
        not faults and alive and total >= 0.9 * count,
        {"codes": dict(codes), "faults": faults[:20]},
    )


def _error_of(wire: grpc.Channel, method: MethodDescriptor, parts: list[bytes]):
    path = f"/{method.containing_service.full_name}/{method.name}"
    shape = f"{'stream' if method.client_streaming else 'unary'}_"
    shape += "stream" if method.server_streaming else "unary"
    call = getattr(wire, shape)(path)
    request = iter(parts) if method.client_streaming else parts[0]
    try:
        answer = call(request, timeout=20)
        if method.server_streaming:
            for _ in answer:
                pass
    except grpc.RpcError as error:
        return error
    return None


def _decodes(kind: type[Message], parts: list[bytes]) -> bool:
    try:
        for part in parts:
            kind.FromString(part)
    except Exception:
        return False
    return bool(parts)


def _names_field(error) -> bool:
    for key, packed in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in status_pb2.Status.FromString(packed).details:
            bad = error_details_pb2.BadRequest()
            if detail.Unpack(bad) and all(v.field for v in bad.field_violations):
                return True
    return False


def _health(wire: grpc.Channel) -> bool:
    answer = health_pb2_grpc.HealthStub(wire).Check(health_pb2.HealthCheckRequest(), timeout=10)
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def one_request(folder: Path, *, clients: int = 64) -> Row:
    """Many clients with one request_id start one operation, which runs once."""
    request = pipeline_pb2.RunRequest(prompt="steps 1 0", request_id=uuid.uuid4().hex)
    with served(folder / "data", workers=2) as server:
        gate = threading.Barrier(clients)

        def create(_: int) -> str:
            with channel(server) as wire:
                grpc.channel_ready_future(wire).result(60)
                gate.wait(120)
                return pipeline_pb2_grpc.PipelineStub(wire).Run(request, timeout=60).name

        with ThreadPoolExecutor(clients) as pool:
            names = set(pool.map(create, range(clients)))
        with channel(server) as wire:
            wait = operations_pb2.WaitOperationRequest(name=names.pop())
            names.add(operations_pb2_grpc.OperationsStub(wire).WaitOperation(wait, timeout=60).name)
        runs = len((server.data / "cache" / "runs.log").read_text().splitlines())
        made = len(server.rows("SELECT 1 FROM operations"))
    return Row(
        f"{clients} clients, one request_id",
        "1 execution",
        f"{made} operation, {runs} execution",
        len(names) == made == runs == 1,
    )


def stalls(folder: Path, *, sockets: int = 200, streams: int = 8) -> Row:
    """Connections that say nothing and streams that stop do not disturb others, and end."""
    release = threading.Event()

    def silent(i: int) -> Iterator[pb.UploadRequest]:
        spec = pb.UploadSpec(
            upload_id=f"silent-{i}", format=common_pb2.ARTIFACT_FORMAT_FILE, filename="f"
        )
        yield pb.UploadRequest(spec=spec, data=b"1")
        release.wait(120)

    with served(folder / "data") as server, contextlib.ExitStack() as stack:
        wire = stack.enter_context(channel(server))
        stub = artifacts_pb2_grpc.ArtifactsStub(wire)
        from transfer import digest_of, messages

        stub.Upload(messages("big", 0, 64, digest_of(64)))
        host, port = server.address.split(":")
        for _ in range(sockets):
            stack.enter_context(socket.create_connection((host, int(port))))
        calls = []
        for i in range(streams // 2):
            mine = stack.enter_context(channel(server))
            calls.append(artifacts_pb2_grpc.ArtifactsStub(mine).Upload.future(silent(i)))
        readers = [
            subprocess.Popen(
                [sys.executable, str(HERE / "stall.py"), server.address, digest_of(64)],
                stdout=subprocess.PIPE,
            )
            for _ in range(streams - streams // 2)
        ]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == b"stalled\n"
        descriptors = server.resources.num_fds()
        times: list[float] = []
        began = time.perf_counter()
        while time.perf_counter() - began < 35:
            first = time.perf_counter()
            assert _health(wire)
            times.append(time.perf_counter() - first)
            time.sleep(0.01)
            if all(call.done() for call in calls) and _open_artifacts(server) == 0:
                break
        reaped_s = time.perf_counter() - began
        reaped = sum(call.done() for call in calls) + len(readers) - _open_artifacts(server)
        release.set()
        for reader in readers:
            reader.kill()
            reader.wait()
            assert reader.stdout is not None
            reader.stdout.close()
    p99 = 1e3 * percentile(times, 0.99)
    return Row(
        f"{sockets} idle sockets + {streams} stalled streams",
        "health p99 < 100 ms, stalls reaped in 30 s",
        f"health p99 {p99:.1f} ms of {len(times)} calls, "
        f"{reaped} of {streams} reaped in {reaped_s:.1f} s",
        p99 < 100 and reaped == streams and reaped_s <= 30,
        {"p99_ms": p99, "reaped_s": reaped_s, "descriptors": descriptors},
    )


def _open_artifacts(server: Served) -> int:
    """Downloads that hold their file open."""
    store = str(server.data / "artifacts")
    return sum(file.path.startswith(store) for file in server.resources.open_files())


def stop(folder: Path) -> Row:
    """SIGTERM while jobs run, uploads go on and clients ask."""
    from transfer import block

    told: list[float] = []
    with served(folder / "data", workers=2) as server, contextlib.ExitStack() as stack:
        wire = stack.enter_context(channel(server))
        pipeline = pipeline_pb2_grpc.PipelineStub(wire)
        names = [
            pipeline.Run(pipeline_pb2.RunRequest(prompt=f"steps 60 0.05 {i}")).name
            for i in range(8)
        ]
        ended = threading.Event()

        def watch() -> None:
            call = health_pb2_grpc.HealthStub(wire).Watch(health_pb2.HealthCheckRequest())
            with contextlib.suppress(grpc.RpcError):
                for answer in call:
                    if answer.status == health_pb2.HealthCheckResponse.NOT_SERVING:
                        told.append(time.perf_counter())

        def load(i: int) -> None:
            with channel(server) as mine:
                stub = artifacts_pb2_grpc.ArtifactsStub(mine)
                spec = pb.UploadSpec(
                    upload_id=f"load-{i}", format=common_pb2.ARTIFACT_FORMAT_FILE, filename="f"
                )

                def pieces() -> Iterator[pb.UploadRequest]:
                    yield pb.UploadRequest(spec=spec)
                    for k in range(10_000):
                        if ended.is_set():
                            return
                        yield pb.UploadRequest(offset=k * MIB, data=block(k))
                        time.sleep(0.05)

                with contextlib.suppress(grpc.RpcError):
                    stub.Upload(pieces())

        threads = [threading.Thread(target=watch)]
        threads += [threading.Thread(target=load, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1.5)
        began = time.perf_counter()
        server.process.terminate()
        code = server.process.wait(60)
        exit_s = time.perf_counter() - began
        ended.set()
        for thread in threads:
            thread.join(30)
    told_ms = 1e3 * (told[0] - began) if told else float("inf")
    with served(folder / "data", workers=2) as server, channel(server) as wire:
        operations = operations_pb2_grpc.OperationsStub(wire)
        waits = [operations_pb2.WaitOperationRequest(name=name) for name in names]
        done = [operations.WaitOperation(wait, timeout=120) for wait in waits]
        finished = sum(operation.HasField("response") for operation in done)
        retried = sum(row[0] == 2 for row in server.rows("SELECT attempts FROM operations"))
    return Row(
        "SIGTERM under load",
        "NOT_SERVING < 100 ms, work requeued, exit within grace (5 s)",
        f"told in {told_ms:.0f} ms, exit {code} in {exit_s:.1f} s, "
        f"{finished} of {len(names)} finished later, {retried} begun anew",
        told_ms < 100 and code == 0 and exit_s < 5 and finished == len(names) and retried > 0,
        {"told_ms": told_ms, "exit_s": exit_s, "retried": retried},
    )


def latency(folder: Path, *, calls: int = 2000) -> Row:
    """Creating operations, against a handler that does nothing but the same store write."""
    bare = subprocess.Popen(
        [sys.executable, str(HERE / "bare.py"), str(folder / "bare")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert bare.stdout is not None
    try:
        bare_address = bare.stdout.readline().split()[-1]
        with served(folder / "data", max_queued=10**6) as server:
            with channel(server) as wire:  # the worker is busy, as it is where there is a queue
                busy = pipeline_pb2.RunRequest(prompt="steps 100000 1")
                pipeline_pb2_grpc.PipelineStub(wire).Run(busy)
                time.sleep(1)
            sides = {"bare": bare_address, "server": server.address}
            times: dict[str, list[float]] = {"bare": [], "server": []}
            rates: dict[str, list[float]] = {"bare": [], "server": []}
            for turn in range(10):  # side by side, as the machine's pace changes
                for name in sides if turn % 2 else reversed(sides):
                    with grpc.insecure_channel(sides[name]) as wire:
                        stub = pipeline_pb2_grpc.PipelineStub(wire)
                        for i in range(calls // 10):
                            request = pipeline_pb2.RunRequest(
                                prompt=f"a drawer {turn} {i}", request_id=uuid.uuid4().hex
                            )
                            first = time.perf_counter()
                            stub.Run(request)
                            times[name].append(time.perf_counter() - first)
                    rates[name].append(asyncio.run(_rate(sides[name], calls // 10)))
    finally:
        bare.kill()
        bare.wait()
        bare.stdout.close()
    p50, p99 = ({k: 1e3 * percentile(v, q) for k, v in times.items()} for q in (0.5, 0.99))
    rate = {k: percentile(v, 0.5) for k, v in rates.items()}
    ratios = [
        p50["server"] / p50["bare"],
        p99["server"] / p99["bare"],
        rate["bare"] / rate["server"],
    ]
    return Row(
        "unary latency p50/p99, operations/s",
        "within 1.3× of a bare handler with the same store write",
        f"p50 {p50['server']:.2f} ms ({ratios[0]:.2f}×), p99 {p99['server']:.2f} ms "
        f"({ratios[1]:.2f}×), {rate['server']:.0f}/s ({ratios[2]:.2f}×)",
        max(ratios) <= 1.3,
        {"p50_ms": p50, "p99_ms": p99, "per_s": rate},
    )


async def _rate(address: str, calls: int) -> float:
    """Calls per second with 16 in flight."""
    async with grpc.aio.insecure_channel(address) as wire:
        stub = pipeline_pb2_grpc.PipelineStub(wire)
        limit = asyncio.Semaphore(16)

        async def create() -> None:
            async with limit:
                await stub.Run(
                    pipeline_pb2.RunRequest(prompt="a drawer", request_id=uuid.uuid4().hex)
                )

        await create()
        began = time.perf_counter()
        await asyncio.gather(*(create() for _ in range(calls)))
        return calls / (time.perf_counter() - began)
