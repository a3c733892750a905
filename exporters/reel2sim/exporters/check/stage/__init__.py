"""The USD stage and its package."""
