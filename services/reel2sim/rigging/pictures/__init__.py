"""The frames: prepared, followed by flow, and compared with drawings of the surfels."""
