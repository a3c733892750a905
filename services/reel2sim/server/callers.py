"""Who calls: what a token or a certificate stands for, and what its bearer may do."""

from __future__ import annotations

import hashlib
import threading
import tomllib
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel2sim.scene.errors import UsageError
from reel2sim.transport.names import DIGEST, TOKEN

READ, WRITE, ADMIN = "read", "write", "admin"
SCOPES = (READ, WRITE, ADMIN)
_KEYS = {"name", "token_sha256", "certificate", "scopes", "max_operations", "max_artifact_bytes"}


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Whoever a call is made for.

    Attributes:
        name: principal that owns what the call makes.
        scopes: ``read`` looks at one's own operations and artifacts, ``write`` makes and removes
            them, ``admin`` does so with everybody's and sees how the server fares.
        max_operations: unfinished operations it may have; None for no limit.
        max_artifact_bytes: bytes its artifacts may hold; None for no limit.
    """

    name: str = ""
    scopes: frozenset[str] = frozenset(SCOPES)
    max_operations: int | None = None
    max_artifact_bytes: int | None = None

    @property
    def sees(self) -> str | None:
        """The principal whose things it may see; None for everybody's."""
        return None if ADMIN in self.scopes else self.name

    def may(self, scope: str) -> bool:
        """Whether it has ``scope``; an admin has all."""
        return scope in self.scopes or ADMIN in self.scopes


EVERYBODY = Caller()
"""Who calls a server that asks for nothing, or for one token that all share."""

_CURRENT: ContextVar[Caller] = ContextVar("caller", default=EVERYBODY)


def caller() -> Caller:
    """Who makes the call that is being answered."""
    return _CURRENT.get()


def set_caller(who: Caller) -> None:
    """Answer the rest of this call for ``who``; each call has a context of its own."""
    _CURRENT.set(who)


class Callers:
    """The callers that a file names, read again when it changes.

    Args:
        path: a TOML file of ``[[caller]]`` tables, each with ``name``, either ``token_sha256`` (the
            sha256 of a token, in hex) or ``certificate`` (the common name of a client
            certificate), ``scopes``, and perhaps ``max_operations`` and ``max_artifact_bytes``.

    Raises:
        UsageError: if the file cannot be read or says something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._known: Mapping[str, Caller] = {}
        self._read()

    def by_token(self, token: str) -> Caller | None:
        """Whose token it is, if anybody's. Only its digest is looked up: nothing to time."""
        return self._current().get("token " + hashlib.sha256(token.encode()).hexdigest())

    def by_certificate(self, common_name: str) -> Caller | None:
        """Whose certificate it is, if anybody's."""
        return self._current().get("certificate " + common_name)

    def _current(self) -> Mapping[str, Caller]:
        with self._lock:
            try:
                stat = self._path.stat()
                if (stat.st_mtime_ns, stat.st_size) != self._stamp:
                    self._read()
            except (OSError, UsageError):
                # A file that is being replaced, or was spoilt: who was known stays known.
                pass
            return self._known

    def _read(self) -> None:
        try:
            stat = self._path.stat()
            given = tomllib.loads(self._path.read_text(encoding="utf-8"))
        except OSError as cause:
            raise UsageError(f"cannot be read: {cause.strerror}", source=self._path) from cause
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
            raise UsageError(f"is not TOML: {cause}", source=self._path) from cause
        self._known = _callers(given, self._path)
        self._stamp = (stat.st_mtime_ns, stat.st_size)


def _callers(given: Mapping[str, Any], path: Path) -> dict[str, Caller]:
    tables = given.get("caller")
    if set(given) != {"caller"} or not isinstance(tables, list) or not tables:
        raise UsageError(
            "must hold [[caller]] tables and nothing else",
            source=path,
            remedy="make one with `reel2sim token NAME`",
        )
    found: dict[str, Caller] = {}
    for i, table in enumerate(tables):
        key, one = _caller(table, f"caller[{i}]", path)
        if key in found:
            raise UsageError("is named twice", source=path, field=f"caller[{i}]")
        found[key] = one
    return found


def _caller(table: Any, where: str, path: Path) -> tuple[str, Caller]:
    def refuse(field: str, message: str) -> UsageError:
        return UsageError(message, source=path, field=f"{where}.{field}")

    if not isinstance(table, dict):
        raise UsageError("is no table", source=path, field=where)
    if unknown := sorted(table.keys() - _KEYS):
        raise refuse(unknown[0], f"is not known; expected {', '.join(sorted(_KEYS))}")
    name = table.get("name")
    if not isinstance(name, str) or not TOKEN.match(name):
        raise refuse("name", "must be 1 to 64 letters, digits, '-' or '_'")
    scopes = table.get("scopes")
    if not isinstance(scopes, list) or not scopes or any(s not in SCOPES for s in scopes):
        raise refuse("scopes", f"must be some of {', '.join(SCOPES)}")
    for limit in ("max_operations", "max_artifact_bytes"):
        value = table.get(limit, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise refuse(limit, "must be a whole number, at least 0")
    digest, certificate = table.get("token_sha256"), table.get("certificate")
    if (digest is None) == (certificate is None):
        raise refuse("token_sha256", "either it or certificate is required")
    if digest is not None and not (isinstance(digest, str) and DIGEST.match(digest)):
        raise refuse("token_sha256", "must be 64 lower-case hexadecimal digits")
    if certificate is not None and not (isinstance(certificate, str) and certificate):
        raise refuse("certificate", "must be the common name of a certificate")
    one = Caller(
        name=name,
        scopes=frozenset(scopes),
        max_operations=table.get("max_operations"),
        max_artifact_bytes=table.get("max_artifact_bytes"),
    )
    return f"token {digest}" if digest is not None else f"certificate {certificate}", one
