"""What a worker runs: the seam between operations and the stages that do the work."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from google.protobuf.message import Message

from reel2sim.scene.errors import UsageError
from reel2sim.scene.progress import Progress


@dataclass(frozen=True)
class Job:
    """One attempt at an operation.

    Attributes:
        operation: its name.
        kind: which job.
        request: the request message of that kind.
        inputs: each input as a file, or as a folder if it was an archive, by request field.
        out: empty folder for the output.
        scratch: empty folder for anything else; removed afterwards.
        cache: folder that all jobs of the server share and that survives restarts.
        stages: file that tells which stages other servers do; need not exist.
    """

    operation: str
    kind: str
    request: Message
    inputs: Mapping[str, Path]
    out: Path
    scratch: Path
    cache: Path
    stages: Path | None = None


@dataclass(frozen=True)
class JobResult:
    """What a job made.

    Attributes:
        output: file or folder; a folder is packed as a tar.
        metrics: figures worth telling.
    """

    output: Path
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])


class JobRunner(Protocol):
    """Runs one job at a time in a worker process.

    It calls ``progress`` at least every second or two and lets the CancelledError pass that the
    call may raise. Errors of the project's tree become the error of the operation.
    """

    def __call__(self, job: Job, progress: Progress) -> JobResult:
        """Run ``job``."""
        ...


def resolve_runner(name: str) -> JobRunner:
    """Import the runner called ``"module:function"``.

    Raises:
        UsageError: if there is none.
    """
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as cause:
        raise UsageError(f"cannot import {name!r}: {cause}", field="runner") from cause
    if not callable(found):
        raise UsageError(f"{name!r} is not callable", field="runner")
    return cast("JobRunner", found)
