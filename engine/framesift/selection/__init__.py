"""Vectors → indices: one strategy a file, and what they have in common."""
