"""Serve for the benchmarks: ``serve.py DATA_DIR [OPTION=PYTHON_VALUE …]``.

While a file ``DATA_DIR/../fault`` exists, what it names fails as on a full disk: ``write``,
``fsync`` of a file, ``folder`` (fsync of a folder) or ``link``, which moves an
upload into the store.
"""

import ast
import errno
import os
import stat
import sys
from pathlib import Path

from reel2sim.server import ServerConfig, serve


class Short:
    """A file on a disk that takes half of what is written to it."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def seek(self, offset):
        self._file.seek(offset)

    def write(self, data):
        self._file.write(data[: len(data) // 2])
        self._file.flush()
        raise full()


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def inject(fault: Path) -> None:
    """Make the calls of this process fail on demand."""

    def fails(what: str) -> bool:
        return fault.exists() and fault.read_text() == what

    real_open, real_fsync, real_link = Path.open, os.fsync, Path.hardlink_to

    def opened(path, mode="r", *rest, **more):
        file = real_open(path, mode, *rest, **more)
        if path.parent.name != "uploads" or not fails("write"):
            return file
        return Short(file)

    def fsync(descriptor):
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        if fails("folder" if folder else "fsync"):
            raise full()
        real_fsync(descriptor)

    def link(target, source):
        if fails("link"):
            raise full()
        return real_link(target, source)

    Path.open, os.fsync, Path.hardlink_to = opened, fsync, link


def leak(size: int) -> None:
    """Keep some bytes of each operation: what a study of memory has to see."""
    from reel2sim.server.operations import Operations

    hoard: list[bytes] = []
    real_create = Operations.create

    async def create(self, draft):
        hoard.append(os.urandom(size))
        return await real_create(self, draft)

    Operations.create = create


if __name__ == "__main__":
    if size := int(os.environ.get("REEL2SIM_BENCH_LEAK", "0")):
        leak(size)
    data = Path(sys.argv[1])
    inject(data.parent / "fault")
    given = (argument.partition("=") for argument in sys.argv[2:])
    options = {key: ast.literal_eval(value) for key, _, value in given}
    defaults = {"address": "127.0.0.1:0", "runner": "quick_job:run"}
    serve(ServerConfig(data_dir=data, **(defaults | options)))
