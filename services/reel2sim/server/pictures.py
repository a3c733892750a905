# pyright: strict, reportMissingTypeStubs=false
"""Pictures that a request names: what can be told of them before a worker decodes them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from reel2sim.media.sniff import container_of
from reel2sim.scene.errors import (
    EmptyMediaError,
    InputError,
    MediaError,
    MediaLimitError,
    NotFoundError,
)
from reel2sim.server.artifacts import Artifacts
from reel2sim.server.callers import caller
from reel2sim.v1 import common_pb2 as common

MAX_PICTURE_BYTES = 64 << 20
_HEAD = 16


async def check_pictures(artifacts: Artifacts, digests: Mapping[str, str]) -> None:
    """Refuse artifacts that cannot be pictures, so that nobody waits in the queue to hear it.

    One that is not in the store is left to whoever creates the operation, which may be there.

    Args:
        artifacts: where they are.
        digests: of each, by the field of the request that names it.

    Raises:
        InputError: if one is not a file, or its bytes are too many, or not of a PNG, JPEG or WebP.
    """
    for field, digest in digests.items():
        try:
            record = await artifacts.get(digest, principal=caller().name)
            if record.format != common.ARTIFACT_FORMAT_FILE:
                raise InputError(
                    "is a packed folder, not a file",
                    field=field,
                    remedy="upload the picture itself",
                )
            if record.size > MAX_PICTURE_BYTES:
                raise MediaLimitError(
                    f"has {record.size} bytes, more than the {MAX_PICTURE_BYTES} allowed",
                    field=field,
                    remedy="scale it down",
                )
            head = await asyncio.to_thread(_head, await artifacts.local(digest))
        except (NotFoundError, FileNotFoundError):
            continue
        if not head:
            raise EmptyMediaError("is empty (0 bytes)", field=field)
        if container_of(head) != "image":
            raise MediaError("is not a PNG, JPEG or WebP picture", field=field)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
