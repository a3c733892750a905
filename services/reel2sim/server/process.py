"""One worker process as the server sees it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import uuid
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from reel2sim.observe.logs import relay, settled
from reel2sim.observe.secrets import without_secrets
from reel2sim.scene.errors import Reel2SimError, UsageError

_START_TIMEOUT_S = 120.0
_LINE_LIMIT = 4 << 20
_LINES_KEPT = 400


class WorkerDiedError(Exception):
    """The process is gone; the message says how. Never leaves the server."""


class WorkerProcess:
    """A running worker. Make one with :meth:`start`."""

    def __init__(self, process: asyncio.subprocess.Process, temporary: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._temporary = temporary
        self._orders = process.stdin
        self._reports = process.stdout
        self._killed = False
        self._why_killed = ""
        assert process.stderr is not None
        self._last_words: deque[bytes] = deque(maxlen=_LINES_KEPT)
        self._relay = asyncio.create_task(
            relay(process.stderr, "worker", kept=self._last_words, pid=process.pid)
        )

    @classmethod
    async def start(cls, *, runner: str, data_dir: Path) -> WorkerProcess:
        """Start a worker and wait until it is ready.

        Raises:
            UsageError: if it cannot import its runner.
            Reel2SimError: if it dies or is not ready in two minutes.
        """
        temporary = data_dir.absolute() / "tmp" / uuid.uuid4().hex
        temporary.mkdir(parents=True)
        # A new interpreter, not a fork: gRPC's threads do not survive one.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "reel2sim.server.worker"),
            *("--runner", runner, "--data-dir", str(data_dir), "--parent", str(os.getpid())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # What libraries and children put there goes with the worker, come what may.
            env={**without_secrets(os.environ), "TMPDIR": str(temporary)},
            limit=_LINE_LIMIT,
            start_new_session=True,
        )
        worker = cls(process, temporary)
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                report = await worker.report()
        except (TimeoutError, WorkerDiedError) as cause:
            await worker.kill()
            raise Reel2SimError(f"a worker did not start: {cause}") from cause
        except BaseException:
            await worker.kill()
            raise
        if report["type"] != "ready":
            await worker.kill()
            raise UsageError(report["message"], source="ServerConfig")
        return worker

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process can take orders."""
        return not self._killed and self._process.returncode is None

    async def order(self, order: Mapping[str, Any]) -> None:
        """Send an order; a worker that is gone is noticed by :meth:`report`."""
        with contextlib.suppress(ConnectionError):
            self._orders.write(json.dumps(order).encode() + b"\n")
            await self._orders.drain()

    async def report(self) -> dict[str, Any]:
        """The next report.

        Raises:
            WorkerDiedError: if there will be none.
        """
        line = await self._reports.readline()
        if not line.endswith(b"\n"):
            code = await self._process.wait()
            if self._why_killed:
                raise WorkerDiedError(self._why_killed)
            raise WorkerDiedError(f"signal {-code}" if code < 0 else f"exit code {code}")
        return json.loads(line)

    def memory_mib(self) -> float:
        """Memory of the process and its children, MiB; 0 once it is gone."""
        total = 0
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += one.memory_info().rss
        return total / 2**20

    def last_words(self) -> bytes:
        """The last lines that the process has written to its standard error."""
        return b"\n".join(self._last_words)

    async def kill(self, why: str = "") -> None:
        """End the process and those it has started, and wait until it is gone.

        Args:
            why: told by :meth:`report` instead of the signal.
        """
        self._killed = True
        self._why_killed = self._why_killed or why
        if self._process.returncode is None:
            # It leads a group, in which are the processes it has started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        await settled(self._relay)
        await asyncio.to_thread(shutil.rmtree, self._temporary, ignore_errors=True)
