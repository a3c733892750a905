"""The pool of workers: each takes one queued operation at a time."""

from __future__ import annotations

import asyncio
import base64
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage

from reel2sim.observe.snapshot import Worker
from reel2sim.scene.errors import StageError
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.config import ServerConfig
from reel2sim.server.hub import Hub, wait
from reel2sim.server.kinds import JOB_KINDS
from reel2sim.server.observer import Observer
from reel2sim.server.operations import QUEUE, Operations
from reel2sim.server.process import WorkerDiedError, WorkerProcess
from reel2sim.server.protos import artifact_message
from reel2sim.server.records import EventRecord, OperationRecord, State
from reel2sim.transport.status import status_of

_log = logging.getLogger(__name__)
_IDLE_S = 30.0
_BACKOFF_S = 1.0


class Pool:
    """Runs queued operations on worker processes."""

    def __init__(
        self,
        config: ServerConfig,
        operations: Operations,
        artifacts: Artifacts,
        hub: Hub,
        observer: Observer,
    ) -> None:
        self._config = config
        self._operations = operations
        self._artifacts = artifacts
        self._hub = hub
        self._observer = observer
        self._slots: list[_Slot] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start all workers.

        Raises:
            UsageError: if they cannot import the configured runner.
        """
        self._slots = [
            _Slot(self._config, self._operations, self._artifacts, self._hub, self._observer)
            for _ in range(self._config.workers)
        ]
        try:
            await asyncio.gather(*(slot.ensure_worker() for slot in self._slots))
        except BaseException:
            await self.stop()
            raise
        self._tasks = [asyncio.create_task(slot.run_forever()) for slot in self._slots]

    def workers(self) -> list[Worker]:
        """The workers as they are now, without their memory."""
        return [Worker(i, slot.pid, slot.operation) for i, slot in enumerate(self._slots)]

    async def stop(self) -> None:
        """Kill all workers; what they ran stays marked as running, for recovery."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for slot in self._slots:
            await slot.close()


class _Slot:
    """One worker and what it does."""

    def __init__(
        self,
        config: ServerConfig,
        operations: Operations,
        artifacts: Artifacts,
        hub: Hub,
        observer: Observer,
    ) -> None:
        self._config = config
        self._operations = operations
        self._artifacts = artifacts
        self._hub = hub
        self._observer = observer
        self._worker: WorkerProcess | None = None
        self._leased: str | None = None

    async def run_forever(self) -> None:
        """Take up operations until cancelled."""
        with self._hub.listen(QUEUE) as changed:
            while True:
                changed.clear()
                try:
                    busy = await self._step()
                except Exception:
                    # A full disk, say. The operation is given back before the next is taken.
                    _log.exception("a worker slot failed")
                    await self.close()
                    await asyncio.sleep(_BACKOFF_S)
                    continue
                if not busy:
                    await wait(changed, _IDLE_S)

    @property
    def pid(self) -> int:
        """Process id of the worker; 0 if there is none."""
        return self._worker.pid if self._worker is not None and self._worker.alive else 0

    @property
    def operation(self) -> str:
        """What it works on, or ""."""
        return self._leased or ""

    async def ensure_worker(self) -> WorkerProcess:
        """The slot's worker, started anew if there is none."""
        if self._worker is None or not self._worker.alive:
            self._worker = await WorkerProcess.start(
                runner=self._config.runner, data_dir=self._config.data_dir
            )
        return self._worker

    async def close(self) -> None:
        """Kill the worker."""
        if self._worker is not None:
            worker, self._worker = self._worker, None
            await worker.kill()

    async def _step(self) -> bool:
        """Run one operation; False if none is queued."""
        if self._leased is not None:
            await self._operations.worker_died(self._leased, "the server failed")
            self._leased = None
        worker = await self.ensure_worker()
        record = await self._operations.lease()
        if record is None:
            return False
        self._leased = record.name
        watcher = asyncio.create_task(self._enforce_cancel(record.name, worker))
        try:
            async with asyncio.timeout(self._config.job_timeout_s):
                await self._execute(worker, record)
        except WorkerDiedError as death:
            _log.warning("worker %d died on %s: %s", worker.pid, record.name, death)
            await self.close()
            await self._clean(record)
            await self._operations.worker_died(record.name, str(death))
        except TimeoutError:
            await self.close()
            await self._clean(record)
            error = StageError(f"took longer than {self._config.job_timeout_s:g} s")
            await self._operations.fail(
                record.name, status_of(error).SerializeToString(), cancelled=False
            )
        finally:
            watcher.cancel()
        self._leased = None
        return True

    async def _execute(self, worker: WorkerProcess, record: OperationRecord) -> None:
        await worker.order({"run": self._order(record)})
        while True:
            report = await worker.report()
            if self._observer.reported(record.name, report):
                continue
            if report["type"] == "progress":
                await self._operations.progress(record.name, _progress_event(report))
                continue
            if report["type"] == "done":
                await self._succeed(record, report)
            else:
                status = base64.b64decode(report["status"])
                await self._operations.fail(record.name, status, cancelled=report["cancelled"])
            break
        await self._clean(record)
        # Nobody will take a finished operation up again, so its lock has served.
        lock = self._config.data_dir / "locks" / self._work_folder(record).name
        lock.unlink(missing_ok=True)

    async def _succeed(self, record: OperationRecord, report: Mapping[str, Any]) -> None:
        """Store the output and end the operation."""
        kind = JOB_KINDS[record.kind]
        artifact = await self._artifacts.adopt(
            Path(report["path"]),
            digest=report["sha256"],
            format=report["format"],
            filename=report["filename"],
        )
        response: Any = kind.response()
        getattr(response, kind.output).CopyFrom(artifact_message(artifact))
        response.metrics.update(report["metrics"])
        packed = AnyMessage()
        packed.Pack(response)
        await self._operations.succeed(record.name, packed.SerializeToString())

    async def _enforce_cancel(self, name: str, worker: WorkerProcess) -> None:
        """Pass a cancel on to the worker, and kill it if it does not heed it."""
        with self._hub.listen(name) as changed:
            while not (await self._operations.get(name)).cancel_requested:
                await changed.wait()
                changed.clear()
        await worker.order({"cancel": name})
        await asyncio.sleep(self._config.cancel_grace_s)
        await worker.kill()

    async def _clean(self, record: OperationRecord) -> None:
        """Remove the scratch space of an attempt that has ended."""
        await asyncio.to_thread(shutil.rmtree, self._work_folder(record), ignore_errors=True)

    def _order(self, record: OperationRecord) -> dict[str, Any]:
        inputs = {
            field: {
                "path": str(self._artifacts.path(one.digest)),
                "format": one.format,
                "filename": one.filename,
            }
            for field, one in record.inputs.items()
        }
        return {
            "operation": record.name,
            "kind": record.kind,
            "request": base64.b64encode(record.request).decode(),
            "inputs": inputs,
            "work": str(self._work_folder(record)),
            "max_bytes": self._config.max_artifact_bytes,
            **self._observer.order(record.name),
        }

    def _work_folder(self, record: OperationRecord) -> Path:
        return self._config.data_dir / "work" / record.name.rpartition("/")[2]


def _progress_event(report: Mapping[str, Any]) -> EventRecord:
    return EventRecord(
        0,
        0,
        State.RUNNING,
        report["stage"],
        report["fraction"],
        report["message"],
        report["metrics"],
    )
