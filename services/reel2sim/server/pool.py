"""The pool of workers: each takes one queued operation at a time."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.any_pb2 import Any as AnyMessage

from reel2sim.observe.snapshot import Worker
from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import Reel2SimError, StageError, UnavailableError
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.config import ServerConfig
from reel2sim.server.hub import Hub, wait
from reel2sim.server.kinds import JOB_KINDS
from reel2sim.server.leases import LeaseLostError
from reel2sim.server.observer import Observer
from reel2sim.server.operations import Operations
from reel2sim.server.process import WorkerDiedError, WorkerProcess
from reel2sim.server.protos import artifact_message
from reel2sim.server.records import EventRecord, OperationRecord, State
from reel2sim.server.rows import QUEUE
from reel2sim.server.store.blobs import sync_file
from reel2sim.transport.status import status_of
from reel2sim.v1 import common_pb2 as common

T = TypeVar("T")
_log = logging.getLogger(__name__)
_IDLE_S = 30.0
_BACKOFF_S = 1.0
_LONGEST_PAUSE_S = 5.0
_SILENT = "this server could not renew its lease"
_LOOK_S = 0.5
"""How often the memory of a worker is looked at."""


class Pool:
    """Runs queued operations on worker processes, as long as there is room for what they need."""

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
        self._hub = hub
        self._total = self._free = config.resources
        self._choosing = asyncio.Lock()
        self._slots = [
            _Slot(config, operations, artifacts, hub, observer, self) for _ in range(config.workers)
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start all workers.

        Raises:
            UsageError: if they cannot import the configured runner.
        """
        try:
            await asyncio.gather(*(slot.ensure_worker() for slot in self._slots))
        except BaseException:
            await self.stop()
            raise
        self._tasks = [asyncio.create_task(slot.run_forever()) for slot in self._slots]
        self._tasks.append(asyncio.create_task(self._keep_leases()))

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

    @contextlib.asynccontextmanager
    async def taken_up(self) -> AsyncIterator[OperationRecord | None]:
        """The next operation, with what it needs set aside for it until the block ends."""
        async with self._choosing:
            record = await self._operations.lease(free=self._free, total=self._total)
            if record is not None:
                self._free -= record.needs
        try:
            yield record
        finally:
            if record is not None:
                self._free += record.needs
                self._hub.notify(QUEUE)

    async def _keep_leases(self) -> None:
        """Renew the leases of what runs here, and take over from servers that fell silent."""
        loop = asyncio.get_running_loop()
        renewed_s = loop.time()
        while True:
            try:
                await self._operations.renew()
                renewed_s = loop.time()
                if number := await self._operations.reap():
                    _log.warning("taking up %d operations of servers that fell silent", number)
            except Exception as error:
                _log.warning("leases were not renewed: %s", error)
                if loop.time() - renewed_s > self._config.lease_s:
                    # Others may run the same by now.
                    for slot in self._slots:
                        await slot.close(_SILENT)
            await asyncio.sleep(self._config.lease_s / 4)


class _Slot:
    """One worker and what it does."""

    def __init__(
        self,
        config: ServerConfig,
        operations: Operations,
        artifacts: Artifacts,
        hub: Hub,
        observer: Observer,
        pool: Pool,
    ) -> None:
        self._config = config
        self._operations = operations
        self._artifacts = artifacts
        self._hub = hub
        self._observer = observer
        self._pool = pool
        self._worker: WorkerProcess | None = None
        self._leased: OperationRecord | None = None

    async def run_forever(self) -> None:
        """Take up operations until cancelled."""
        with self._hub.listen(QUEUE) as changed:
            while True:
                changed.clear()
                try:
                    busy = await self._step()
                    put_off_s = None if busy else await self._operations.next_start_s()
                except LeaseLostError as lost:
                    _log.warning("%s was taken up by another server", lost)
                    self._leased = None
                    await self.close()
                    continue
                except Exception:
                    # A full disk, say. The operation is given back before the next is taken.
                    _log.exception("a worker slot failed")
                    await self.close()
                    await asyncio.sleep(_BACKOFF_S)
                    continue
                if not busy:
                    await wait(changed, min(_IDLE_S, _IDLE_S if put_off_s is None else put_off_s))

    @property
    def pid(self) -> int:
        """Process id of the worker; 0 if there is none."""
        return self._worker.pid if self._worker is not None and self._worker.alive else 0

    @property
    def operation(self) -> str:
        """What it works on, or ""."""
        return "" if self._leased is None else self._leased.name

    async def ensure_worker(self) -> WorkerProcess:
        """The slot's worker, started anew if there is none."""
        if self._worker is None or not self._worker.alive:
            self._worker = await WorkerProcess.start(
                runner=self._config.runner, data_dir=self._config.data_dir
            )
        return self._worker

    async def close(self, why: str = "") -> None:
        """Kill the worker."""
        if self._worker is not None:
            worker, self._worker = self._worker, None
            await worker.kill(why)

    async def _step(self) -> bool:
        """Run one operation; False if there is none that can be started."""
        if self._leased is not None:
            left, self._leased = self._leased, None
            await self._operations.worker_died(
                left.name, "the server failed", attempt=left.attempts, blamed=False
            )
        worker = await self.ensure_worker()
        async with self._pool.taken_up() as record:
            if record is None:
                return False
            self._leased = record
            watchers = [
                asyncio.create_task(self._enforce_cancel(record, worker)),
                asyncio.create_task(self._enforce_memory(record, worker)),
            ]
            try:
                async with asyncio.timeout(self._config.job_timeout_s):
                    await self._execute(worker, record)
            except WorkerDiedError as death:
                await self._bury(worker, record, death)
            except TimeoutError:
                await self.close()
                await self._clean(record)
                await self._fail(record, StageError(f"took {self._config.job_timeout_s:g} s"))
            finally:
                for watcher in watchers:
                    watcher.cancel()
            self._leased = None
        return True

    async def _execute(self, worker: WorkerProcess, record: OperationRecord) -> None:
        try:
            order = await self._order(record)
        except Reel2SimError as error:
            # An input that is gone or damaged; a store that is away is waited for elsewhere.
            if isinstance(error, UnavailableError):
                raise
            await self._fail(record, error)
            return
        await worker.order({"run": order})
        while True:
            report = await worker.report()
            if self._observer.reported(record.name, report):
                continue
            if report["type"] == "progress":
                await self._tell(record, _progress_event(report))
                continue
            if report["type"] == "done":
                await self._succeed(record, report)
            else:
                status = base64.b64decode(report["status"])
                await self._end(record, status, cancelled=report["cancelled"])
            break
        await self._clean(record)
        # Nobody will take a finished operation up again, so its lock has served.
        lock = self._config.data_dir / "locks" / self._work_folder(record).name
        lock.unlink(missing_ok=True)

    async def _tell(self, record: OperationRecord, event: EventRecord) -> None:
        """Store progress; if the store is away, the next one will do."""
        try:
            await self._operations.progress(record.name, event, attempt=record.attempts)
        except UnavailableError as error:
            _log.warning("progress of %s was not stored: %s", record.name, error)

    async def _succeed(self, record: OperationRecord, report: Mapping[str, Any]) -> None:
        """Store the output and end the operation."""
        kind = JOB_KINDS[record.kind]
        artifact = await _patiently(
            lambda: self._artifacts.adopt(
                Path(report["path"]),
                digest=report["sha256"],
                format=report["format"],
                filename=report["filename"],
                principal=record.principal,
            )
        )
        response: Any = kind.response()
        getattr(response, kind.output).CopyFrom(artifact_message(artifact))
        response.metrics.update(report["metrics"])
        packed = AnyMessage()
        packed.Pack(response)
        await _patiently(
            lambda: self._operations.succeed(
                record.name,
                packed.SerializeToString(),
                attempt=record.attempts,
                output=artifact.digest,
            )
        )

    async def _fail(self, record: OperationRecord, error: Reel2SimError) -> None:
        await self._end(record, status_of(error).SerializeToString(), cancelled=False)

    async def _end(self, record: OperationRecord, status: bytes, *, cancelled: bool) -> None:
        await _patiently(
            lambda: self._operations.fail(
                record.name, status, attempt=record.attempts, cancelled=cancelled
            )
        )

    async def _bury(
        self, worker: WorkerProcess, record: OperationRecord, death: WorkerDiedError
    ) -> None:
        """Give back what a dead worker ran, with its last words if it is given up."""
        _log.warning("worker %d died on %s: %s", worker.pid, record.name, death)
        await self.close()
        log = ""
        if record.crashes >= self._config.max_crashes and (words := worker.last_words()):
            log = await self._keep_log(record, words)
        await self._clean(record)
        await _patiently(
            lambda: self._operations.worker_died(
                record.name,
                str(death),
                attempt=record.attempts,
                log=log,
                blamed=str(death) != _SILENT,
            )
        )

    async def _keep_log(self, record: OperationRecord, words: bytes) -> str:
        """The digest of the artifact that holds ``words``; "" if there is no room for it."""
        folder = self._work_folder(record)
        file = folder / "worker.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(words)
            sync_file(file)
            artifact = await self._artifacts.adopt(
                file,
                digest=digest_file(file),
                format=common.ARTIFACT_FORMAT_FILE,
                filename="worker.log",
                principal=record.principal,
            )
        except (OSError, Reel2SimError) as error:
            _log.warning("the log of %s was not kept: %s", record.name, error)
            return ""
        return artifact.digest

    async def _enforce_cancel(self, record: OperationRecord, worker: WorkerProcess) -> None:
        """Pass a cancel on to the worker, and kill it if it does not heed it."""
        with self._hub.listen(record.name) as changed:
            while not (await self._operations.get(record.name)).cancel_requested:
                await changed.wait()
                changed.clear()
        await worker.order({"cancel": record.name})
        await asyncio.sleep(self._config.cancel_grace_s)
        await worker.kill()

    async def _enforce_memory(self, record: OperationRecord, worker: WorkerProcess) -> None:
        """Kill the worker if it needs more memory than a job may have."""
        limit = self._config.max_job_memory_mib
        while limit is not None:
            used = await asyncio.to_thread(worker.memory_mib)
            if used > limit:
                _log.warning("%s needs %d MiB", record.name, used)
                await worker.kill(f"needed {used:.0f} MiB, {limit} MiB are allowed")
                return
            await asyncio.sleep(_LOOK_S)

    async def _clean(self, record: OperationRecord) -> None:
        """Remove the scratch space of an attempt that has ended."""
        await asyncio.to_thread(shutil.rmtree, self._work_folder(record), ignore_errors=True)

    async def _order(self, record: OperationRecord) -> dict[str, Any]:
        inputs = {
            field: {
                "path": str(await self._artifacts.local(one.digest)),
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


async def _patiently(work: Callable[[], Awaitable[T]]) -> T:
    """The result of ``work`` once the stores are there: what a job has made is not thrown away."""
    pause_s = 0.2
    while True:
        try:
            return await work()
        except UnavailableError as error:
            _log.warning("a store is away, trying again: %s", error)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
