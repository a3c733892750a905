"""Stage results on disk, addressed by what they were made from.

An entry is two files, ``<stage>/<key>.npz`` and ``<stage>/<key>.json``. The second holds the
first one's digest and is written last, so an entry either is whole or does not exist: a killed
process, a full disk or a flipped bit costs a recomputation and never gives a wrong result. While
a result is made, ``<stage>/<key>.steps`` holds what is kept of the work.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from reel2sim.pipeline.atomic import remove_leftovers, write_atomically
from reel2sim.pipeline.checkpoints import FolderCheckpoints
from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import Reel2SimError

T = TypeVar("T")
_log = logging.getLogger(__name__)
_STEPS = ".steps"


class Store(Protocol[T]):
    """How results of one type become a file and come back."""

    def save(self, path: Path, value: T) -> None:
        """Write ``value`` to ``path``."""
        ...

    def load(self, path: Path) -> T:
        """Read it back; raises :class:`~reel2sim.scene.errors.InputError` if it is damaged."""
        ...


@dataclass(frozen=True)
class Cost:
    """What making an entry took.

    Attributes:
        seconds: wall time.
        peak_memory_mb: largest resident memory of the process meanwhile, MiB.
        metrics: figures the stage reported.
    """

    seconds: float
    peak_memory_mb: float
    metrics: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Hit(Generic[T]):
    """A result that was found.

    Attributes:
        value: the result.
        cost: what making it took when it was made.
        digest: sha256 of the file it is kept in; "" if it is in none.
    """

    value: T
    cost: Cost
    digest: str = ""


def default_cache_folder() -> Path:
    """``$REEL2SIM_CACHE``, else ``$XDG_CACHE_HOME/reel2sim``, else ``~/.cache/reel2sim``."""
    if explicit := os.environ.get("REEL2SIM_CACHE"):
        return Path(explicit)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "reel2sim"


@dataclass(frozen=True)
class Cache:
    """A folder of stage results.

    Attributes:
        folder: where they are; made on first use.
        max_bytes: size above which the entries used longest ago are removed.
    """

    folder: Path
    max_bytes: int = 20 * 1024**3

    def get(self, stage: str, key: str, store: Store[T]) -> Hit[T] | None:
        """The result for ``key``, or None; a damaged entry is removed and counts as absent."""
        payload, meta = self._paths(stage, key)
        if not meta.exists():
            return None
        try:
            record = json.loads(meta.read_text())
            digest = digest_file(payload)
            if digest != record["sha256"]:
                raise ValueError("digest differs")
            hit = Hit(store.load(payload), Cost(**record["cost"]), digest)
        except (OSError, ValueError, KeyError, TypeError, Reel2SimError) as cause:
            _log.warning("discarding damaged cache entry %s: %s", payload, cause)
            self._remove(payload, meta)
            return None
        with contextlib.suppress(OSError):
            os.utime(meta)
        return hit

    def put(self, stage: str, key: str, value: T, store: Store[T], *, cost: Cost) -> str:
        """Keep ``value``. A cache that cannot be written is reported in the log, not raised.

        Returns:
            sha256 of the file that ``store`` made; "" if it could not be kept.
        """
        payload, meta = self._paths(stage, key)
        try:
            payload.parent.mkdir(parents=True, exist_ok=True)
            digest = write_atomically(payload, lambda path: store.save(path, value))
            record = {"stage": stage, "sha256": digest, "cost": asdict(cost)}
            write_atomically(meta, lambda path: path.write_text(json.dumps(record, indent=1)))
            self.sweep()
            self._evict(keep=payload)
        except OSError as cause:
            _log.warning("cannot keep the result of %s in %s: %s", stage, self.folder, cause)
            return ""
        return digest

    def sweep(self) -> None:
        """Remove what killed processes have left half written."""
        for folder in (*self.folder.glob("*/"), *self.folder.glob(f"*/*{_STEPS}/")):
            remove_leftovers(folder)

    def checkpoints(self, stage: str, key: str) -> FolderCheckpoints:
        """What the making of ``key`` keeps until it is done."""
        return FolderCheckpoints(self.folder / stage / f"{key}{_STEPS}", f"{stage} {key}")

    def _paths(self, stage: str, key: str) -> tuple[Path, Path]:
        base = self.folder / stage
        return base / f"{key}.npz", base / f"{key}.json"

    def _evict(self, *, keep: Path) -> None:
        """Remove what was used longest ago, results and unfinished work alike."""
        entries: list[tuple[float, int, Path]] = []
        for meta in self.folder.glob("*/*.json"):
            payload = meta.with_suffix(".npz")
            with contextlib.suppress(OSError):
                entries.append((meta.stat().st_mtime, payload.stat().st_size, payload))
        for steps in self.folder.glob(f"*/*{_STEPS}"):
            with contextlib.suppress(OSError):
                size = sum(path.stat().st_size for path in steps.iterdir())
                entries.append((steps.stat().st_mtime, size, steps))
        total = sum(size for _, size, _ in entries)
        for _, size, entry in sorted(entries):
            if total <= self.max_bytes:
                return
            if entry.suffix == _STEPS:
                shutil.rmtree(entry, ignore_errors=True)
            elif entry != keep:
                self._remove(entry, entry.with_suffix(".json"))
            else:
                continue
            total -= size

    @staticmethod
    def _remove(payload: Path, meta: Path) -> None:
        # The record goes first: what is left behind by a kill in between is no entry.
        for path in (meta, payload):
            with contextlib.suppress(OSError):
                path.unlink()
