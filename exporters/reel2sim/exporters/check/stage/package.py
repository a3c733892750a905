"""``scene.usdz``: an uncompressed zip that a reader maps into memory."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from reel2sim.exporters.check.report import Notes

_ALIGNMENT = 64
_HEADER = struct.Struct("<4s5H3I2H")
_LAYERS = (".usda", ".usdc", ".usd")


def check_archive(notes: Notes, where: str) -> dict[str, bytes]:
    """Note what the USDZ specification forbids; the files by name.

    Raises:
        zipfile.BadZipFile: if it is no zip.
        ValueError: if a file is damaged, or too large to look at.
    """
    path = notes.root / where
    packed: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
        infos = archive.infolist()
        for info in infos:
            at = f"{where}: {info.filename}"
            if info.flag_bits & 1:
                notes.add("USD021", at, "is encrypted")
                continue
            if info.compress_type != zipfile.ZIP_STORED:
                notes.add("USD021", at, "is compressed")
            if info.file_size > max(100 * info.compress_size, 1 << 20):
                raise ValueError(f"{info.filename} would grow to {info.file_size} bytes")
            start = _content_start(stream, info)
            if start % _ALIGNMENT:
                notes.add("USD021", at, f"begins at byte {start}, no multiple of {_ALIGNMENT}")
            if info.filename.startswith("/") or ".." in PurePosixPath(info.filename).parts:
                notes.add("USD021", at, "would be unpacked elsewhere")
            packed[info.filename] = archive.read(info)
        if not infos or Path(infos[0].filename).suffix.lower() not in _LAYERS:
            notes.add("USD021", where, "does not begin with a layer")
    return packed


def _content_start(stream: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Where the file's bytes begin: its local header need not be as long as the central one."""
    stream.seek(info.header_offset)
    *_, name, extra = _HEADER.unpack(stream.read(_HEADER.size))
    return info.header_offset + _HEADER.size + name + extra
