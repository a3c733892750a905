"""Untrusted media in, video out."""
