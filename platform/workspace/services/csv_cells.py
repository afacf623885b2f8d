"""Cells of CSV files that a spreadsheet would run as formulas, disarmed and as they were."""

from typing import Final

FORMULA_SIGNS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula and runs it."""

_MARK: Final = "'"


def disarm(cell: object) -> str:
    """The cell as text that a spreadsheet shows and does not run.

    What looks disarmed already gets one more mark, so that `arm` gives back what there was.
    """
    text = str(cell)
    return f"{_MARK}{text}" if _looks_armed(text) else text


def arm(text: str) -> str:
    """What `disarm` was given; other texts stay."""
    return text[1:] if text.startswith(_MARK) and _looks_armed(text) else text


def _looks_armed(text: str) -> bool:
    return text.lstrip(_MARK).startswith(FORMULA_SIGNS)
