"""A PostgreSQL of its own on a free port of this machine, which can be stopped and started."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from free_port import free_port


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl, of the newest version that is installed."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    return folders[-1] if folders else None


class LocalPostgres:
    """A database cluster in a temporary folder.

    Attributes:
        url: of its database.
    """

    def __init__(self) -> None:
        self._bin = binaries()
        assert self._bin is not None
        # PostgreSQL does not run as root, and its folder must belong to whom it runs as.
        self._user = _unprivileged()
        # Not in a folder of pytest's, which only its own user may enter.
        self._folder = Path(tempfile.mkdtemp(prefix="reel2sim-postgres-"))
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self._port = free_port()
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-N")
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def start(self) -> None:
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-m", mode, "stop")

    def remove(self) -> None:
        """Stop it and forget everything."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop()
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            user=self._user,
            group=None if self._user is None else pwd.getpwnam(self._user).pw_gid,
            extra_groups=None if self._user is None else (),
            timeout=240,
        )


def _unprivileged() -> str | None:
    """Whom to run as instead of root; None to run as who we are."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
