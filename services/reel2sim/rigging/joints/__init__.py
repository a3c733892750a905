"""Joints: their models, the trees they make, and fits to what was seen."""
