"""The model that comes with Reel2Sim."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FILE: Final = Path(__file__).parent / "weights" / "tiny.safetensors"


def shipped_weights() -> Path | None:
    """Its file; None if this installation has none."""
    return _FILE if _FILE.is_file() else None
