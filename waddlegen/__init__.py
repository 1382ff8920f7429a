"""waddlegen: one YAML spec per WaddleBot module, rendered to the module it describes."""

__version__ = "0.1.0"
