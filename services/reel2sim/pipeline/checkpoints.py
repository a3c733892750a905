"""Checkpoints in a folder: what a stage keeps while it works.

Each is one file: a line of JSON that says what it is of and the digest of what follows, then the
value as :mod:`reel2sim.pipeline.codec` writes it. It is written aside and renamed. A file that is
damaged, or is of anything else, costs the work it held and a line in the log, never an error.
"""

from __future__ import annotations

import io
import json
import logging
import math
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from reel2sim.pipeline.atomic import write_atomically
from reel2sim.pipeline.codec import read_value, write_value
from reel2sim.scene.digest import digest_bytes
from reel2sim.scene.errors import Reel2SimError

T = TypeVar("T")
_log = logging.getLogger(__name__)
_KIND = "reel2sim checkpoint"
_VERSION = 1
_OF = "~"
"""In names of files, between a step and what it is part of."""


@dataclass(frozen=True)
class FolderCheckpoints:
    """The :class:`~reel2sim.scene.checkpoints.Checkpoints` of one piece of work.

    Attributes:
        folder: for this work alone; made when there is something to keep.
        key: digest of everything the work depends on, its code included; what was kept under
            another key is not gone on from.
        every_s: seconds between two states of a loop.
        worth_s: seconds that a step must have taken to be kept.
        worth_bytes: most that a step's result may fill for each second it took; larger ones cost
            more to keep than they save.
        prefix: names of the steps that this one is part of.
    """

    folder: Path
    key: str
    every_s: float = 15.0
    worth_s: float = 0.5
    worth_bytes: float = 8e6
    prefix: str = ""

    def step(
        self, name: str, make: Callable[[], T], *, rng: np.random.Generator | None = None
    ) -> T:
        """See :meth:`reel2sim.scene.checkpoints.Checkpoints.step`."""
        found = self._load(self.prefix + name)
        if isinstance(found, dict) and found.keys() == {"result", "random"}:
            if rng is not None:
                rng.bit_generator.state = found["random"]
            return found["result"]
        began = time.monotonic()
        result = make()
        took = time.monotonic() - began
        parts = list(self.folder.glob(f"{_file_name(self.prefix + name)}{_OF}*"))
        if parts or took >= self.worth_s:
            random = None if rng is None else rng.bit_generator.state
            value = {"result": result, "random": random}
            # Of what was kept in parts, how long the whole took is not known.
            most = math.inf if parts else self.worth_bytes * took
            if self._save(self.prefix + name, value, most_bytes=most):
                for part in parts:
                    part.unlink(missing_ok=True)
        return result

    def loop(self, name: str) -> FolderLoop:
        """See :meth:`reel2sim.scene.checkpoints.Checkpoints.loop`."""
        return FolderLoop(self, self.prefix + name)

    def within(self, name: str) -> FolderCheckpoints:
        """See :meth:`reel2sim.scene.checkpoints.Checkpoints.within`."""
        return replace(self, prefix=f"{self.prefix}{name}/")

    def discard(self) -> None:
        """Remove all: the work is done, or will never be."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{_file_name(name)}.step"

    def _load(self, name: str) -> Any:
        path = self._path(name)
        try:
            with path.open("rb") as stream:
                said, data = json.loads(stream.readline(4096)), stream.read()
            wanted = {"kind": _KIND, "version": _VERSION, "key": self.key, "step": name}
            if said != {**wanted, "sha256": digest_bytes(data)}:
                raise ValueError("it is damaged, or of other work")
            return read_value(io.BytesIO(data), source=path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, Reel2SimError) as cause:
            _log.warning("not going on from checkpoint %s: %s", path, cause)
            return None

    def _save(self, name: str, value: object, *, most_bytes: float = math.inf) -> bool:
        """Keep ``value``. What cannot be kept is reported in the log, not raised."""
        data = io.BytesIO()
        path = self._path(name)
        try:
            write_value(data, value, compressed=False)
            if data.tell() > most_bytes:
                return False
            said = {"kind": _KIND, "version": _VERSION, "key": self.key, "step": name}
            line = json.dumps({**said, "sha256": digest_bytes(data.getvalue())}) + "\n"
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, lambda aside: _write(aside, line.encode(), data))
        except (OSError, TypeError, ValueError) as cause:
            _log.warning("cannot keep checkpoint %s: %s", path, cause)
            return False
        return True


class FolderLoop:
    """One loop's state in a folder; made by :meth:`FolderCheckpoints.loop`."""

    def __init__(self, home: FolderCheckpoints, name: str) -> None:
        self._home = home
        self._name = name
        self._state = home._load(name)
        self._last = time.monotonic()

    @property
    def state(self) -> Any:
        """What to go on from, or None; given once, so that it is not held in memory."""
        state, self._state = self._state, None
        return state

    def reached(self, state: Callable[[], object]) -> None:
        """See :meth:`reel2sim.scene.checkpoints.Loop.reached`."""
        if time.monotonic() - self._last >= self._home.every_s:
            self._home._save(self._name, state())
            self._last = time.monotonic()


def _file_name(name: str) -> str:
    """``name`` as a file may be called; the file says inside what it really is of."""
    return _OF.join(re.sub(r"[^a-z0-9-]", "_", part) for part in name.lower().split("/"))


def _write(path: Path, line: bytes, data: io.BytesIO) -> None:
    with path.open("wb") as stream:
        stream.write(line)
        stream.write(data.getbuffer())
