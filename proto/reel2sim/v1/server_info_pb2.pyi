from google.protobuf import timestamp_pb2 as _timestamp_pb2
from reel2sim.v1 import common_pb2 as _common_pb2
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
    __slots__ = ("max_artifact_bytes", "max_chunk_bytes", "max_message_bytes", "max_queued_operations", "workers", "max_environments", "max_environments_per_client", "environment_idle_seconds", "max_picture_bytes")
    MAX_ARTIFACT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_CHUNK_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUED_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_ENVIRONMENTS_PER_CLIENT_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_IDLE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MAX_PICTURE_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_artifact_bytes: int
    max_chunk_bytes: int
    max_message_bytes: int
    max_queued_operations: int
    workers: int
    max_environments: int
    max_environments_per_client: int
    environment_idle_seconds: float
    max_picture_bytes: int
    def __init__(self, max_artifact_bytes: _Optional[int] = ..., max_chunk_bytes: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_queued_operations: _Optional[int] = ..., workers: _Optional[int] = ..., max_environments: _Optional[int] = ..., max_environments_per_client: _Optional[int] = ..., environment_idle_seconds: _Optional[float] = ..., max_picture_bytes: _Optional[int] = ...) -> None: ...

class GetServerStatusRequest(_message.Message):
    __slots__ = ("max_recent_ends",)
    MAX_RECENT_ENDS_FIELD_NUMBER: _ClassVar[int]
    max_recent_ends: int
    def __init__(self, max_recent_ends: _Optional[int] = ...) -> None: ...

class GetServerStatusResponse(_message.Message):
    __slots__ = ("version", "time", "start_time", "loads", "oldest_queued_seconds", "running", "workers", "recent_ends", "calls", "stages", "artifacts", "artifact_bytes", "uploaded_bytes", "downloaded_bytes", "environments", "environment_clients", "resident_bytes")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    LOADS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_QUEUED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    RECENT_ENDS_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    ARTIFACTS_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_BYTES_FIELD_NUMBER: _ClassVar[int]
    UPLOADED_BYTES_FIELD_NUMBER: _ClassVar[int]
    DOWNLOADED_BYTES_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_CLIENTS_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    version: str
    time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    loads: _containers.RepeatedCompositeFieldContainer[KindLoad]
    oldest_queued_seconds: float
    running: _containers.RepeatedCompositeFieldContainer[RunningOperation]
    workers: _containers.RepeatedCompositeFieldContainer[WorkerStatus]
    recent_ends: _containers.RepeatedCompositeFieldContainer[EndedOperation]
    calls: _containers.RepeatedCompositeFieldContainer[CallCount]
    stages: _containers.RepeatedCompositeFieldContainer[StageCount]
    artifacts: int
    artifact_bytes: int
    uploaded_bytes: int
    downloaded_bytes: int
    environments: int
    environment_clients: int
    resident_bytes: int
    def __init__(self, version: _Optional[str] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., loads: _Optional[_Iterable[_Union[KindLoad, _Mapping]]] = ..., oldest_queued_seconds: _Optional[float] = ..., running: _Optional[_Iterable[_Union[RunningOperation, _Mapping]]] = ..., workers: _Optional[_Iterable[_Union[WorkerStatus, _Mapping]]] = ..., recent_ends: _Optional[_Iterable[_Union[EndedOperation, _Mapping]]] = ..., calls: _Optional[_Iterable[_Union[CallCount, _Mapping]]] = ..., stages: _Optional[_Iterable[_Union[StageCount, _Mapping]]] = ..., artifacts: _Optional[int] = ..., artifact_bytes: _Optional[int] = ..., uploaded_bytes: _Optional[int] = ..., downloaded_bytes: _Optional[int] = ..., environments: _Optional[int] = ..., environment_clients: _Optional[int] = ..., resident_bytes: _Optional[int] = ...) -> None: ...

class KindLoad(_message.Message):
    __slots__ = ("kind", "queued", "running")
    KIND_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    kind: str
    queued: int
    running: int
    def __init__(self, kind: _Optional[str] = ..., queued: _Optional[int] = ..., running: _Optional[int] = ...) -> None: ...

class RunningOperation(_message.Message):
    __slots__ = ("name", "kind", "attempt", "create_time", "attempt_time", "stage_time", "stage", "fraction", "message")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_TIME_FIELD_NUMBER: _ClassVar[int]
    STAGE_TIME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    attempt: int
    create_time: _timestamp_pb2.Timestamp
    attempt_time: _timestamp_pb2.Timestamp
    stage_time: _timestamp_pb2.Timestamp
    stage: str
    fraction: float
    message: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., attempt: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., attempt_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., stage_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., stage: _Optional[str] = ..., fraction: _Optional[float] = ..., message: _Optional[str] = ...) -> None: ...

class WorkerStatus(_message.Message):
    __slots__ = ("index", "pid", "operation", "resident_bytes")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    RESIDENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    index: int
    pid: int
    operation: str
    resident_bytes: int
    def __init__(self, index: _Optional[int] = ..., pid: _Optional[int] = ..., operation: _Optional[str] = ..., resident_bytes: _Optional[int] = ...) -> None: ...

class EndedOperation(_message.Message):
    __slots__ = ("name", "kind", "state", "end_time", "run_seconds", "error")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    RUN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    state: _common_pb2.OperationState
    end_time: _timestamp_pb2.Timestamp
    run_seconds: float
    error: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., state: _Optional[_Union[_common_pb2.OperationState, str]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., run_seconds: _Optional[float] = ..., error: _Optional[str] = ...) -> None: ...

class CallCount(_message.Message):
    __slots__ = ("service", "method", "code", "count", "mean_seconds")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    MEAN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    service: str
    method: str
    code: str
    count: int
    mean_seconds: float
    def __init__(self, service: _Optional[str] = ..., method: _Optional[str] = ..., code: _Optional[str] = ..., count: _Optional[int] = ..., mean_seconds: _Optional[float] = ...) -> None: ...

class StageCount(_message.Message):
    __slots__ = ("stage", "runs", "seconds", "cache_hits", "cache_misses")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    CACHE_HITS_FIELD_NUMBER: _ClassVar[int]
    CACHE_MISSES_FIELD_NUMBER: _ClassVar[int]
    stage: str
    runs: int
    seconds: float
    cache_hits: int
    cache_misses: int
    def __init__(self, stage: _Optional[str] = ..., runs: _Optional[int] = ..., seconds: _Optional[float] = ..., cache_hits: _Optional[int] = ..., cache_misses: _Optional[int] = ...) -> None: ...
