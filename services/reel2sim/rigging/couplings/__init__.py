"""Joints that move together, and loops that the tree cuts."""
