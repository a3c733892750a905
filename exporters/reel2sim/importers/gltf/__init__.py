"""GLB and glTF files as descriptions."""

from reel2sim.importers.gltf.read import read_gltf

__all__ = ["read_gltf"]
