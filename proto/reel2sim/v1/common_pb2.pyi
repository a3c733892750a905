from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Preset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESET_UNSPECIFIED: _ClassVar[Preset]
    PRESET_DRAFT: _ClassVar[Preset]
    PRESET_STANDARD: _ClassVar[Preset]
    PRESET_HIGH: _ClassVar[Preset]

class Device(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEVICE_UNSPECIFIED: _ClassVar[Device]
    DEVICE_CPU: _ClassVar[Device]
    DEVICE_CUDA: _ClassVar[Device]

class ArtifactFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ARTIFACT_FORMAT_UNSPECIFIED: _ClassVar[ArtifactFormat]
    ARTIFACT_FORMAT_FILE: _ClassVar[ArtifactFormat]
    ARTIFACT_FORMAT_TAR: _ClassVar[ArtifactFormat]
    ARTIFACT_FORMAT_ZIP: _ClassVar[ArtifactFormat]

class OperationState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATION_STATE_UNSPECIFIED: _ClassVar[OperationState]
    OPERATION_STATE_QUEUED: _ClassVar[OperationState]
    OPERATION_STATE_RUNNING: _ClassVar[OperationState]
    OPERATION_STATE_SUCCEEDED: _ClassVar[OperationState]
    OPERATION_STATE_FAILED: _ClassVar[OperationState]
    OPERATION_STATE_CANCELLED: _ClassVar[OperationState]

class Background(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BACKGROUND_UNSPECIFIED: _ClassVar[Background]
    BACKGROUND_NONE: _ClassVar[Background]
    BACKGROUND_FLOOR: _ClassVar[Background]
    BACKGROUND_ROOM: _ClassVar[Background]

class Lighting(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIGHTING_UNSPECIFIED: _ClassVar[Lighting]
    LIGHTING_STUDIO: _ClassVar[Lighting]
    LIGHTING_DAYLIGHT: _ClassVar[Lighting]
    LIGHTING_OVERCAST: _ClassVar[Lighting]
    LIGHTING_EVENING: _ClassVar[Lighting]
    LIGHTING_RANDOM: _ClassVar[Lighting]
PRESET_UNSPECIFIED: Preset
PRESET_DRAFT: Preset
PRESET_STANDARD: Preset
PRESET_HIGH: Preset
DEVICE_UNSPECIFIED: Device
DEVICE_CPU: Device
DEVICE_CUDA: Device
ARTIFACT_FORMAT_UNSPECIFIED: ArtifactFormat
ARTIFACT_FORMAT_FILE: ArtifactFormat
ARTIFACT_FORMAT_TAR: ArtifactFormat
ARTIFACT_FORMAT_ZIP: ArtifactFormat
OPERATION_STATE_UNSPECIFIED: OperationState
OPERATION_STATE_QUEUED: OperationState
OPERATION_STATE_RUNNING: OperationState
OPERATION_STATE_SUCCEEDED: OperationState
OPERATION_STATE_FAILED: OperationState
OPERATION_STATE_CANCELLED: OperationState
BACKGROUND_UNSPECIFIED: Background
BACKGROUND_NONE: Background
BACKGROUND_FLOOR: Background
BACKGROUND_ROOM: Background
LIGHTING_UNSPECIFIED: Lighting
LIGHTING_STUDIO: Lighting
LIGHTING_DAYLIGHT: Lighting
LIGHTING_OVERCAST: Lighting
LIGHTING_EVENING: Lighting
LIGHTING_RANDOM: Lighting

class Artifact(_message.Message):
    __slots__ = ("digest", "size_bytes", "format", "filename", "create_time")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    digest: str
    size_bytes: int
    format: ArtifactFormat
    filename: str
    create_time: _timestamp_pb2.Timestamp
    def __init__(self, digest: _Optional[str] = ..., size_bytes: _Optional[int] = ..., format: _Optional[_Union[ArtifactFormat, str]] = ..., filename: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ArtifactRef(_message.Message):
    __slots__ = ("digest", "filename")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    digest: str
    filename: str
    def __init__(self, digest: _Optional[str] = ..., filename: _Optional[str] = ...) -> None: ...

class JobConfig(_message.Message):
    __slots__ = ("preset", "seed", "device", "name", "backend", "material", "max_size", "density", "generation")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    MATERIAL_FIELD_NUMBER: _ClassVar[int]
    MAX_SIZE_FIELD_NUMBER: _ClassVar[int]
    DENSITY_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    preset: Preset
    seed: int
    device: Device
    name: str
    backend: str
    material: str
    max_size: int
    density: float
    generation: GenerationOptions
    def __init__(self, preset: _Optional[_Union[Preset, str]] = ..., seed: _Optional[int] = ..., device: _Optional[_Union[Device, str]] = ..., name: _Optional[str] = ..., backend: _Optional[str] = ..., material: _Optional[str] = ..., max_size: _Optional[int] = ..., density: _Optional[float] = ..., generation: _Optional[_Union[GenerationOptions, _Mapping]] = ...) -> None: ...

class GenerationOptions(_message.Message):
    __slots__ = ("background", "lighting", "sensor", "negative_prompt", "orbit", "steps", "guidance", "motion", "fps", "frames", "width", "height", "window", "overlap", "interpolate", "upscale", "first_frame", "last_frame", "reference")
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    LIGHTING_FIELD_NUMBER: _ClassVar[int]
    SENSOR_FIELD_NUMBER: _ClassVar[int]
    NEGATIVE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    ORBIT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    GUIDANCE_FIELD_NUMBER: _ClassVar[int]
    MOTION_FIELD_NUMBER: _ClassVar[int]
    FPS_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    INTERPOLATE_FIELD_NUMBER: _ClassVar[int]
    UPSCALE_FIELD_NUMBER: _ClassVar[int]
    FIRST_FRAME_FIELD_NUMBER: _ClassVar[int]
    LAST_FRAME_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    background: Background
    lighting: Lighting
    sensor: str
    negative_prompt: str
    orbit: bool
    steps: int
    guidance: float
    motion: float
    fps: float
    frames: int
    width: int
    height: int
    window: int
    overlap: int
    interpolate: int
    upscale: int
    first_frame: ArtifactRef
    last_frame: ArtifactRef
    reference: ArtifactRef
    def __init__(self, background: _Optional[_Union[Background, str]] = ..., lighting: _Optional[_Union[Lighting, str]] = ..., sensor: _Optional[str] = ..., negative_prompt: _Optional[str] = ..., orbit: bool = ..., steps: _Optional[int] = ..., guidance: _Optional[float] = ..., motion: _Optional[float] = ..., fps: _Optional[float] = ..., frames: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., window: _Optional[int] = ..., overlap: _Optional[int] = ..., interpolate: _Optional[int] = ..., upscale: _Optional[int] = ..., first_frame: _Optional[_Union[ArtifactRef, _Mapping]] = ..., last_frame: _Optional[_Union[ArtifactRef, _Mapping]] = ..., reference: _Optional[_Union[ArtifactRef, _Mapping]] = ...) -> None: ...

class ExecutionPolicy(_message.Message):
    __slots__ = ("priority",)
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    priority: int
    def __init__(self, priority: _Optional[int] = ...) -> None: ...

class OperationMetadata(_message.Message):
    __slots__ = ("kind", "state", "request_id", "create_time", "start_time", "end_time", "stage", "fraction", "message", "attempts", "cancel_requested", "last_sequence", "execution_policy", "worker_log_digest")
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_POLICY_FIELD_NUMBER: _ClassVar[int]
    WORKER_LOG_DIGEST_FIELD_NUMBER: _ClassVar[int]
    kind: str
    state: OperationState
    request_id: str
    create_time: _timestamp_pb2.Timestamp
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    stage: str
    fraction: float
    message: str
    attempts: int
    cancel_requested: bool
    last_sequence: int
    execution_policy: ExecutionPolicy
    worker_log_digest: str
    def __init__(self, kind: _Optional[str] = ..., state: _Optional[_Union[OperationState, str]] = ..., request_id: _Optional[str] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., start_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., stage: _Optional[str] = ..., fraction: _Optional[float] = ..., message: _Optional[str] = ..., attempts: _Optional[int] = ..., cancel_requested: bool = ..., last_sequence: _Optional[int] = ..., execution_policy: _Optional[_Union[ExecutionPolicy, _Mapping]] = ..., worker_log_digest: _Optional[str] = ...) -> None: ...
