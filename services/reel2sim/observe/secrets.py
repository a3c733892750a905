"""Keeps secrets out of whatever is written down."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable, Mapping
from typing import Any

REDACTED = "[redacted]"
_SECRET_NAME = re.compile(
    r"token|secret|password|passwd|api_?key|private_?key|credential|authorization", re.IGNORECASE
)
_PRIVATE_KEY = r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)"
_HEADER = r"\b(Bearer|Basic)(\s+)[^\s'\",;)\]}]+"
_IN_URL = r"(\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]*:)[^\s/'\"]*@"
_NAMED = (
    r"((?:token|secret|password|passwd|api_?key|secret_?access_?key)['\"]?\s*[=:]\s*['\"]?)"
    r"[^\s'\",;&)\]}]+"
)
# Shapes that give secrets away wherever they come from.
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(_PRIVATE_KEY, re.DOTALL), REDACTED),
    (re.compile(_HEADER, re.IGNORECASE), rf"\1\2{REDACTED}"),
    (re.compile(_IN_URL, re.IGNORECASE), rf"\1{REDACTED}@"),
    (re.compile(_NAMED, re.IGNORECASE), rf"\1{REDACTED}"),
)

_OF_THE_SERVER = re.compile(r"REEL2SIM_TOKEN|PG[A-Z]+|AWS_[A-Z_]+")


class Redactor:
    """Replaces known secrets, and what has the shape of one, in texts and nested values."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._secrets: tuple[str, ...] = ()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str | None) -> None:
        """Never let ``secret`` through from now on; None and "" are no secrets."""
        if not secret:
            return
        with self._lock:
            # The longest first: one secret may be a part of another.
            quoted = {repr(secret)[1:-1], json.dumps(secret)[1:-1]}
            found = {*self._secrets, secret, *quoted}
            self._secrets = tuple(sorted(found, key=len, reverse=True))

    def learn_environment(self, environment: Mapping[str, str] | None = None) -> None:
        """Learn the values of variables whose names say that they are secret."""
        for name, value in (os.environ if environment is None else environment).items():
            if _SECRET_NAME.search(name) and not name.endswith(("_FILE", "_PATH")):
                self.learn(value)

    def text(self, text: str) -> str:
        """``text`` without secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, REDACTED)
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return text

    def value(self, value: Any, *, name: str = "") -> Any:
        """``value`` as JSON can hold it, without secrets; what is called like one is hidden."""
        if _SECRET_NAME.search(name) and value:
            return REDACTED
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Mapping):
            return {self.text(str(k)): self.value(v, name=str(k)) for k, v in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.value(item) for item in value]
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        return self.text(str(value))


redactor = Redactor()
"""The one that the logs of this process go through."""


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` for a process that handles what clients sent.

    Without the server's own token and its credentials for the database and the artifact store;
    with those that jobs may need, such as a model hub's.
    """
    return {k: v for k, v in environment.items() if not _OF_THE_SERVER.fullmatch(k)}
