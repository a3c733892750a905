"""The worker process: ``python -m reel2sim.server.worker``. Started by the server only.

It reads orders from standard input and reports on what was its standard output, one JSON object a
line, and runs one job at a time. It never outlives its parent, see :mod:`reel2sim.scene.lifeline`,
and leaves when standard input ends.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import fcntl
import json
import os
import queue
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reel2sim.observe.context import process_about
from reel2sim.observe.logs import set_up_logs
from reel2sim.observe.stages import StageWatch, watched
from reel2sim.observe.tracing import trace_id
from reel2sim.remote.config import STAGES_FILE
from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import CancelledError, InputError, UsageError
from reel2sim.scene.lifeline import die_with
from reel2sim.scene.progress import Progress
from reel2sim.server.job import Job, JobResult, JobRunner, resolve_runner
from reel2sim.server.kinds import JOB_KINDS
from reel2sim.server.store.blobs import sync_file
from reel2sim.transport.archive import ArchiveLimits, pack_folder, unpack
from reel2sim.transport.status import status_of
from reel2sim.v1 import common_pb2 as common

_MIN_INTERVAL_S = 0.2


class Reports:
    """Writes reports, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._stream = os.fdopen(descriptor, "w", encoding="utf-8")
        self._lock = threading.Lock()

    def __call__(self, **report: Any) -> None:
        """Write one report."""
        with self._lock:
            self._stream.write(json.dumps(report) + "\n")
            self._stream.flush()


class Orders:
    """Reads orders in a thread; a cancel takes effect while a job runs."""

    def __init__(self) -> None:
        self.jobs: queue.Queue[dict[str, Any]] = queue.Queue()
        self.cancelled = threading.Event()
        self._operation = ""
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            order = json.loads(line)
            if "run" in order:
                self.cancelled.clear()
                self._operation = order["run"]["operation"]
                self.jobs.put(order["run"])
            elif order.get("cancel") == self._operation:
                self.cancelled.set()
        # The server is gone: nobody can use the result, and another server may start the job.
        os._exit(0)


class Reporter:
    """The progress callback of one job: reports, thinned out, and raises when cancelled."""

    def __init__(self, reports: Reports, cancelled: threading.Event) -> None:
        self._reports = reports
        self._cancelled = cancelled
        self._last_s = -_MIN_INTERVAL_S
        self._stage = ""

    def __call__(self, stage: str, fraction: float, message: str = "", **metrics: float) -> None:
        """Report progress; raises CancelledError if the operation is to stop."""
        if self._cancelled.is_set():
            raise CancelledError("the operation was cancelled")
        now = time.monotonic()
        if stage == self._stage and fraction < 1.0 and now - self._last_s < _MIN_INTERVAL_S:
            return
        self._last_s, self._stage = now, stage
        self._reports(
            type="progress",
            stage=stage[:100],
            fraction=min(max(float(fraction), 0.0), 1.0),
            message=message[:500],
            metrics={name: float(value) for name, value in metrics.items()},
        )


def main() -> None:
    """Run jobs until the server goes away."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runner", required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--parent", type=int, required=True)
    options = parser.parse_args()
    die_with(options.parent)
    set_up_logs("worker")
    reports = Reports(os.dup(1))
    # What jobs and their libraries print must not mix with reports.
    os.dup2(2, 1)
    orders = Orders()
    try:
        runner = resolve_runner(options.runner)
    except UsageError as error:
        reports(type="unfit", message=str(error))
        return
    reports(type="ready")
    while True:
        order = orders.jobs.get()
        reports(**_attempt(order, runner, reports, orders.cancelled, options.data_dir))


def _attempt(
    order: Mapping[str, Any],
    runner: JobRunner,
    reports: Reports,
    cancelled: threading.Event,
    data_dir: Path,
) -> dict[str, Any]:
    """Run one job and report how it ended."""
    watch = StageWatch(reports)
    progress = watched(Reporter(reports, cancelled), watch)
    with process_about(
        operation=order["operation"],
        kind=order["kind"],
        attempt=str(order.get("attempt", "")),
        trace_id=trace_id(order.get("trace", "")),
    ):
        try:
            with _alone(data_dir, order["operation"]), watch.job(cancelled=CancelledError):
                return _run(order, runner, progress, data_dir)
        except Exception as error:
            status = base64.b64encode(status_of(error).SerializeToString()).decode()
            stopped = isinstance(error, CancelledError)
            return {"type": "failed", "status": status, "cancelled": stopped}


@contextlib.contextmanager
def _alone(data_dir: Path, operation: str) -> Iterator[None]:
    """Hold the operation's lock: waits for a worker of a server that was just killed."""
    path = data_dir / "locks" / operation.rpartition("/")[2]
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(
    order: Mapping[str, Any], runner: JobRunner, progress: Progress, data_dir: Path
) -> dict[str, Any]:
    kind = JOB_KINDS[order["kind"]]
    request = kind.request()
    request.ParseFromString(base64.b64decode(order["request"]))
    work = Path(order["work"])
    shutil.rmtree(work, ignore_errors=True)
    job = Job(
        operation=order["operation"],
        kind=kind.name,
        request=request,
        inputs={
            name: materialise(name, source, work / "inputs", order["max_bytes"])
            for name, source in order["inputs"].items()
        },
        out=_made(work / "out"),
        scratch=_made(work / "scratch"),
        cache=_made(data_dir / "cache"),
        stages=data_dir / STAGES_FILE,
    )
    progress(kind.name, 0.0, "starting")
    return _handed_over(runner(job, progress), work)


def materialise(name: str, source: Mapping[str, Any], folder: Path, max_bytes: int) -> Path:
    """An input as the job sees it: the unpacked folder, or a link to the file, under its name."""
    target = folder / name / source["filename"]
    target.parent.mkdir(parents=True)
    stored = Path(source["path"])
    if source["format"] == common.ARTIFACT_FORMAT_FILE:
        try:
            target.hardlink_to(stored)
        except OSError:
            shutil.copyfile(stored, target)
        return target
    if target.name.endswith((".tar", ".zip")):
        target = target.with_suffix("")
    unpack(stored, target, limits=ArchiveLimits(max_bytes=4 * max_bytes))
    children = list(target.iterdir())
    if not children:
        raise InputError("is an empty archive", source=source["filename"], field=name)
    # An archive of a folder, instead of the folder's contents: use the folder.
    return children[0] if len(children) == 1 and children[0].is_dir() else target


def _handed_over(result: JobResult, work: Path) -> dict[str, Any]:
    """The report of a finished job, its output packed, hashed and synced."""
    output = result.output
    file, form = output, common.ARTIFACT_FORMAT_FILE
    if output.is_dir():
        file, form = work / "output.tar", common.ARTIFACT_FORMAT_TAR
        pack_folder(output, file)
    sync_file(file)
    return {
        "type": "done",
        "path": str(file),
        "sha256": digest_file(file),
        "format": int(form),
        "filename": output.name,
        "metrics": {name: float(value) for name, value in result.metrics.items()},
    }


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
