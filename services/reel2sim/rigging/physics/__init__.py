"""Bodies for an articulation: closed meshes, collision pieces, mass, joint limits."""

from reel2sim.rigging.physics.config import PhysicsConfig
from reel2sim.rigging.physics.embody import embody
from reel2sim.rigging.physics.materials import MATERIALS, material_in

__all__ = ["MATERIALS", "PhysicsConfig", "embody", "material_in"]
