"""Pictures of the held-out views that other methods made."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reel2sim.pipeline.scores import Drawing, HeldOut, blank
from reel2sim.scene.errors import InputError, UsageError

_BRIGHT = 0.2
"""Without alpha, what is at least this bright on black counts as covered."""


@dataclass(frozen=True)
class Peer:
    """A method and the folder with one folder of pictures per capture."""

    name: str
    folder: Path


@dataclass(frozen=True, eq=False)
class PeerPictures:
    """What a peer gave for one capture.

    Attributes:
        drawings: one per held-out view; black where a picture is missing.
        seconds: what the peer says it took, if it does.
        peak_memory_mb: likewise.
        note: what else it says.
        failure: how many pictures are missing, or "".
    """

    drawings: tuple[Drawing, ...]
    seconds: float | None
    peak_memory_mb: float | None
    note: str
    failure: str


def parse_peers(texts: Sequence[str], variants: Sequence[str]) -> tuple[Peer, ...]:
    """Peers from ``NAME=DIR`` each; no name may be that of a variant or come twice.

    Raises:
        UsageError: if a text cannot be read or its folder is not there.
    """
    peers: list[Peer] = []
    for text in texts:
        name, equals, folder = text.partition("=")
        if not (name and equals and folder):
            raise UsageError(f"{text!r} is not NAME=DIR", field="--peer")
        if name in variants or any(name == peer.name for peer in peers):
            raise UsageError(f"{name!r} comes twice", field="--peer")
        if not Path(folder).is_dir():
            raise UsageError("is not a folder", source=folder, field="--peer")
        peers.append(Peer(name, Path(folder)))
    return tuple(peers)


def load_pictures(folder: Path, held_out: HeldOut) -> PeerPictures:
    """Read a peer's folder of one capture: pictures named as the held-out frames, seconds.json.

    Raises:
        InputError: if a picture has another size or cannot be read.
    """
    nothing = list(blank(held_out))
    drawings, missing = [], 0
    for file, black in zip(held_out.files, nothing, strict=True):
        paths = [path for path in (folder / file, folder / f"{file}.png") if path.is_file()]
        missing += not paths
        drawings.append(
            _picture(paths[0], black.alpha.shape) if paths else Drawing(black.rgb, black.alpha)
        )
    said = _said(folder / "seconds.json")
    return PeerPictures(
        drawings=tuple(drawings),
        seconds=_number(said, "seconds"),
        peak_memory_mb=_number(said, "peak_memory_mb"),
        note=str(said.get("note") or ""),
        failure=f"{missing} of {len(drawings)} pictures missing" if missing else "",
    )


def _picture(path: Path, size: tuple[int, ...]) -> Drawing:
    try:
        with Image.open(path) as image:
            clear = "A" in image.getbands() or "transparency" in image.info
            pixels = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
    except OSError as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause
    if pixels.shape[:2] != size:
        raise InputError(
            f"is {pixels.shape[1]}×{pixels.shape[0]}, the held-out view {size[1]}×{size[0]}",
            source=path,
        )
    if clear:
        return Drawing(pixels[..., :3] * pixels[..., 3:], pixels[..., 3])
    bright = pixels[..., :3].max(axis=2) >= _BRIGHT
    return Drawing(pixels[..., :3], bright.astype(np.float32))


def _said(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise InputError(f"cannot be read: {cause}", source=path) from cause
    if not isinstance(record, dict):
        raise InputError("is not a JSON object", source=path)
    return record


def _number(said: Mapping[str, Any], key: str) -> float | None:
    value = said.get(key)
    return float(value) if isinstance(value, int | float) else None
