"""Explain in real time what a camera or a video shows. Importing it takes no torch."""

from relprop.live.starting import explain_live

__all__ = ["explain_live"]
