"""Kills, outages and long use: what is acknowledged is done, once, and memory stays as it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
from harness import HERE, Row, Served, percentile, served
from rich.progress import track
from scipy.stats import theilslopes

from reel2sim.client import Client
from reel2sim.scene.errors import Reel2SimError

_TESTS = HERE.parents[1] / "tests" / "server" / "helpers"


class Sender:
    """Starts small jobs until it is stopped, whatever happens to the server.

    Attributes:
        acknowledged: names of the operations that the server said it has.
        told: errors that it was told, by their reason.
    """

    def __init__(self, address: str, *, pause_s: float) -> None:
        self.acknowledged: list[str] = []
        self.told: dict[str, int] = {}
        self._address = address
        self._pause_s = pause_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _send(self) -> None:
        with Client(self._address, retry_s=0, timeout_s=30) as client:
            while not self._stop.wait(self._pause_s):
                request_id = uuid.uuid4().hex
                with contextlib.suppress(Reel2SimError):
                    try:
                        name = client.start(prompt="steps 3 0.02", request_id=request_id).name
                    except Reel2SimError as error:
                        self.told[error.reason] = self.told.get(error.reason, 0) + 1
                        continue
                    self.acknowledged.append(name)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _await_port(port: int, *, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port}")


def _workers(server: Served) -> list[psutil.Process]:
    children = server.resources.children(recursive=True)
    return [c for c in children if "reel2sim.server.worker" in " ".join(c.cmdline())]


def _ends(address: str, names: list[str], *, limit_s: float) -> dict[str, int]:
    """How many of ``names`` ended in which state."""
    found: dict[str, int] = {}
    deadline = time.monotonic() + limit_s
    with Client(address, retry_s=60) as client:
        for name in names:
            state = "LOST"
            with contextlib.suppress(Reel2SimError):
                operation = client.get(name)
                while not operation.done and time.monotonic() < deadline:
                    time.sleep(0.1)
                    operation = client.get(name)
                state = operation.state
            found[state] = found.get(state, 0) + 1
    return found


def kills(folder: Path, *, count: int = 100) -> Row:
    """SIGKILL of the server or a worker at random moments, while jobs are created and run."""
    chance = random.Random(0)
    address = f"127.0.0.1:{_free_port()}"
    options = {"address": address, "workers": 2, "max_crashes": 50, "max_attempts": 1000}
    back_s: list[float] = []
    data = folder / "data"
    server = Served(data, **options)
    try:
        with Sender(address, pause_s=0.05) as sender:
            for _ in track(range(count), description="kills"):
                time.sleep(chance.uniform(0.05, 1.5))
                workers = _workers(server)
                if chance.random() < 0.5 and workers:
                    with contextlib.suppress(psutil.Error):
                        chance.choice(workers).kill()
                    continue
                began = time.perf_counter()
                server.process.kill()
                server.process.wait(30)
                server = Served(data, **options)
                back_s.append(time.perf_counter() - began)
        ends = _ends(address, sender.acknowledged, limit_s=600)
        outputs = [row[0] for row in server.rows("SELECT output FROM operations WHERE state = 3")]
        rows = {row[0] for row in server.rows("SELECT digest FROM artifacts")}
        files = {path.name for path in server.artifact_files()}
    finally:
        server.process.kill()
        server.process.wait(30)
    lost = len(sender.acknowledged) - ends.get("SUCCEEDED", 0)
    # Each job writes its own name, so each operation has an artifact of its own.
    extra = len(rows) - len(set(outputs)) + len(files ^ rows)
    return Row(
        f"kill -9 of server or worker × {count}",
        "0 acknowledged jobs lost, 0 duplicate artifacts, back in < 5 s",
        f"{lost} of {len(sender.acknowledged)} lost, {extra} duplicates, back in "
        f"{percentile(back_s, 0.5):.1f} s (longest {max(back_s):.1f})",
        lost == 0 and extra == 0 and len(set(outputs)) == len(outputs) and max(back_s) < 5,
        {"ends": ends, "back_s": back_s, "told": sender.told},
    )


def soak(folder: Path, *, count: int = 20_000, leaking: int = 2_000) -> Row:
    """Small operations one after another, and the same with a server that leaks."""
    slope = _slope(folder / "sound", count, leak=0)
    control = _slope(folder / "leaking", leaking, leak=8192)
    bound = 8192 / 8
    return Row(
        f"soak of {count:,} small operations",
        "memory does not grow; a leak of 8 KiB an operation is seen",
        f"{slope:.0f} B an operation, control {control:.0f}",
        slope < bound < control,
        {"slope": slope, "control": control},
    )


def _slope(folder: Path, count: int, *, leak: int) -> float:
    """Bytes by which the memory of the server grows with each operation, after a warm-up."""
    options = {"max_queued": 10_000, "operation_keep_s": 5.0, "artifact_keep_s": 5.0}
    os.environ["REEL2SIM_BENCH_LEAK"] = str(leak)
    every, seen = max(count // 200, 1), []
    try:
        with served(folder, **options) as server, Client(server.address) as client:
            begun: list[str] = []
            for i in track(range(count), description="leaking" if leak else "soak"):
                begun.append(client.start(prompt="quick").name)
                if len(begun) >= 20:
                    client.wait(begun.pop(0))
                if i % every == 0:
                    seen.append((i, server.resources.memory_info().rss))
    finally:
        del os.environ["REEL2SIM_BENCH_LEAK"]
    kept = np.array(seen[len(seen) // 4 :], dtype=float)
    return float(theilslopes(kept[:, 1], kept[:, 0])[0])


class Gate:
    """A way through to a port that can be shut, as when a network fails."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = True
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        made = asyncio.start_server(self._pass, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(made, self._loop).result(10)
        self.port = server.sockets[0].getsockname()[1]

    def shut(self, seconds: float) -> None:
        """Cut what is open and refuse what comes, for so long."""
        self._open = False
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])
        time.sleep(seconds)
        self._open = True

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self._open:
                far = await asyncio.open_connection("127.0.0.1", self._target)
                await asyncio.gather(_copy(reader, far[1]), _copy(far[0], writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


def outages(folder: Path, *, seconds: float = 20.0) -> Row:
    """PostgreSQL restarted and S3 cut off while jobs are created and run."""
    sys.path.insert(0, str(_TESTS))
    from local_postgres import LocalPostgres

    postgres = LocalPostgres()
    postgres.start()
    try:
        with _bucket() as (gate, url):
            options = {"database": postgres.url, "artifact_store": url, "workers": 2}
            with served(folder / "data", **options) as server:
                with Sender(server.address, pause_s=0.3) as sender:
                    time.sleep(3)
                    _outage("PostgreSQL", lambda: _restarted(postgres, 3.0))
                    time.sleep(3)
                    _outage("S3", lambda: gate.shut(seconds))
                    time.sleep(3)
                ends = _ends(server.address, sender.acknowledged, limit_s=300)
    finally:
        postgres.remove()
    lost = len(sender.acknowledged) - ends.get("SUCCEEDED", 0)
    clear = set(sender.told) <= {"UNAVAILABLE"}
    return Row(
        f"PostgreSQL restarted, S3 unavailable for {seconds:g} s",
        "no job lost, clear status meanwhile",
        f"{lost} of {len(sender.acknowledged)} lost, told {sender.told or 'nothing'}",
        lost == 0 and clear and len(sender.acknowledged) > 20,
        {"ends": ends, "told": sender.told},
    )


def _outage(what: str, happens: Callable[[], None]) -> None:
    print(f"  {what} is away …", file=sys.stderr, flush=True)
    happens()


def _restarted(postgres: object, seconds: float) -> None:
    postgres.stop()  # type: ignore[attr-defined]
    time.sleep(seconds)
    postgres.start()  # type: ignore[attr-defined]


@contextlib.contextmanager
def _bucket() -> Iterator[tuple[Gate, str]]:
    """A bucket on a local S3 server in a process of its own, behind a gate."""
    import boto3

    port = _free_port()
    program = (
        "import sys, time; from moto.server import ThreadedMotoServer; "
        "ThreadedMotoServer('127.0.0.1', int(sys.argv[1]), verbose=False).start(); time.sleep(1e6)"
    )
    os.environ.update(AWS_ACCESS_KEY_ID="benchmark", AWS_SECRET_ACCESS_KEY="benchmark")
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(port)], stderr=subprocess.DEVNULL
    )
    try:
        gate = Gate(port)
        endpoint = f"http://127.0.0.1:{gate.port}"
        _await_port(port)
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
        client.create_bucket(Bucket="benchmark")
        yield gate, f"s3://benchmark?endpoint={endpoint}&region=us-east-1"
    finally:
        process.kill()
        process.wait(30)
