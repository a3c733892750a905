"""The robot: the URDF, what engines make of it, and the MJCF."""
