"""Rows of the database as values."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class State(enum.IntEnum):
    """Where an operation stands; the numbers of ``reel2sim.v1.OperationState``."""

    QUEUED = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4
    CANCELLED = 5

    @property
    def final(self) -> bool:
        """Whether the operation will never change again."""
        return self >= State.SUCCEEDED


@dataclass(frozen=True)
class Resources:
    """What a job needs, or a host has.

    Attributes:
        cpus: processor cores.
        gpus: GPUs.
        memory_mib: memory, MiB.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    memory_mib: int = 0

    def within(self, room: Resources) -> bool:
        """Whether there is room for it."""
        return (
            self.cpus <= room.cpus and self.gpus <= room.gpus and self.memory_mib <= room.memory_mib
        )

    def lacking(self, room: Resources) -> list[str]:
        """In words, of what there is not enough room."""
        return [
            f"{needed:g} {what} of {there:g}"
            for needed, there, what in (
                (self.cpus, room.cpus, "cores"),
                (self.gpus, room.gpus, "GPUs"),
                (self.memory_mib, room.memory_mib, "MiB"),
            )
            if needed > there
        ]

    def __sub__(self, other: Resources) -> Resources:
        return Resources(
            self.cpus - other.cpus, self.gpus - other.gpus, self.memory_mib - other.memory_mib
        )

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.cpus + other.cpus, self.gpus + other.gpus, self.memory_mib + other.memory_mib
        )


@dataclass(frozen=True)
class ArtifactRecord:
    """An artifact that somebody has in the store.

    Attributes:
        principal: who has it.
        digest: sha256 of its bytes, hex.
        size: number of bytes.
        format: number of ``reel2sim.v1.ArtifactFormat``.
        filename: name without directories.
        created_us: microseconds since the epoch; so is ``used_us``, when it was asked for last.
    """

    principal: str
    digest: str
    size: int
    format: int
    filename: str
    created_us: int
    used_us: int


@dataclass(frozen=True)
class Input:
    """An artifact as one operation sees it, fixed when the operation was created."""

    digest: str
    format: int
    filename: str


@dataclass(frozen=True)
class OperationRecord:
    """An operation as stored.

    Attributes:
        seq: order of creation.
        name: ``operations/<32 hex digits>``.
        principal: who created it.
        kind: which job.
        request: the serialised request, without its request_id.
        request_id: given by the client or assigned.
        inputs: artifacts by request field.
        priority: lower ones are started first.
        needs: what a worker must have free to start it.
        state: where it stands.
        stage: latest progress: stage,
        fraction: … share of it that is done, 0..1,
        message: … and text.
        attempts: how often a worker has taken it up.
        crashes: how often a worker died on it.
        cancel_requested: a cancel was asked for.
        last_sequence: number of its newest event.
        trace: W3C traceparent of the call that created it, or "".
        created_us: microseconds since the epoch; so are ``started_us`` and ``ended_us``, or 0.
        not_before_us: when it may be started.
        owner: the server that runs it or ran it last, or "".
        lease_until_us: when others may take it from its owner.
        output: digest of what it made, or "".
        log: digest of what its last worker wrote before it was given up, or "".
        response: serialised ``google.protobuf.Any`` of the response, when succeeded.
        error: serialised ``google.rpc.Status``, when failed or cancelled.
    """

    seq: int
    name: str
    principal: str
    kind: str
    request: bytes
    request_id: str
    inputs: Mapping[str, Input]
    priority: int
    needs: Resources
    state: State
    stage: str
    fraction: float
    message: str
    attempts: int
    crashes: int
    cancel_requested: bool
    last_sequence: int
    trace: str
    created_us: int
    started_us: int
    ended_us: int
    not_before_us: int
    owner: str
    lease_until_us: int
    output: str
    log: str
    response: bytes | None
    error: bytes | None


@dataclass(frozen=True)
class Backlog:
    """Unfinished operations of one kind and state.

    Attributes:
        kind: which job.
        state: queued or running.
        number: how many there are.
        oldest_us: when the first of them was created, microseconds since the epoch.
    """

    kind: str
    state: State
    number: int
    oldest_us: int


@dataclass(frozen=True)
class EventRecord:
    """One event of an operation, as stored."""

    sequence: int
    time_us: int
    state: State
    stage: str
    fraction: float
    message: str
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])
