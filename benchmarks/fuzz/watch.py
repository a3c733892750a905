"""Whether anything outside of a folder is opened while a file is read.

Two nets, neither of which asks for rights:

- what Python opens, lists, starts or connects to, of any name, by its audit events;
- what anything in the process opens among the files of a watched folder, by inotify. Native
  libraries raise no audit events, but the mutated files name these files and no others that exist
  and could be read, so that a library that follows such a name is seen.

A native library that opened a file elsewhere, of a name that the mutations do not hold, would not
be seen.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

_IN_ACCESS, _IN_OPEN = 0x1, 0x20
_NONBLOCK = os.O_NONBLOCK
_EVENT = struct.Struct("iIII")
_DEEDS = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.system",
     "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename", "os.rmdir", "os.mkdir",
     "ftplib.connect", "urllib.Request", "http.client.connect"}
)  # fmt: skip
_LOOKS = frozenset({"open", "os.listdir", "os.scandir"})


_WASHER = os.path.join("importers", "usd", "crate_worker.py")  # noqa: PTH118
"""The only process that importers start."""
_FIGURES = re.compile(r"/proc/\d+/stat")
"""How long that process has worked, of which they take note."""


class Watch:
    """Records what happens between :meth:`begin` and :meth:`end`."""

    def __init__(self, outside: Path, allowed: Sequence[Path]) -> None:
        """Watch the files in ``outside``; below ``allowed`` everything may be read."""
        self._allowed = tuple(os.path.realpath(folder) + os.sep for folder in allowed)
        self._seen: list[str] | None = None
        libc = ctypes.CDLL(None, use_errno=True)
        self._notify = libc.inotify_init1(_NONBLOCK)
        mask = _IN_OPEN | _IN_ACCESS
        if self._notify < 0 or libc.inotify_add_watch(self._notify, bytes(outside), mask) < 0:
            raise OSError(ctypes.get_errno(), "inotify is not available")
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._seen is None:
            return
        if event in _DEEDS and not self._own(event, arguments):
            self._seen.append(f"{event} {arguments!r}"[:300])
        elif event in _LOOKS and arguments and not isinstance(arguments[0], int):
            seen, self._seen = self._seen, None  # what follows looks at files itself
            path = os.path.realpath(os.fsdecode(arguments[0] or "."))  # type: ignore[arg-type]
            fine = path == os.devnull or _FIGURES.fullmatch(path)
            if not fine and not f"{path}/".startswith(self._allowed):
                seen.append(f"{event} {path}")
            self._seen = seen

    def _own(self, event: str, arguments: tuple[object, ...]) -> bool:
        """Whether it is a process of the project's, or a change below what is allowed."""
        if event == "subprocess.Popen":
            return arguments[0] == sys.executable and _WASHER in str(arguments[1])
        path = arguments[0] if arguments and isinstance(arguments[0], (str, bytes)) else ""
        return event.startswith("os.") and os.path.realpath(os.fsdecode(path)).startswith(
            self._allowed
        )

    def begin(self) -> None:
        """From now on."""
        self._opened()
        self._seen = []

    def end(self) -> list[str]:
        """Up to now: what was opened or done that should not have been."""
        seen, self._seen = self._seen or [], None
        return [*seen, *self._opened()]

    def _opened(self) -> list[str]:
        """Names of watched files that were opened since the last call."""
        found: list[str] = []
        while True:
            try:
                data = os.read(self._notify, 65536)
            except BlockingIOError:
                return sorted(set(found))
            at = 0
            while at < len(data):
                *_, size = _EVENT.unpack_from(data, at)
                at += _EVENT.size
                name = data[at : at + size].rstrip(b"\0").decode()
                at += size
                found.append(f"opened {name or 'the folder'} outside")
