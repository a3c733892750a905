"""What flows between the stages of Reel2Sim: pure data in numpy, no engine, no network.

World frame: right-handed, Z up, metres, seconds, radians. Time zero is the first frame and a
joint's zero is its state there. Quaternions are wxyz.
"""

from reel2sim.scene.asset import RiggedAsset
from reel2sim.scene.camera import Camera, look_at
from reel2sim.scene.errors import Reel2SimError
from reel2sim.scene.motion import Motion
from reel2sim.scene.progress import Progress, silent
from reel2sim.scene.reel import Frame, Reel
from reel2sim.scene.rig import (
    Certainty,
    Inertial,
    Joint,
    JointLimits,
    JointType,
    Link,
    Material,
    Mimic,
    TriangleMesh,
)
from reel2sim.scene.skin import Influences, Skin
from reel2sim.scene.spline import PoseSpline
from reel2sim.scene.surfels import Surfels, SurfelSequence
from reel2sim.scene.world import Light, LightKind, Placement, Scene

__all__ = [
    "Camera",
    "Certainty",
    "Frame",
    "Inertial",
    "Influences",
    "Joint",
    "JointLimits",
    "JointType",
    "Light",
    "LightKind",
    "Link",
    "Material",
    "Mimic",
    "Motion",
    "Placement",
    "PoseSpline",
    "Progress",
    "Reel",
    "Reel2SimError",
    "RiggedAsset",
    "Scene",
    "Skin",
    "SurfelSequence",
    "Surfels",
    "TriangleMesh",
    "look_at",
    "silent",
]
