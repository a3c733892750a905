# pyright: strict, reportMissingTypeStubs=false
"""The exception tree as ``google.rpc.Status`` and back.

This is the one place where both directions are mapped. ``ErrorInfo.reason`` names the class,
``ErrorInfo.metadata`` carries its parts, and a fault of a request field is also told as a
``BadRequest`` violation for clients that know nothing of this project.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
import uuid
from collections.abc import Iterable
from typing import cast

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2

from reel2sim.scene.errors import (
    CancelledError,
    ExhaustedError,
    ForbiddenError,
    InputError,
    Reel2SimError,
    UnauthenticatedError,
    UnavailableError,
    all_errors,
)

DOMAIN = "reel2sim"
DETAILS_KEY = "grpc-status-details-bin"

_log = logging.getLogger(__name__)
_PARTS = ("source", "field", "remedy")
_BY_CODE: dict[int, type[Reel2SimError]] = {
    code_pb2.INVALID_ARGUMENT: InputError,
    code_pb2.CANCELLED: CancelledError,
    code_pb2.UNAVAILABLE: UnavailableError,
    code_pb2.DEADLINE_EXCEEDED: UnavailableError,
    code_pb2.RESOURCE_EXHAUSTED: ExhaustedError,
    code_pb2.UNAUTHENTICATED: UnauthenticatedError,
    code_pb2.PERMISSION_DENIED: ForbiddenError,
}


def status_of(error: BaseException) -> status_pb2.Status:
    """The status that tells ``error``.

    Errors that nobody raised on purpose become ``INTERNAL`` with a random id; the log holds the
    id and the traceback, the message only the id.
    """
    known = _known(error)
    if known is None:
        incident = uuid.uuid4().hex[:12]
        _log.error("internal error %s", incident, exc_info=error)
        status = status_pb2.Status(
            code=code_pb2.INTERNAL, message=f"internal error {incident}; the server's log has more"
        )
        info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN)
        info.metadata["incident"] = incident
        status.details.add().Pack(info)
        return status
    status = status_pb2.Status(
        code=code_pb2.Code.Value(known.grpc_status), message=_clean(str(known))
    )
    info = error_details_pb2.ErrorInfo(reason=known.reason, domain=DOMAIN)
    info.metadata["message"] = _clean(known.message)
    for part in _PARTS:
        value: str | None = getattr(known, part)
        if value is not None:
            info.metadata[part] = _clean(value)
    status.details.add().Pack(info)
    if isinstance(known, InputError) and known.field is not None:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=_clean(known.field), description=_clean(known.message))
        status.details.add().Pack(bad)
    return status


def error_of(status: status_pb2.Status) -> Reel2SimError:
    """The error that ``status`` tells: of the class it was raised as, where it names one."""
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if not detail.Unpack(info) or info.domain != DOMAIN:
            continue
        kinds = {kind("").reason: kind for kind in all_errors()}
        if info.reason in kinds:
            parts = {part: info.metadata[part] for part in _PARTS if part in info.metadata}
            return kinds[info.reason](info.metadata["message"], **parts)
    kind = _BY_CODE.get(status.code, Reel2SimError)
    return kind(status.message or code_pb2.Code.Name(status.code))


def error_of_call(call: grpc.RpcError) -> Reel2SimError:
    """The error that a failed call tells."""
    if not isinstance(call, grpc.Call):
        return Reel2SimError(str(call))
    trailing = cast("Iterable[tuple[str, bytes]]", call.trailing_metadata() or ())
    for key, value in trailing:
        if key == DETAILS_KEY:
            return error_of(status_pb2.Status.FromString(value))
    number: int = call.code().value[0]
    return error_of(status_pb2.Status(code=number, message=call.details() or ""))


def grpc_code(status: status_pb2.Status) -> grpc.StatusCode:
    """The ``grpc.StatusCode`` of a ``google.rpc.Status``."""
    return grpc.StatusCode[code_pb2.Code.Name(status.code)]


def _known(error: BaseException) -> Reel2SimError | None:
    """``error`` itself or its translation, if it is one that can be expected."""
    if isinstance(error, Reel2SimError):
        return error
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, sqlite3.OperationalError):
        full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
    if full:
        return ExhaustedError("no space left on the server", remedy="free some space")
    if isinstance(error, MemoryError):
        return ExhaustedError("out of memory", remedy="choose a smaller preset or max_size")
    return None


def _clean(text: str) -> str:
    """``text`` without lone surrogates, which protobuf refuses, and short enough for headers."""
    return text.encode("utf-8", "replace").decode()[:1000]
