"""Seeded faults, and files of other tools, put before the checker."""
