"""Textured triangles to pictures on one core of a CPU, with depth, parts and normals."""

from reel2sim.rendering.draw import Model, Tableau, draw
from reel2sim.rendering.model import Geometry, Lamp, Lights, Mesh, Picture, Surface

__all__ = [
    "Geometry",
    "Lamp",
    "Lights",
    "Mesh",
    "Model",
    "Picture",
    "Surface",
    "Tableau",
    "draw",
]
