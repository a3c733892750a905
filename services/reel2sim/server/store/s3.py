"""Blobs in a bucket of Amazon S3 or of what speaks its protocol."""

from __future__ import annotations

import base64
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from reel2sim.scene.digest import digest_file
from reel2sim.scene.errors import (
    IntegrityError,
    MissingDependencyError,
    NotFoundError,
    UnavailableError,
    UsageError,
)

try:
    import boto3
    from boto3.s3.transfer import TransferConfig
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError as _cause:
    raise MissingDependencyError("S3 needs boto3", remedy="install reel2sim[s3]") from _cause

T = TypeVar("T")
_PART = 16 << 20
_KEEP_S = 3600.0
_ABSENT = ("404", "NoSuchKey", "NotFound")


class S3Blobs:
    """Objects ``PREFIX/DIGEST``. What is asked for as a file is kept in a folder, up to a limit.

    An object is there whole or not at all by S3's own promise; its digest is checked whenever it
    is fetched.

    Args:
        client: of boto3.
        bucket: its name.
        prefix: of all keys, without a slash at its end.
        folder: for the files that were fetched.
        cache_bytes: how much of them is kept once they are an hour old.
    """

    def __init__(
        self, client: Any, bucket: str, prefix: str, folder: Path, *, cache_bytes: int = 16 << 30
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._folder = folder
        self._cache_bytes = cache_bytes
        self._transfer = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART)
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            # Cut off while it was fetched, by a process that was killed: no name of a blob.
            if path.suffix and path.stat().st_mtime < time.time() - _KEEP_S:
                path.unlink(missing_ok=True)

    @classmethod
    def at(cls, url: str, folder: Path) -> S3Blobs:
        """The store of ``s3://BUCKET/PREFIX?endpoint=URL&region=NAME``; see ``open_blobs``."""
        parts = urlsplit(url)
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if unknown := sorted(options.keys() - {"endpoint", "region"}):
            raise UsageError(f"has the unknown option {unknown[0]!r}", field="artifact_store")
        if not parts.netloc:
            raise UsageError(
                "names no bucket", field="artifact_store", remedy="write s3://BUCKET/PREFIX"
            )
        config = Config(
            retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=30
        )
        client: Any = boto3.client(
            "s3",
            endpoint_url=options.get("endpoint"),
            region_name=options.get("region"),
            config=config,
        )
        return cls(client, parts.netloc, parts.path.strip("/"), folder)

    def put(self, digest: str, file: Path) -> None:
        """See :class:`Blobs`."""
        if self.has(digest):
            return
        checksum = base64.b64encode(bytes.fromhex(digest)).decode()
        if file.stat().st_size < _PART:
            # The store refuses bytes that were damaged on the way.
            body = file.read_bytes()
            _tried(
                lambda: self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._key(digest),
                    Body=body,
                    ChecksumSHA256=checksum,
                )
            )
            return
        _tried(
            lambda: self._client.upload_file(
                str(file),
                self._bucket,
                self._key(digest),
                Config=self._transfer,
                ExtraArgs={"ChecksumAlgorithm": "SHA256"},
            )
        )

    def has(self, digest: str) -> bool:
        """See :class:`Blobs`."""
        return self._head(digest) is not None

    def local(self, digest: str) -> Path:
        """See :class:`Blobs`."""
        path = self._folder / digest
        if path.is_file():
            os.utime(path)
            return path
        if self._head(digest) is None:
            raise NotFoundError("is not in the store", source=digest, remedy="upload it first")
        part = self._folder / f"{digest}.{uuid.uuid4().hex}.part"
        try:
            _tried(
                lambda: self._client.download_file(
                    self._bucket, self._key(digest), str(part), Config=self._transfer
                )
            )
            if digest_file(part) != digest:
                raise IntegrityError("was damaged in the store or on the way", source=digest)
            part.chmod(0o444)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        self._shrink()
        return path

    def delete(self, digest: str) -> None:
        """See :class:`Blobs`."""
        _tried(lambda: self._client.delete_object(Bucket=self._bucket, Key=self._key(digest)))
        (self._folder / digest).unlink(missing_ok=True)

    def digests(self) -> Iterator[str]:
        """See :class:`Blobs`."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        for page in _tried(lambda: list(pages)):
            for item in page.get("Contents", ()):
                yield item["Key"].removeprefix(self._prefix)

    def _head(self, digest: str) -> Any | None:
        def look() -> Any | None:
            try:
                return self._client.head_object(Bucket=self._bucket, Key=self._key(digest))
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return None
                raise

        return _tried(look)

    def _key(self, digest: str) -> str:
        return self._prefix + digest

    def _shrink(self) -> None:
        """Forget the files that were used longest ago, until the rest is within the limit."""
        files = [(path.stat(), path) for path in self._folder.iterdir()]
        used = sum(stat.st_size for stat, _ in files)
        for stat, path in sorted(files, key=lambda item: item[0].st_mtime):
            if used <= self._cache_bytes or stat.st_mtime > time.time() - _KEEP_S:
                return
            path.unlink(missing_ok=True)
            used -= stat.st_size


def _tried(work: Callable[[], T]) -> T:
    """The result of ``work``; boto3 has tried again by itself before it gives up."""
    try:
        return work()
    except (BotoCoreError, ClientError) as cause:
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
        raise UnavailableError(
            f"the blob store does not answer as it should ({code or type(cause).__name__})",
            remedy="see that its address, bucket and credentials are right",
        ) from cause
