"""The process of one stream's environments, as the server sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

from google.rpc import status_pb2

from reel2sim.observe.logs import relay, settled
from reel2sim.observe.secrets import without_secrets
from reel2sim.scene.errors import UnavailableError
from reel2sim.server.answers import FAULT, HEAD, LAST, LENGTH
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.config import ServerConfig
from reel2sim.server.info_service import MAX_MESSAGE
from reel2sim.server.records import ArtifactRecord
from reel2sim.transport.status import error_of
from reel2sim.v1 import environments_pb2 as pb

_ANSWER_TIMEOUT_S = 300.0


_cleanings: set[asyncio.Task[None]] = set()
"""What cleans up, held because the event loop holds tasks weakly."""


class Player:
    """A process that plays. Make one with :meth:`start`."""

    def __init__(self, process: asyncio.subprocess.Process, work: Path) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._work = process, work
        self._requests, self._answers = process.stdin, process.stdout
        assert process.stderr is not None
        self._relay = asyncio.create_task(relay(process.stderr, "play", pid=process.pid))

    @classmethod
    async def start(
        cls, config: ServerConfig, artifacts: Artifacts, record: ArtifactRecord
    ) -> Player:
        """Start a process that is to play in an artifact."""
        work = config.data_dir.resolve() / "work" / f"play-{uuid.uuid4().hex}"
        temporary = work / "tmp"
        temporary.mkdir(parents=True)
        artifact = (await artifacts.local(record.digest)).resolve()
        # A new interpreter, not a fork: gRPC's threads do not survive one.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "reel2sim.server.play", "--parent", str(os.getpid())),
            *("--artifact", str(artifact), "--format", str(record.format)),
            *("--filename", record.filename, "--work", str(work)),
            *("--processes", str(config.environment_processes)),
            *("--max-bytes", str(config.max_artifact_bytes), "--max-message", str(MAX_MESSAGE)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**without_secrets(os.environ), "TMPDIR": str(temporary)},
            start_new_session=True,
        )
        return cls(process, work)

    async def ask(self, request: pb.PlayRequest) -> AsyncIterator[pb.PlayResponse]:
        """The answers to a request.

        Raises:
            UnavailableError: if the process is gone, or does not answer.
            Reel2SimError: what it says the stream cannot go on for.
        """
        data = request.SerializeToString()
        sort = None
        while sort != LAST:
            try:
                async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                    if sort is None:
                        self._requests.write(LENGTH.pack(len(data)) + data)
                        await self._requests.drain()
                    sort, size = HEAD.unpack(await self._answers.readexactly(HEAD.size))
                    answer = await self._answers.readexactly(size)
            except TimeoutError:
                raise _gone(f"did not answer in {_ANSWER_TIMEOUT_S:g} s") from None
            except (asyncio.IncompleteReadError, ConnectionError):
                code = await self._process.wait()
                raise _gone(f"ended with {code}" if code >= 0 else f"died of {-code}") from None
            if sort == FAULT:
                raise error_of(status_pb2.Status.FromString(answer))
            yield pb.PlayResponse.FromString(answer)

    async def end(self) -> None:
        """End the process, and those it has started, and remove what they wrote."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        # A call that is cancelled may be cancelled again while it cleans up.
        cleaning = asyncio.create_task(self._clean())
        _cleanings.add(cleaning)
        cleaning.add_done_callback(_cleanings.discard)
        await asyncio.shield(cleaning)

    async def _clean(self) -> None:
        self._requests.close()
        await self._process.wait()
        await settled(self._relay)
        await asyncio.to_thread(shutil.rmtree, self._work, ignore_errors=True)


def _gone(how: str) -> UnavailableError:
    return UnavailableError(f"the process of the environments {how}", remedy="make them again")
