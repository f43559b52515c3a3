"""Selection as LightlyOne's worker does it, from its configuration."""

from .selecting import select

__all__ = ["select"]
