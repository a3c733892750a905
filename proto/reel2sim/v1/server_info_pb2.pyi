from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "kinds", "presets", "devices", "limits", "code")
    class CodeEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    PRESETS_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    version: str
    kinds: _containers.RepeatedScalarFieldContainer[str]
    presets: _containers.RepeatedScalarFieldContainer[str]
    devices: _containers.RepeatedScalarFieldContainer[str]
    limits: Limits
    code: _containers.ScalarMap[str, str]
    def __init__(self, version: _Optional[str] = ..., kinds: _Optional[_Iterable[str]] = ..., presets: _Optional[_Iterable[str]] = ..., devices: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., code: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_artifact_bytes", "max_chunk_bytes", "max_message_bytes", "max_queued_operations", "workers", "max_environments", "max_environments_per_client", "environment_idle_seconds")
    MAX_ARTIFACT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUED_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_ENVIRONMENTS_PER_CLIENT_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_IDLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    max_artifact_bytes: int
    max_chunk_bytes: int
    max_message_bytes: int
    max_queued_operations: int
    workers: int
    max_environments: int
    max_environments_per_client: int
    environment_idle_seconds: float
    def __init__(self, max_artifact_bytes: _Optional[int] = ..., max_chunk_bytes: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_queued_operations: _Optional[int] = ..., workers: _Optional[int] = ..., max_environments: _Optional[int] = ..., max_environments_per_client: _Optional[int] = ..., environment_idle_seconds: _Optional[float] = ...) -> None: ...
