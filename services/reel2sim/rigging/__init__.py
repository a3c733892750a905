"""From surfels that move to an articulated asset: parts, joints and bodies."""

from reel2sim.rigging.articulation import Articulation, JointEstimate
from reel2sim.rigging.config import RiggingConfig
from reel2sim.rigging.rig import articulate, rig

__all__ = ["Articulation", "JointEstimate", "RiggingConfig", "articulate", "rig"]
