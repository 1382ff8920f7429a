"""Measurements against the field's own tools; prints ratios, never asserts wall time."""

import sys
from pathlib import Path

# The soak drives a module with flask_core's own tools, which no environment has installed.
sys.path.insert(0, str(Path(__file__).parent.parent / "templates" / "libs"))
