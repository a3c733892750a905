"""What a batch is asked to do: one JSON object a line."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reel2sim.pipeline.config import PipelineConfig, Preset, file_safe_name
from reel2sim.scene.digest import digest_config
from reel2sim.scene.errors import InputError, UsageError

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


@dataclass(frozen=True, kw_only=True)
class BatchJob:
    """One bundle to make.

    Attributes:
        id: names the job and its folder; unique in a batch.
        source: capture folder or video file, absolute; "" with a prompt.
        prompt: text to generate the reel from; "" with a source.
        preset: effort.
        seed: of every random draw.
        name: of the object; "" takes it from the source or the prompt.
    """

    id: str
    source: str = ""
    prompt: str = ""
    preset: Preset = "standard"
    seed: int = 0
    name: str = ""

    @property
    def digest(self) -> str:
        """sha256 of what is asked for, so that a changed line is done again."""
        return digest_config("job", dataclasses.asdict(self))

    def pipeline_config(self) -> PipelineConfig:
        """The configuration of the job's run.

        Raises:
            UsageError: if preset, seed or name are not usable.
        """
        return PipelineConfig(preset=self.preset, seed=self.seed, name=self.name)


def read_jobs(path: Path, *, preset: Preset = "standard") -> tuple[BatchJob, ...]:
    """All jobs of a file, checked before any is run.

    A line is ``{"source": …}`` or ``{"prompt": …}`` with, as one likes, ``id``, ``preset``,
    ``seed`` and ``name``. Sources are relative to the file. Without an id a job gets one made of
    its name and a digest of its line, which stays the same when other lines change.

    Args:
        path: JSON lines; empty lines are skipped.
        preset: of jobs that name none.

    Raises:
        InputError: naming the file and the first line that is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as cause:
        raise InputError(f"cannot be read: {cause.strerror}", source=path) from cause
    except UnicodeDecodeError as cause:
        raise InputError("is not UTF-8 text", source=path) from cause
    jobs: list[BatchJob] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        job = _job(line, path, number, preset)
        if job.id in seen:
            raise InputError(
                f"id {job.id!r} is that of line {seen[job.id]} too",
                source=path,
                field=f"line {number}",
                remedy="give each job its own id",
            )
        seen[job.id] = number
        jobs.append(job)
    if not jobs:
        raise InputError("holds no jobs", source=path)
    return tuple(jobs)


def _job(line: str, path: Path, number: int, preset: Preset) -> BatchJob:
    def wrong(message: str, remedy: str | None = None) -> InputError:
        return InputError(message, source=path, field=f"line {number}", remedy=remedy)

    try:
        record: Any = json.loads(line)
    except ValueError as cause:
        raise wrong(f"is not JSON: {cause}") from cause
    if not isinstance(record, dict):
        raise wrong("is not an object")
    texts = ("id", "source", "prompt", "preset", "name")
    unknown = sorted(set(record) - {*texts, "seed"})
    if unknown:
        raise wrong(f"has unknown field {unknown[0]!r}", f"fields are {', '.join(texts)}, seed")
    for field in texts:
        if not isinstance(record.get(field, ""), str):
            raise wrong(f"{field} is not a text")
    seed = record.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise wrong("seed is not a whole number")
    source, prompt = record.get("source", ""), record.get("prompt", "")
    if bool(source) == bool(prompt):
        raise wrong("must have either a source or a prompt")
    if source:
        source = str((path.resolve().parent / source).absolute())
        if not Path(source).exists():
            raise wrong(f"source {source!r} does not exist")
    chosen = {"preset": record.get("preset", preset), "seed": seed, "name": record.get("name", "")}
    try:
        PipelineConfig(**chosen)
    except UsageError as cause:
        raise wrong(f"{cause.field}: {cause.message}", cause.remedy) from cause
    identity = record.get("id") or _default_id(record)
    if not _ID.match(identity):
        raise wrong(
            f"id {identity!r} is not usable as a folder name",
            "use letters, digits, dots, dashes and underscores",
        )
    return BatchJob(id=identity, source=source, prompt=prompt, **chosen)


def _default_id(record: dict[str, Any]) -> str:
    text = record.get("name") or record.get("prompt") or Path(record["source"]).stem
    return f"{file_safe_name(text)}-{digest_config(record)[:8]}"
