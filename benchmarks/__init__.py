"""Measurements against the field's own tools; prints ratios, never asserts wall time."""
