"""Servers to measure: real processes on loopback, and what one wants to know of them."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil

HERE = Path(__file__).parent
MIB = 1 << 20


@dataclass
class Row:
    """One line of the table."""

    test: str
    target: str
    figure: str
    passed: bool
    details: dict[str, object] = field(default_factory=dict)


class Served:
    """A server process."""

    def __init__(self, data: Path, **options: object) -> None:
        self.data = data
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        }
        arguments = [f"{key}={value!r}" for key, value in options.items()]
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "serve.py"), str(data), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line
        self.address = line.split()[-1]
        self.start_s = time.perf_counter() - began
        self.resources = psutil.Process(self.process.pid)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What its database holds."""
        with contextlib.closing(sqlite3.connect(self.data / "operations.sqlite3")) as database:
            return database.execute(query).fetchall()

    def artifact_files(self) -> list[Path]:
        """Files in its store."""
        return [path for path in (self.data / "artifacts").rglob("*") if path.is_file()]


@contextlib.contextmanager
def served(data: Path, **options: object) -> Iterator[Served]:
    """A server, killed when the block ends."""
    server = Served(data, **options)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait(30)
        assert server.process.stdout is not None
        server.process.stdout.close()


@contextlib.contextmanager
def peak_memory(server: Served) -> Iterator[list[float]]:
    """Growth of the server's resident memory while the block runs, MiB, at the end of the list."""
    first = server.resources.memory_info().rss
    seen, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            seen.append((server.resources.memory_info().rss - first) / MIB)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
        seen.append(max(seen))


def channel(server: Served) -> grpc.Channel:
    """A connection of its own: channels to one address share one otherwise."""
    return grpc.insecure_channel(server.address, options=[("grpc.use_local_subchannel_pool", 1)])


def percentile(values: list[float], share: float) -> float:
    """The value that ``share`` of ``values`` do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
