"""How much of the store unfinished uploads may take."""

from __future__ import annotations

import time
from pathlib import Path

from reel2sim.scene.errors import ExhaustedError
from reel2sim.server.artifacts import Artifacts

_FRESH_S = 1.0
"""How long the bytes of artifacts are not asked for again while there is room."""


class Room:
    """Keeps unfinished uploads, together with the artifacts, within the limit of the store.

    The output of a job is held to the limit of the artifacts alone: who begins uploads and leaves
    them must not make the work of others fail.

    Args:
        artifacts: the store.
        max_bytes: limit of artifacts and unfinished uploads together; None for none.
        keep_s: age at which unfinished uploads are dropped, told with errors.
    """

    def __init__(self, artifacts: Artifacts, *, max_bytes: int | None, keep_s: float) -> None:
        self._artifacts = artifacts
        self._max_bytes = max_bytes
        self._keep_s = keep_s
        self._held: dict[str, int] = {}
        self._stored = 0
        self._asked_s = -_FRESH_S

    @property
    def pending(self) -> int:
        """Bytes of all unfinished uploads."""
        # A copy: uploads are also dropped from another thread.
        return sum(list(self._held.values()))

    def recount(self, file: Path) -> None:
        """Count the upload ``file`` as large as it is now; not at all if it is gone."""
        try:
            self._held[file.name] = file.stat().st_size
        except FileNotFoundError:
            self._held.pop(file.name, None)
            self._asked_s = -_FRESH_S  # it may have become an artifact

    async def take(self, file: Path, size: int) -> None:
        """Count ``size`` bytes more for the upload ``file``, before they are written.

        Raises:
            ExhaustedError: if the store would grow beyond its limit.
        """
        if self._max_bytes is not None:
            if time.monotonic() - self._asked_s >= _FRESH_S or not self._fits(size):
                await self._ask()
            if not self._fits(size):
                raise ExhaustedError(
                    f"the store is limited to {self._max_bytes} bytes: artifacts use "
                    f"{self._stored}, unfinished uploads {self.pending}",
                    remedy="delete artifacts that are not needed and finish uploads; unfinished "
                    f"ones are dropped {self._keep_s / 3600:g} h after their last byte",
                )
        # Nothing was awaited since the look, so no other upload has taken the same room.
        self._held[file.name] = self._held.get(file.name, 0) + size

    def _fits(self, size: int) -> bool:
        return self._max_bytes is None or self._stored + self.pending + size <= self._max_bytes

    async def _ask(self) -> None:
        asked_s = time.monotonic()
        _, self._stored = await self._artifacts.usage()
        self._asked_s = asked_s
