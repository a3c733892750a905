"""What a log line is about: fields that whoever logs need not know."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})
_task_fields: ContextVar[Mapping[str, str]] = ContextVar("log_fields", default=_NOTHING)
_process_fields: Mapping[str, str] = _NOTHING


@contextlib.contextmanager
def about(**fields: str) -> Iterator[None]:
    """Add fields to every line this task logs until the block ends; "" adds none."""
    known = {name: value for name, value in fields.items() if value}
    token = _task_fields.set({**_task_fields.get(), **known})
    try:
        yield
    finally:
        _task_fields.reset(token)


@contextlib.contextmanager
def process_about(**fields: str) -> Iterator[None]:
    """Add fields to every line of this process, whatever thread logs it.

    For a worker, which does one thing at a time: threads of libraries do not inherit the context
    of the task that started them.
    """
    global _process_fields
    before = _process_fields
    _process_fields = {**before, **{name: value for name, value in fields.items() if value}}
    try:
        yield
    finally:
        _process_fields = before


def current_fields() -> dict[str, str]:
    """The fields that hold here and now."""
    return {**_process_fields, **_task_fields.get()}
