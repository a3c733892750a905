"""What an agent sees besides numbers: pictures, depth, splats and points.

Pass ``sensors=(CameraSensor("front"), …)`` to any environment. The observation becomes a
dictionary: what the task observes is under ``"state"`` (the keys of goal environments stay), and
each sensor under its name.
"""

from reel2sim.envs.sensors.config import (
    CameraSensor,
    LookAt,
    Pinhole,
    PointCloudSensor,
    Sensor,
    SplatSensor,
)

__all__ = ["CameraSensor", "LookAt", "Pinhole", "PointCloudSensor", "Sensor", "SplatSensor"]
