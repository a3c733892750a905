from google.longrunning import operations_pb2 as _operations_pb2
from reel2sim.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EditRequest(_message.Message):
    __slots__ = ("request_id", "base", "edits", "sources", "execution_policy")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    EDITS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_POLICY_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    base: _common_pb2.ArtifactRef
    edits: _containers.RepeatedCompositeFieldContainer[SceneEdit]
    sources: _containers.RepeatedCompositeFieldContainer[_common_pb2.ArtifactRef]
    execution_policy: _common_pb2.ExecutionPolicy
    def __init__(self, request_id: _Optional[str] = ..., base: _Optional[_Union[_common_pb2.ArtifactRef, _Mapping]] = ..., edits: _Optional[_Iterable[_Union[SceneEdit, _Mapping]]] = ..., sources: _Optional[_Iterable[_Union[_common_pb2.ArtifactRef, _Mapping]]] = ..., execution_policy: _Optional[_Union[_common_pb2.ExecutionPolicy, _Mapping]] = ...) -> None: ...

class EditResponse(_message.Message):
    __slots__ = ("bundle", "metrics")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    bundle: _common_pb2.Artifact
    metrics: _containers.ScalarMap[str, float]
    def __init__(self, bundle: _Optional[_Union[_common_pb2.Artifact, _Mapping]] = ..., metrics: _Optional[_Mapping[str, float]] = ...) -> None: ...

class SceneEdit(_message.Message):
    __slots__ = ("add", "remove", "move", "scale", "recolor", "replace", "material", "density", "joint", "gravity", "ground", "light", "camera", "background")
    ADD_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    MOVE_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    RECOLOR_FIELD_NUMBER: _ClassVar[int]
    REPLACE_FIELD_NUMBER: _ClassVar[int]
    MATERIAL_FIELD_NUMBER: _ClassVar[int]
    DENSITY_FIELD_NUMBER: _ClassVar[int]
    JOINT_FIELD_NUMBER: _ClassVar[int]
    GRAVITY_FIELD_NUMBER: _ClassVar[int]
    GROUND_FIELD_NUMBER: _ClassVar[int]
    LIGHT_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    BACKGROUND_FIELD_NUMBER: _ClassVar[int]
    add: AddAsset
    remove: RemovePart
    move: MoveAsset
    scale: ScalePart
    recolor: RecolorPart
    replace: ReplaceShape
    material: SetMaterial
    density: SetDensity
    joint: SetJoint
    gravity: SetGravity
    ground: SetGround
    light: AddLight
    camera: AddCamera
    background: SetBackground
    def __init__(self, add: _Optional[_Union[AddAsset, _Mapping]] = ..., remove: _Optional[_Union[RemovePart, _Mapping]] = ..., move: _Optional[_Union[MoveAsset, _Mapping]] = ..., scale: _Optional[_Union[ScalePart, _Mapping]] = ..., recolor: _Optional[_Union[RecolorPart, _Mapping]] = ..., replace: _Optional[_Union[ReplaceShape, _Mapping]] = ..., material: _Optional[_Union[SetMaterial, _Mapping]] = ..., density: _Optional[_Union[SetDensity, _Mapping]] = ..., joint: _Optional[_Union[SetJoint, _Mapping]] = ..., gravity: _Optional[_Union[SetGravity, _Mapping]] = ..., ground: _Optional[_Union[SetGround, _Mapping]] = ..., light: _Optional[_Union[AddLight, _Mapping]] = ..., camera: _Optional[_Union[AddCamera, _Mapping]] = ..., background: _Optional[_Union[SetBackground, _Mapping]] = ...) -> None: ...

class Vec3(_message.Message):
    __slots__ = ("x", "y", "z")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    Z_FIELD_NUMBER: _ClassVar[int]
    x: float
    y: float
    z: float
    def __init__(self, x: _Optional[float] = ..., y: _Optional[float] = ..., z: _Optional[float] = ...) -> None: ...

class AddAsset(_message.Message):
    __slots__ = ("source", "at", "turn_deg", "rename", "fixed")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TURN_DEG_FIELD_NUMBER: _ClassVar[int]
    RENAME_FIELD_NUMBER: _ClassVar[int]
    FIXED_FIELD_NUMBER: _ClassVar[int]
    source: str
    at: Vec3
    turn_deg: float
    rename: str
    fixed: bool
    def __init__(self, source: _Optional[str] = ..., at: _Optional[_Union[Vec3, _Mapping]] = ..., turn_deg: _Optional[float] = ..., rename: _Optional[str] = ..., fixed: bool = ...) -> None: ...

class RemovePart(_message.Message):
    __slots__ = ("target",)
    TARGET_FIELD_NUMBER: _ClassVar[int]
    target: str
    def __init__(self, target: _Optional[str] = ...) -> None: ...

class MoveAsset(_message.Message):
    __slots__ = ("target", "at", "turn_deg")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TURN_DEG_FIELD_NUMBER: _ClassVar[int]
    target: str
    at: Vec3
    turn_deg: float
    def __init__(self, target: _Optional[str] = ..., at: _Optional[_Union[Vec3, _Mapping]] = ..., turn_deg: _Optional[float] = ...) -> None: ...

class ScalePart(_message.Message):
    __slots__ = ("target", "factor")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    target: str
    factor: float
    def __init__(self, target: _Optional[str] = ..., factor: _Optional[float] = ...) -> None: ...

class RecolorPart(_message.Message):
    __slots__ = ("target", "color")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    target: str
    color: Vec3
    def __init__(self, target: _Optional[str] = ..., color: _Optional[_Union[Vec3, _Mapping]] = ...) -> None: ...

class ReplaceShape(_message.Message):
    __slots__ = ("target", "source", "as_is")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    AS_IS_FIELD_NUMBER: _ClassVar[int]
    target: str
    source: str
    as_is: bool
    def __init__(self, target: _Optional[str] = ..., source: _Optional[str] = ..., as_is: bool = ...) -> None: ...

class SetMaterial(_message.Message):
    __slots__ = ("target", "material")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    MATERIAL_FIELD_NUMBER: _ClassVar[int]
    target: str
    material: str
    def __init__(self, target: _Optional[str] = ..., material: _Optional[str] = ...) -> None: ...

class SetDensity(_message.Message):
    __slots__ = ("target", "density")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DENSITY_FIELD_NUMBER: _ClassVar[int]
    target: str
    density: float
    def __init__(self, target: _Optional[str] = ..., density: _Optional[float] = ...) -> None: ...

class SetJoint(_message.Message):
    __slots__ = ("target", "field", "value", "type")
    TARGET_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    target: str
    field: str
    value: _containers.RepeatedScalarFieldContainer[float]
    type: str
    def __init__(self, target: _Optional[str] = ..., field: _Optional[str] = ..., value: _Optional[_Iterable[float]] = ..., type: _Optional[str] = ...) -> None: ...

class SetGravity(_message.Message):
    __slots__ = ("gravity",)
    GRAVITY_FIELD_NUMBER: _ClassVar[int]
    gravity: Vec3
    def __init__(self, gravity: _Optional[_Union[Vec3, _Mapping]] = ...) -> None: ...

class SetGround(_message.Message):
    __slots__ = ("height", "under_everything", "none")
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    UNDER_EVERYTHING_FIELD_NUMBER: _ClassVar[int]
    NONE_FIELD_NUMBER: _ClassVar[int]
    height: float
    under_everything: bool
    none: bool
    def __init__(self, height: _Optional[float] = ..., under_everything: bool = ..., none: bool = ...) -> None: ...

class AddLight(_message.Message):
    __slots__ = ("name", "kind", "at", "color", "strength")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    at: Vec3
    color: Vec3
    strength: float
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., at: _Optional[_Union[Vec3, _Mapping]] = ..., color: _Optional[_Union[Vec3, _Mapping]] = ..., strength: _Optional[float] = ...) -> None: ...

class AddCamera(_message.Message):
    __slots__ = ("name", "at", "target", "width", "height", "fov_deg")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    FOV_DEG_FIELD_NUMBER: _ClassVar[int]
    name: str
    at: Vec3
    target: Vec3
    width: int
    height: int
    fov_deg: float
    def __init__(self, name: _Optional[str] = ..., at: _Optional[_Union[Vec3, _Mapping]] = ..., target: _Optional[_Union[Vec3, _Mapping]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., fov_deg: _Optional[float] = ...) -> None: ...

class SetBackground(_message.Message):
    __slots__ = ("source",)
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    source: str
    def __init__(self, source: _Optional[str] = ...) -> None: ...
