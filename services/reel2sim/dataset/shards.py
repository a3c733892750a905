"""Samples in tar files that training reads front to back, in the layout of WebDataset."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel2sim.exporters.staging import staged_folder

INDEX_FILE = "index.json"
MEMBERS_FILE = "members.jsonl"


@dataclass(frozen=True)
class Sample:
    """One sample.

    Attributes:
        key: of the sample; without dots.
        files: name after the key, such as ``static_0000.png``, and where its bytes are; in order.
        record: goes in as ``key.json``.
    """

    key: str
    files: tuple[tuple[str, Path], ...]
    record: Any


def write_shards(folder: Path, samples: Iterable[Sample], *, most_bytes: int) -> tuple[Path, ...]:
    """Write ``shard-000000.tar`` and so on, replacing ``folder``.

    The same samples give the same bytes: members are in order, and carry neither times nor
    owners. ``index.json`` lists the shards as ``wids`` reads them, with their sha256;
    ``members.jsonl`` has for each sample the shard and the place of every file's bytes in it, so
    that one can be read alone.

    Args:
        folder: made, or replaced.
        samples: in the order in which they are to be stored; those of one shard are held at a time.
        most_bytes: size at which a new shard is begun; a sample is never cut.
    """
    listed: list[dict[str, Any]] = []
    with staged_folder(folder, overwrite=True) as made:
        with (made / MEMBERS_FILE).open("w", encoding="utf-8") as members:
            for i, some in enumerate(_groups(samples, most_bytes)):
                name = f"shard-{i:06d}.tar"
                places = _write_tar(made / name, some)
                for sample in some:
                    line = {"key": sample.key, "shard": name, "files": places[sample.key]}
                    members.write(json.dumps(line) + "\n")
                data = made / name
                with data.open("rb") as stream:
                    digest = hashlib.file_digest(stream, "sha256").hexdigest()
                size = data.stat().st_size
                listed.append(
                    {"url": name, "nsamples": len(some), "filesize": size, "sha256": digest}
                )
        index = {
            "__kind__": "wids-shard-index-v1",
            "wids_version": 1,
            "name": "reel2sim",
            "shardlist": listed,
        }
        (made / INDEX_FILE).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return tuple(folder / entry["url"] for entry in listed)


def _groups(samples: Iterable[Sample], most_bytes: int) -> Iterator[list[Sample]]:
    group: list[Sample] = []
    size = 0
    for sample in samples:
        weight = sum(path.stat().st_size + 1024 for _, path in sample.files)
        if group and size + weight > most_bytes:
            yield group
            group, size = [], 0
        group.append(sample)
        size += weight
    if group:
        yield group


def _write_tar(path: Path, samples: Sequence[Sample]) -> dict[str, dict[str, list[int]]]:
    """Write a shard; offset and size of every file's bytes, by sample."""
    places: dict[str, dict[str, list[int]]] = {}
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            text = json.dumps(sample.record, ensure_ascii=False).encode()
            here = places.setdefault(sample.key, {})
            here["json"] = _add(tar, f"{sample.key}.json", text)
            for name, file in sample.files:
                here[name] = _add(tar, f"{sample.key}.{name}", file.read_bytes())
    return places


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> list[int]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), 0o644
    tar.addfile(info, io.BytesIO(data))
    return [tar.offset - -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE, len(data)]
