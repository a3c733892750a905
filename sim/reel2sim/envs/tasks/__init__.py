"""The registered tasks, and what they compare with."""
