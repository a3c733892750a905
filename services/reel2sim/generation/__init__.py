"""Prompts become reels: a scripted backend that knows the truth, and room for others."""
