"""A server at one moment."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Load:
    """Unfinished operations of one kind."""

    kind: str
    queued: int
    running: int


@dataclass(frozen=True)
class Worker:
    """A worker of this server.

    Attributes:
        index: from 0; stays the same when the process is replaced.
        pid: of its process; 0 if there is none now.
        operation: what it runs; "" if it waits.
        resident_bytes: memory of the process and its children.
    """

    index: int
    pid: int
    operation: str
    resident_bytes: int = 0


@dataclass(frozen=True)
class Snapshot:
    """What is read only when somebody asks.

    Attributes:
        loads: unfinished operations by kind; every kind of the server is there.
        oldest_s: age of the operation that has waited longest, seconds; 0 if none waits.
        workers: in order of their index.
        artifacts: number in the store.
        artifact_bytes: their size.
        environments: in use.
        environment_clients: who use them.
    """

    loads: Sequence[Load]
    oldest_s: float
    workers: Sequence[Worker]
    artifacts: int
    artifact_bytes: int
    environments: int
    environment_clients: int


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its children, bytes; 0 if it is gone."""
    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += one.memory_info().rss
    return total
