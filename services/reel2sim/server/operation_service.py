"""The services that look at operations: ``google.longrunning.Operations`` and live events."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf.empty_pb2 import Empty

from reel2sim.scene.errors import InputError, UsageError
from reel2sim.server.callers import caller
from reel2sim.server.hub import Hub, wait
from reel2sim.server.kinds import JOB_KINDS
from reel2sim.server.operations import Operations
from reel2sim.server.protos import event_message, operation_message
from reel2sim.server.records import State
from reel2sim.transport.names import OPERATION
from reel2sim.v1 import events_pb2, events_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
_MAX_PAGE = 1000
_DEFAULT_PAGE = 50
_MAX_WAIT_S = 300.0
_RECHECK_S = 15.0


class OperationService(operations_pb2_grpc.OperationsServicer):
    """``google.longrunning.Operations``.

    ``filter`` is a list of ``state=…``, ``kind=…`` and ``done=true|false`` joined by ``AND``.
    """

    def __init__(self, operations: Operations, hub: Hub) -> None:
        self._operations = operations
        self._hub = hub

    async def GetOperation(
        self, request: operations_pb2.GetOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """The latest state of an operation."""
        return operation_message(
            await self._operations.get(_checked_name(request.name), principal=caller().sees)
        )

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Context
    ) -> operations_pb2.ListOperationsResponse:
        """A page of operations in the order of their creation."""
        if request.name not in ("", "operations"):
            raise UsageError("must be empty or 'operations'", field="name")
        if request.page_size < 0:
            raise UsageError("must not be negative", field="page_size")
        where, values = _condition(request.filter)
        size = min(request.page_size or _DEFAULT_PAGE, _MAX_PAGE)
        records = await self._operations.page(
            where=where,
            values=values,
            after=_row_of(request.page_token, request.filter),
            limit=size + 1,
            principal=caller().sees,
        )
        response = operations_pb2.ListOperationsResponse(
            operations=[operation_message(record) for record in records[:size]]
        )
        if len(records) > size:
            response.next_page_token = _page_token(records[size - 1].seq, request.filter)
        return response

    async def CancelOperation(
        self, request: operations_pb2.CancelOperationRequest, context: Context
    ) -> Empty:
        """Ask an operation to stop."""
        await self._operations.cancel(_checked_name(request.name), principal=caller().sees)
        return Empty()

    async def DeleteOperation(
        self, request: operations_pb2.DeleteOperationRequest, context: Context
    ) -> Empty:
        """Forget a finished operation."""
        await self._operations.delete(_checked_name(request.name), principal=caller().sees)
        return Empty()

    async def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """The state of an operation once it is done, or after the timeout."""
        name = _checked_name(request.name)
        limits = [_MAX_WAIT_S]
        if request.HasField("timeout"):
            limits.append(request.timeout.seconds + request.timeout.nanos / 1e9)
        remaining = context.time_remaining()
        if remaining is not None:
            limits.append(remaining - 0.1)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(limits)
        with self._hub.listen(name) as changed:
            while True:
                changed.clear()
                record = await self._operations.get(name, principal=caller().sees)
                left = deadline - loop.time()
                if record.state.final or left <= 0:
                    return operation_message(record)
                await wait(changed, min(left, _RECHECK_S))


class EventService(events_pb2_grpc.OperationEventsServicer):
    """Events of an operation as they happen."""

    def __init__(self, operations: Operations, hub: Hub) -> None:
        self._operations = operations
        self._hub = hub

    async def WatchOperation(
        self, request: events_pb2.WatchOperationRequest, context: Context
    ) -> AsyncIterator[events_pb2.OperationEvent]:
        """Stored events after a sequence number, then new ones, up to the final one."""
        name = _checked_name(request.name)
        if request.after_sequence < 0:
            raise UsageError("must not be negative", field="after_sequence")
        after = request.after_sequence
        with self._hub.listen(name) as changed:
            while True:
                changed.clear()
                record = await self._operations.get(name, principal=caller().sees)
                events = await self._operations.events(name, after=after)
                for event in events:
                    last = event.state.final
                    if last and not record.state.final:
                        record = await self._operations.get(name, principal=caller().sees)
                    yield event_message(name, event, record if last else None)
                    after = event.sequence
                    if last:
                        return
                if not events:
                    if record.state.final and after >= record.last_sequence:
                        return
                    await wait(changed, _RECHECK_S)


def _checked_name(name: str) -> str:
    if not OPERATION.match(name):
        raise InputError("must be 'operations/' and 32 hexadecimal digits", field="name")
    return name


def _condition(text: str) -> tuple[str, tuple[Any, ...]]:
    """A filter as an SQL condition and its values."""
    if not text.strip():
        return "1 = 1", ()
    conditions: list[str] = []
    values: list[Any] = []
    for term in re.split(r"\s+AND\s+", text.strip()):
        match = re.fullmatch(r'(\w+)\s*=\s*"?(\w+)"?', term)
        if match is None:
            raise UsageError(
                f"cannot read {term[:100]!r}",
                field="filter",
                remedy="write terms such as state=RUNNING, kind=run, done=false, joined by AND",
            )
        key, value = match.groups()
        if key == "state" and value in State.__members__:
            conditions.append("state = ?")
            values.append(State[value])
        elif key == "kind" and value in JOB_KINDS:
            conditions.append("kind = ?")
            values.append(value)
        elif key == "done" and value in ("true", "false"):
            conditions.append("state >= ?" if value == "true" else "state < ?")
            values.append(State.SUCCEEDED)
        else:
            raise UsageError(f"{key}={value} is not known", field="filter")
    return " AND ".join(conditions), tuple(values)


def _page_token(row: int, text: str) -> str:
    """A token that continues after ``row``, bound to the filter it was made for."""
    return base64.urlsafe_b64encode(f"{row}:{text}".encode()).decode()


def _row_of(token: str, text: str) -> int:
    """The row a page token stands for; 0 for an empty token."""
    if not token:
        return 0
    try:
        row, _, bound = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        number = int(row)
    except ValueError as cause:
        raise UsageError("is not a token of this server", field="page_token") from cause
    if bound != text or not 0 <= number < 2**63:
        raise UsageError("belongs to another filter", field="page_token")
    return number
