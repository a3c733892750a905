from google.rpc import status_pb2 as _status_pb2
from reel2sim.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ElementType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ELEMENT_TYPE_UNSPECIFIED: _ClassVar[ElementType]
    ELEMENT_TYPE_BOOL: _ClassVar[ElementType]
    ELEMENT_TYPE_INT8: _ClassVar[ElementType]
    ELEMENT_TYPE_INT16: _ClassVar[ElementType]
    ELEMENT_TYPE_INT32: _ClassVar[ElementType]
    ELEMENT_TYPE_INT64: _ClassVar[ElementType]
    ELEMENT_TYPE_UINT8: _ClassVar[ElementType]
    ELEMENT_TYPE_UINT16: _ClassVar[ElementType]
    ELEMENT_TYPE_UINT32: _ClassVar[ElementType]
    ELEMENT_TYPE_UINT64: _ClassVar[ElementType]
    ELEMENT_TYPE_FLOAT16: _ClassVar[ElementType]
    ELEMENT_TYPE_FLOAT32: _ClassVar[ElementType]
    ELEMENT_TYPE_FLOAT64: _ClassVar[ElementType]
ELEMENT_TYPE_UNSPECIFIED: ElementType
ELEMENT_TYPE_BOOL: ElementType
ELEMENT_TYPE_INT8: ElementType
ELEMENT_TYPE_INT16: ElementType
ELEMENT_TYPE_INT32: ElementType
ELEMENT_TYPE_INT64: ElementType
ELEMENT_TYPE_UINT8: ElementType
ELEMENT_TYPE_UINT16: ElementType
ELEMENT_TYPE_UINT32: ElementType
ELEMENT_TYPE_UINT64: ElementType
ELEMENT_TYPE_FLOAT16: ElementType
ELEMENT_TYPE_FLOAT32: ElementType
ELEMENT_TYPE_FLOAT64: ElementType

class PlayRequest(_message.Message):
    __slots__ = ("make", "reset", "step", "render")
    MAKE_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    RENDER_FIELD_NUMBER: _ClassVar[int]
    make: MakeEnvironments
    reset: ResetEnvironments
    step: StepEnvironments
    render: RenderEnvironments
    def __init__(self, make: _Optional[_Union[MakeEnvironments, _Mapping]] = ..., reset: _Optional[_Union[ResetEnvironments, _Mapping]] = ..., step: _Optional[_Union[StepEnvironments, _Mapping]] = ..., render: _Optional[_Union[RenderEnvironments, _Mapping]] = ...) -> None: ...

class PlayResponse(_message.Message):
    __slots__ = ("made", "transition", "frame", "refusal")
    MADE_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    made: EnvironmentsMade
    transition: Transition
    frame: Frame
    refusal: _status_pb2.Status
    def __init__(self, made: _Optional[_Union[EnvironmentsMade, _Mapping]] = ..., transition: _Optional[_Union[Transition, _Mapping]] = ..., frame: _Optional[_Union[Frame, _Mapping]] = ..., refusal: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class MakeEnvironments(_message.Message):
    __slots__ = ("bundle", "task", "count", "options_json", "autoreset")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    AUTORESET_FIELD_NUMBER: _ClassVar[int]
    bundle: _common_pb2.ArtifactRef
    task: str
    count: int
    options_json: str
    autoreset: bool
    def __init__(self, bundle: _Optional[_Union[_common_pb2.ArtifactRef, _Mapping]] = ..., task: _Optional[str] = ..., count: _Optional[int] = ..., options_json: _Optional[str] = ..., autoreset: bool = ...) -> None: ...

class EnvironmentsMade(_message.Message):
    __slots__ = ("observation_space", "action_space", "frames_per_second")
    OBSERVATION_SPACE_FIELD_NUMBER: _ClassVar[int]
    ACTION_SPACE_FIELD_NUMBER: _ClassVar[int]
    FRAMES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    observation_space: Space
    action_space: Space
    frames_per_second: float
    def __init__(self, observation_space: _Optional[_Union[Space, _Mapping]] = ..., action_space: _Optional[_Union[Space, _Mapping]] = ..., frames_per_second: _Optional[float] = ...) -> None: ...

class Space(_message.Message):
    __slots__ = ("box", "dict")
    BOX_FIELD_NUMBER: _ClassVar[int]
    DICT_FIELD_NUMBER: _ClassVar[int]
    box: BoxSpace
    dict: DictSpace
    def __init__(self, box: _Optional[_Union[BoxSpace, _Mapping]] = ..., dict: _Optional[_Union[DictSpace, _Mapping]] = ...) -> None: ...

class BoxSpace(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: Array
    high: Array
    def __init__(self, low: _Optional[_Union[Array, _Mapping]] = ..., high: _Optional[_Union[Array, _Mapping]] = ...) -> None: ...

class DictSpace(_message.Message):
    __slots__ = ("entries",)
    class Entry(_message.Message):
        __slots__ = ("key", "space")
        KEY_FIELD_NUMBER: _ClassVar[int]
        SPACE_FIELD_NUMBER: _ClassVar[int]
        key: str
        space: Space
        def __init__(self, key: _Optional[str] = ..., space: _Optional[_Union[Space, _Mapping]] = ...) -> None: ...
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[DictSpace.Entry]
    def __init__(self, entries: _Optional[_Iterable[_Union[DictSpace.Entry, _Mapping]]] = ...) -> None: ...

class Array(_message.Message):
    __slots__ = ("type", "shape", "data")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    type: ElementType
    shape: _containers.RepeatedScalarFieldContainer[int]
    data: bytes
    def __init__(self, type: _Optional[_Union[ElementType, str]] = ..., shape: _Optional[_Iterable[int]] = ..., data: _Optional[bytes] = ...) -> None: ...

class ResetEnvironments(_message.Message):
    __slots__ = ("seeds", "options_json", "only")
    SEEDS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    ONLY_FIELD_NUMBER: _ClassVar[int]
    seeds: _containers.RepeatedCompositeFieldContainer[Seed]
    options_json: str
    only: _containers.RepeatedScalarFieldContainer[bool]
    def __init__(self, seeds: _Optional[_Iterable[_Union[Seed, _Mapping]]] = ..., options_json: _Optional[str] = ..., only: _Optional[_Iterable[bool]] = ...) -> None: ...

class Seed(_message.Message):
    __slots__ = ("value",)
    VALUE_FIELD_NUMBER: _ClassVar[int]
    value: int
    def __init__(self, value: _Optional[int] = ...) -> None: ...

class StepEnvironments(_message.Message):
    __slots__ = ("actions",)
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    actions: Array
    def __init__(self, actions: _Optional[_Union[Array, _Mapping]] = ...) -> None: ...

class RenderEnvironments(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Transition(_message.Message):
    __slots__ = ("observations", "rewards", "terminated", "truncated", "infos")
    OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    REWARDS_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    INFOS_FIELD_NUMBER: _ClassVar[int]
    observations: _containers.RepeatedCompositeFieldContainer[NamedArray]
    rewards: Array
    terminated: Array
    truncated: Array
    infos: _containers.RepeatedCompositeFieldContainer[InfoColumn]
    def __init__(self, observations: _Optional[_Iterable[_Union[NamedArray, _Mapping]]] = ..., rewards: _Optional[_Union[Array, _Mapping]] = ..., terminated: _Optional[_Union[Array, _Mapping]] = ..., truncated: _Optional[_Union[Array, _Mapping]] = ..., infos: _Optional[_Iterable[_Union[InfoColumn, _Mapping]]] = ...) -> None: ...

class NamedArray(_message.Message):
    __slots__ = ("path", "values")
    PATH_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    path: _containers.RepeatedScalarFieldContainer[str]
    values: Array
    def __init__(self, path: _Optional[_Iterable[str]] = ..., values: _Optional[_Union[Array, _Mapping]] = ...) -> None: ...

class InfoColumn(_message.Message):
    __slots__ = ("path", "kind", "rows", "values", "json")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[InfoColumn.Kind]
        KIND_PLAIN: _ClassVar[InfoColumn.Kind]
        KIND_NUMBER: _ClassVar[InfoColumn.Kind]
        KIND_ARRAY: _ClassVar[InfoColumn.Kind]
        KIND_JSON: _ClassVar[InfoColumn.Kind]
    KIND_UNSPECIFIED: InfoColumn.Kind
    KIND_PLAIN: InfoColumn.Kind
    KIND_NUMBER: InfoColumn.Kind
    KIND_ARRAY: InfoColumn.Kind
    KIND_JSON: InfoColumn.Kind
    PATH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    JSON_FIELD_NUMBER: _ClassVar[int]
    path: _containers.RepeatedScalarFieldContainer[str]
    kind: InfoColumn.Kind
    rows: _containers.RepeatedScalarFieldContainer[int]
    values: Array
    json: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, path: _Optional[_Iterable[str]] = ..., kind: _Optional[_Union[InfoColumn.Kind, str]] = ..., rows: _Optional[_Iterable[int]] = ..., values: _Optional[_Union[Array, _Mapping]] = ..., json: _Optional[_Iterable[str]] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("environment", "png")
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    environment: int
    png: bytes
    def __init__(self, environment: _Optional[int] = ..., png: _Optional[bytes] = ...) -> None: ...
