"""What the processes that decode have in common, as their parent sees it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from reel2sim.scene.errors import EmptyMediaError, MediaError, MediaLimitError, Reel2SimError

KINDS: Mapping[str, type[Reel2SimError]] = {
    "media": MediaError,
    "empty": EmptyMediaError,
    "limit": MediaLimitError,
}
"""Errors by what a decoder calls them."""
_LIMITS = {signal.SIGKILL, *({signal.SIGXCPU} if hasattr(signal, "SIGXCPU") else ())}


def environment() -> dict[str, str]:
    """Variables of a decoder.

    One BLAS thread: others reserve address space, which the limit counts.
    """
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def death(status: int, *, source: Path, remedy: str) -> Reel2SimError:
    """The error for a decoder that ended with ``status`` and without an answer."""
    if -status in _LIMITS:
        return MediaLimitError(
            "takes more memory or processor time to decode than is allowed",
            source=source,
            remedy="scale it down",
        )
    ended = f"was killed by signal {-status}" if status < 0 else f"failed with status {status}"
    return MediaError(f"cannot be decoded: the decoder {ended}", source=source, remedy=remedy)
