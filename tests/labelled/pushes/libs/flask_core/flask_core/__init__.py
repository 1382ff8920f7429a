"""Shared plumbing for WaddleBot modules (0.1 line, Flask and Quart)."""

__version__ = "0.1.7"
