"""Log lines: JSON objects for machines, or text for people, on stderr.

Both carry the fields of :mod:`reel2sim.observe.context` (``operation``, ``trace_id``, …) and pass
:mod:`reel2sim.observe.secrets`. Processes that a process starts log as it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import logging
import os
import sys
from collections import deque
from typing import Any, Literal, TextIO, get_args

from reel2sim.observe.context import current_fields
from reel2sim.observe.secrets import Redactor, redactor
from reel2sim.scene.errors import UsageError

LogFormat = Literal["text", "json"]
FORMAT_VARIABLE = "REEL2SIM_LOG_FORMAT"
LEVEL_VARIABLE = "REEL2SIM_LOG_LEVEL"
LEVELS = ("debug", "info", "warning", "error")
_LONGEST_LINE = 16 << 10
_LAST_WORDS_S = 1.0
_NOT_EXTRA = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}


def set_up_logs(
    process: str,
    *,
    format: str | None = None,
    level: str | None = None,
    stream: TextIO | None = None,
) -> None:
    """Send the logs of this process to stderr.

    Args:
        process: what the process is: ``server``, ``worker``, ``play``.
        format: ``"text"`` or ``"json"``; None takes $REEL2SIM_LOG_FORMAT, else text.
        level: of :data:`LEVELS`; None takes $REEL2SIM_LOG_LEVEL, else info.
        stream: where to write; None for stderr.

    Raises:
        UsageError: if format or level is none of the above.
    """
    format = format or os.environ.get(FORMAT_VARIABLE) or "text"
    level = level or os.environ.get(LEVEL_VARIABLE) or "info"
    for name, given, known in (
        ("log_format", format, get_args(LogFormat)),
        ("log_level", level, LEVELS),
    ):
        if given not in known:
            raise UsageError(f"{given!r} is not one of {', '.join(known)}", field=name)
    os.environ[FORMAT_VARIABLE], os.environ[LEVEL_VARIABLE] = format, level
    redactor.learn_environment()
    handler = logging.StreamHandler(stream)
    kind = JsonFormatter if format == "json" else TextFormatter
    handler.setFormatter(kind(process))
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old.formatter, (JsonFormatter, TextFormatter)):
            root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time level process pid logger message``, fields, ``exception``."""

    def __init__(self, process: str, *, secrets: Redactor = redactor) -> None:
        super().__init__()
        self._process = process
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The line of ``record``."""
        facts: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "process": self._process,
            "pid": record.process,
            "logger": record.name,
            "message": self._secrets.text(record.getMessage()),
        }
        for name, value in {**current_fields(), **extra_of(record)}.items():
            facts.setdefault(name, self._secrets.value(value, name=name))
        if record.exc_info and record.exc_info[0] is not None:
            facts["exception"] = self._secrets.text(self.formatException(record.exc_info))
        return json.dumps(facts, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """``time LEVEL process message name=value …``, and the traceback below."""

    def __init__(self, process: str, *, secrets: Redactor = redactor) -> None:
        super().__init__()
        self._process = process
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """The lines of ``record``."""
        fields = {**current_fields(), **extra_of(record)}
        parts = [
            f"{_time(record)} {record.levelname:<7} {self._process:<6}",
            self._secrets.text(record.getMessage()),
            *(f"{k}={_short(self._secrets.value(v, name=k))}" for k, v in fields.items()),
        ]
        text = " ".join(parts)
        if record.exc_info and record.exc_info[0] is not None:
            text += "\n" + self._secrets.text(self.formatException(record.exc_info))
        return text


def extra_of(record: logging.LogRecord) -> dict[str, Any]:
    """What was passed as ``extra``; names with an underscore are what libraries note on records."""
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _NOT_EXTRA and not name.startswith("_")
    }


async def relay(
    stream: asyncio.StreamReader, process: str, *, kept: deque[bytes] | None = None, **fields: Any
) -> None:
    """Pass on what a child process writes to its stderr, line by line, until it ends.

    Lines of our own format go through as they are. Others, which libraries wrote, become log lines
    in JSON, or stay what they are in text. No line is longer than 16 KiB.

    Args:
        stream: the child's stderr.
        process: what the child is.
        kept: gets the lines too.
        fields: told with each line that is wrapped.
    """
    rest = b""
    while data := await stream.read(1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            _pass_on(line, process, fields)
            if kept is not None:
                kept.append(line)
    if rest:
        _pass_on(rest, process, fields)
        if kept is not None:
            kept.append(rest)


async def settled(relaying: asyncio.Task[None]) -> None:
    """Wait for the last words of a process that is gone, but not for its grandchildren."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(relaying, _LAST_WORDS_S)


def _pass_on(line: bytes, process: str, fields: dict[str, Any]) -> None:
    text = redactor.text(line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip())
    if not text:
        return
    if os.environ.get(FORMAT_VARIABLE) == "json" and not _is_ours(text):
        record = logging.makeLogRecord(
            {"name": f"{process}.stderr", "msg": "%s", "args": (text,), "levelno": logging.INFO,
             "levelname": "INFO", **fields}
        )  # fmt: skip
        text = JsonFormatter(process).format(record)
    print(text, file=sys.stderr, flush=True)


def _is_ours(text: str) -> bool:
    if not text.startswith('{"time": '):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _time(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _short(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return repr(text) if not text or " " in text or "\n" in text else text
