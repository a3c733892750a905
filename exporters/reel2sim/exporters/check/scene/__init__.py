"""Bundles of several assets."""
