# pyright: strict, reportMissingTypeStubs=false
"""The kinds of jobs: their messages, and what makes a request valid."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from reel2sim.scene.errors import InputError, PromptError, UsageError
from reel2sim.server.records import Resources
from reel2sim.transport.choices import (
    GENERATION,
    generation_controls,
    generation_setting,
    pictures_of,
)
from reel2sim.transport.edits import edit_from_message
from reel2sim.transport.names import DIGEST, OBJECT_NAME, TOKEN, WORD, filename_fault
from reel2sim.v1 import common_pb2 as common
from reel2sim.v1 import (
    editing_pb2,
    export_pb2,
    generation_pb2,
    pipeline_pb2,
    reconstruction_pb2,
    rigging_pb2,
)

_MAX_PROMPT = 4096
_MAX_SENSOR = 256
_WORDS = ("backend", "material")
_MOST_PRIORITY = 1000
_MEMORY_MIB = {
    common.PRESET_DRAFT: 1500,
    common.PRESET_STANDARD: 1500,
    common.PRESET_HIGH: 4000,
}
_MAX_EDITS, _MAX_SOURCES = 1000, 64


@dataclass(frozen=True)
class JobKind:
    """A kind of job.

    Attributes:
        name: how operations call it.
        request: class of its request.
        response: class of its response, which has ``metrics`` and the field ``output``.
        output: field of the response that carries the artifact.
        references: fields of the request that name input artifacts; may be repeated fields.
        check: raises an InputError that names the field of a request that is not valid.
        generates: whether a request has a generator make a reel, so that it is given pictures.
    """

    name: str
    request: type[Message]
    response: type[Message]
    output: str
    references: tuple[str, ...]
    check: Callable[[Any], None]
    generates: Callable[[Any], bool] = lambda request: False

    def inputs(self, request: Any) -> Iterator[tuple[str, common.ArtifactRef]]:
        """Input artifacts by field; those of a repeated field are ``field.0``, ``field.1`` …."""
        for field in self.references:
            value: Any = getattr(request, field)
            if not isinstance(value, common.ArtifactRef):
                yield from ((f"{field}.{i}", reference) for i, reference in enumerate(value))
            elif request.HasField(field):
                yield field, value
        yield from self.pictures(request).items()

    def pictures(self, request: Any) -> dict[str, common.ArtifactRef]:
        """Those of its inputs that a generator is given, by field."""
        if not self.generates(request):
            return {}
        named = pictures_of(request.config.generation)
        return {f"{GENERATION}.{name}": reference for name, reference in named.items()}


def _check_generate(request: generation_pb2.GenerateRequest) -> None:
    _check_common(request.request_id, request.config)
    _check_asked(request.prompt, request.config)


def _check_reconstruct(request: reconstruction_pb2.ReconstructRequest) -> None:
    _check_common(request.request_id, request.config)
    _check_reference(request.reel, "reel")


def _check_rig(request: rigging_pb2.RigRequest) -> None:
    _check_common(request.request_id, request.config)
    _check_reference(request.reel, "reel")
    _check_reference(request.surfels, "surfels")


def _check_export(request: export_pb2.ExportRequest) -> None:
    _check_common(request.request_id, request.config)
    _check_reference(request.asset, "asset")
    if request.HasField("reel"):
        _check_reference(request.reel, "reel")


def _check_edit(request: editing_pb2.EditRequest) -> None:
    _check_request_id(request.request_id)
    _check_reference(request.base, "base")
    if not request.edits:
        raise UsageError("at least one edit is required", field="edits")
    for field, most in (("edits", _MAX_EDITS), ("sources", _MAX_SOURCES)):
        if len(getattr(request, field)) > most:
            raise UsageError(f"are more than {most}", field=field)
    for i, source in enumerate(request.sources):
        _check_reference(source, f"sources[{i}]")
    known = {source.digest for source in request.sources}
    for i, message in enumerate(request.edits):
        field = f"edits[{i}]"
        try:
            edit = edit_from_message(message)
        except UsageError as cause:
            inside = f"{field}.{cause.field}" if cause.field else field
            raise UsageError(cause.message, field=inside, remedy=cause.remedy) from cause
        source = getattr(edit, "source", None)
        if source is not None and source not in known:
            raise UsageError("is not one of the sources", field=f"{field}.source")


def _check_run(request: pipeline_pb2.RunRequest) -> None:
    _check_common(request.request_id, request.config)
    if request.HasField("source") and request.prompt:
        raise UsageError("a source and a prompt exclude each other", field="prompt")
    if request.HasField("source"):
        _check_reference(request.source, "source")
    elif request.prompt or pictures_of(request.config.generation):
        _check_asked(request.prompt, request.config)
    else:
        raise UsageError("either a source or a prompt is required", field="source")


def needs_of(request: Any) -> Resources:
    """What a worker must have free to start a job with this request.

    The memory is what the stages were seen to need at their peak, with a margin.
    """
    config = getattr(request, "config", common.JobConfig())
    return Resources(
        cpus=1.0,
        gpus=1.0 if config.device == common.DEVICE_CUDA else 0.0,
        memory_mib=_MEMORY_MIB.get(config.preset, _MEMORY_MIB[common.PRESET_STANDARD]),
    )


def check_digest(digest: str, field: str) -> None:
    """Refuse what is not a sha256 in lower-case hex."""
    if not DIGEST.match(digest):
        raise InputError("must be 64 lower-case hexadecimal digits", field=field)


def _check_reference(reference: common.ArtifactRef, field: str) -> None:
    check_digest(reference.digest, f"{field}.digest")
    if reference.filename and (fault := filename_fault(reference.filename)):
        raise InputError(fault, field=f"{field}.filename")


def _check_asked(prompt: str, config: common.JobConfig) -> None:
    """Refuse what no generator can make, or not the one that is asked."""
    from reel2sim.generation.backend import registered
    from reel2sim.generation.make import check_controls
    from reel2sim.pipeline.config import PipelineConfig

    pictures = pictures_of(config.generation)
    if not prompt.strip() and not pictures:
        raise PromptError("is empty", field="prompt")
    if len(prompt) > _MAX_PROMPT:
        raise PromptError(f"is longer than {_MAX_PROMPT} characters", field="prompt")
    for name, reference in pictures.items():
        _check_reference(reference, f"{GENERATION}.{name}")
    # Other generators are of packages that only workers load; these say it when they are asked.
    name = config.backend or PipelineConfig().backend
    if (factory := registered().get(name)) is not None:
        unread = {name: Path(reference.digest) for name, reference in pictures.items()}
        controls = generation_controls(config.generation, unread)
        with _named(GENERATION):
            check_controls(controls, factory().capabilities, backend=name)


def _check_common(request_id: str, config: common.JobConfig) -> None:
    _check_request_id(request_id)
    _check_config(config)


def _check_request_id(request_id: str) -> None:
    if request_id and not TOKEN.match(request_id):
        raise UsageError(
            "must be 1 to 64 letters, digits, '-' or '_'",
            field="request_id",
            remedy="use a UUID",
        )


def check_policy(policy: common.ExecutionPolicy) -> None:
    """Refuse priorities that are out of their range."""
    if abs(policy.priority) > _MOST_PRIORITY:
        raise UsageError(
            f"must be from -{_MOST_PRIORITY} to {_MOST_PRIORITY}",
            field="execution_policy.priority",
        )


def _check_config(config: common.JobConfig) -> None:
    if config.preset not in common.Preset.values():
        raise UsageError(f"{config.preset} is not a preset", field="config.preset")
    if config.device not in common.Device.values():
        raise UsageError(f"{config.device} is not a device", field="config.device")
    if config.name and not OBJECT_NAME.match(config.name):
        raise UsageError(
            "must be lower-case words joined by single underscores, at most 48 characters",
            field="config.name",
        )
    for field in _WORDS:
        value: str = getattr(config, field)
        if value and not WORD.match(value):
            raise UsageError("is not a word of at most 64 characters", field=f"config.{field}")
    if config.max_size and not 16 <= config.max_size <= 16384:
        raise UsageError("must be 0, or from 16 to 16384", field="config.max_size")
    if not 0 <= config.density < float("inf"):
        raise UsageError("must be 0, or a density in kg/m³", field="config.density")
    if config.HasField("generation"):
        _check_generation(config.generation)


def _check_generation(options: common.GenerationOptions) -> None:
    field = GENERATION
    for name, known in (("background", common.Background), ("lighting", common.Lighting)):
        if getattr(options, name) not in known.values():
            raise UsageError(f"{getattr(options, name)} is none", field=f"{field}.{name}")
    for name, most in (("sensor", _MAX_SENSOR), ("negative_prompt", _MAX_PROMPT)):
        if len(getattr(options, name)) > most:
            raise UsageError(f"is longer than {most} characters", field=f"{field}.{name}")
    with _named(field):
        generation_setting(options)
        generation_controls(options)


@contextlib.contextmanager
def _named(field: str) -> Generator[None]:
    """Have faults of a part of ``field`` name it as a part of the request."""
    try:
        yield
    except UsageError as error:
        name = f"{field}.{error.field or error.source}"
        raise UsageError(error.message, field=name, remedy=error.remedy) from error


JOB_KINDS: dict[str, JobKind] = {
    kind.name: kind
    for kind in (
        JobKind(
            "generate",
            generation_pb2.GenerateRequest,
            generation_pb2.GenerateResponse,
            "capture",
            (),
            _check_generate,
            generates=lambda request: True,
        ),
        JobKind(
            "reconstruct",
            reconstruction_pb2.ReconstructRequest,
            reconstruction_pb2.ReconstructResponse,
            "surfels",
            ("reel",),
            _check_reconstruct,
        ),
        JobKind(
            "rig",
            rigging_pb2.RigRequest,
            rigging_pb2.RigResponse,
            "asset",
            ("reel", "surfels"),
            _check_rig,
        ),
        JobKind(
            "export",
            export_pb2.ExportRequest,
            export_pb2.ExportResponse,
            "bundle",
            ("asset", "reel"),
            _check_export,
        ),
        JobKind(
            "edit",
            editing_pb2.EditRequest,
            editing_pb2.EditResponse,
            "bundle",
            ("base", "sources"),
            _check_edit,
        ),
        JobKind(
            "run",
            pipeline_pb2.RunRequest,
            pipeline_pb2.RunResponse,
            "bundle",
            ("source",),
            _check_run,
            generates=lambda request: not request.HasField("source"),
        ),
    )
}
