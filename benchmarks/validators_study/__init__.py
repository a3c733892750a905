"""Validators of others, each in an environment of its own, on bundles of ours."""
