"""Patterns for LIKE from what a caller wrote."""

_SPECIAL = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


def containing(text: str) -> str:
    """The pattern of every text that contains this one, letter for letter."""
    return f"%{text.translate(_SPECIAL)}%"
