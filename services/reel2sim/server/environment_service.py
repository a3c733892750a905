"""The service that lets agents act."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc

from reel2sim.scene.errors import (
    ExhaustedError,
    InputError,
    NotFoundError,
    UnavailableError,
    UsageError,
)
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.callers import caller
from reel2sim.server.config import ServerConfig
from reel2sim.server.kinds import check_digest
from reel2sim.server.player import Player
from reel2sim.transport.names import filename_fault
from reel2sim.v1 import environments_pb2 as pb
from reel2sim.v1 import environments_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class EnvironmentService(environments_pb2_grpc.EnvironmentsServicer):
    """Environments, in a process of their own for each stream."""

    def __init__(self, config: ServerConfig, artifacts: Artifacts) -> None:
        self._config = config
        self._artifacts = artifacts
        self._taken: Counter[str] = Counter()

    async def Play(
        self, request_iterator: AsyncIterator[pb.PlayRequest], context: Context
    ) -> AsyncIterator[pb.PlayResponse]:
        """Make environments and play until the stream ends."""
        request = await self._next(request_iterator)
        if request is None or request.WhichOneof("request") != "make":
            raise UsageError("is required first", source="PlayRequest", field="make")
        make = request.make
        self._check(make)
        try:
            record = await self._artifacts.get(make.bundle.digest, principal=caller().sees)
        except NotFoundError as fault:
            raise NotFoundError(
                fault.message,
                source=fault.source,
                field="make.bundle.digest",
                remedy=fault.remedy,
            ) from fault
        with self._taking(make.count, caller().name or _principal(context)):
            player = await Player.start(self._config, self._artifacts, record)
            try:
                while request is not None:
                    async for answer in player.ask(request):
                        yield answer
                    request = await self._next(request_iterator)
            finally:
                await player.end()

    def _check(self, make: pb.MakeEnvironments) -> None:
        check_digest(make.bundle.digest, "make.bundle.digest")
        name = make.bundle.filename
        if name and (fault := filename_fault(name)):
            raise InputError(fault, field="make.bundle.filename")
        if not 1 <= make.count <= self._config.max_environments_per_client:
            raise UsageError(
                f"is {make.count}, expected 1 to {self._config.max_environments_per_client}",
                field="make.count",
            )

    def taken(self) -> tuple[int, int]:
        """Environments in use, and by how many clients."""
        return self._taken.total(), len(+self._taken)

    @contextlib.contextmanager
    def _taking(self, count: int, principal: str) -> Iterator[None]:
        """Count environments while they last.

        Raises:
            ExhaustedError: if there are too many.
        """
        for taken, limit, whose in (
            (self._taken[principal], self._config.max_environments_per_client, "this client"),
            (self._taken.total(), self._config.max_environments, "all clients"),
        ):
            if taken + count > limit:
                raise ExhaustedError(
                    f"{taken} of the {limit} environments of {whose} are taken",
                    field="make.count",
                    remedy="close some, or ask for fewer",
                )
        self._taken[principal] += count
        try:
            yield
        finally:
            self._taken[principal] -= count
            self._taken += Counter()  # forgets principals without any

    async def _next(self, requests: AsyncIterator[pb.PlayRequest]) -> pb.PlayRequest | None:
        """The next request, None at the end; a silent client is given up."""
        try:
            async with asyncio.timeout(self._config.environment_idle_s):
                return await anext(requests, None)
        except TimeoutError as cause:
            raise UnavailableError(
                f"nothing was asked for {self._config.environment_idle_s:g} s",
                source="PlayRequest",
                remedy="make the environments again",
            ) from cause


def _principal(context: Context) -> str:
    """Whom environments are counted for: the name of a certificate, or else the host."""
    names = list(context.auth_context().get("x509_common_name") or ())
    return f"name {names[0]!r}" if names else str(context.peer()).rpartition(":")[0]
