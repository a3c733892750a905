from google.longrunning import operations_pb2 as _operations_pb2
from reel2sim.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RigRequest(_message.Message):
    __slots__ = ("request_id", "reel", "surfels", "config", "execution_policy")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REEL_FIELD_NUMBER: _ClassVar[int]
    SURFELS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_POLICY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    reel: _common_pb2.ArtifactRef
    surfels: _common_pb2.ArtifactRef
    config: _common_pb2.JobConfig
    execution_policy: _common_pb2.ExecutionPolicy
    def __init__(self, request_id: _Optional[str] = ..., reel: _Optional[_Union[_common_pb2.ArtifactRef, _Mapping]] = ..., surfels: _Optional[_Union[_common_pb2.ArtifactRef, _Mapping]] = ..., config: _Optional[_Union[_common_pb2.JobConfig, _Mapping]] = ..., execution_policy: _Optional[_Union[_common_pb2.ExecutionPolicy, _Mapping]] = ...) -> None: ...

class RigResponse(_message.Message):
    __slots__ = ("asset", "metrics")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ASSET_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    asset: _common_pb2.Artifact
    metrics: _containers.ScalarMap[str, float]
    def __init__(self, asset: _Optional[_Union[_common_pb2.Artifact, _Mapping]] = ..., metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...
