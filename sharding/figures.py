"""Figures as people read them, in commands, pages and messages. Pure."""

from typing import Final

UNITS: Final = ("B", "kB", "MB", "GB", "TB")
"""Each is 1000 of the one before."""

_BLOCKS: Final = 10


def size_in_words(size_bytes: float) -> str:
    """Bytes in the unit that makes them short: `836 kB`, `1.7 MB`, `12 GB`.

    A kB is 1000 bytes and a MB 1,000,000, as disks are sold and as sizes are typed (`500GB`).
    PostgreSQL's `pg_size_pretty` and Django's `filesizeformat` reckon by 1024 under the same names,
    so their figures are up to a tenth smaller.
    """
    size = size_bytes
    for unit in UNITS:
        # 999.6 kB are 1.0 MB, and no 1000 kB.
        if round(size) < 1000 or unit == UNITS[-1]:
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == UNITS[0] or size >= 9.95 else f"{size:.1f} {unit}"


def bar(part: float) -> str:
    """How full something is: `██████····  61%`; over 100 % the bar is full."""
    blocks = min(_BLOCKS, max(0, round(part * _BLOCKS)))
    return f"{'█' * blocks}{'·' * (_BLOCKS - blocks)} {part:>4.0%}"


def counted(number: int, what: str) -> str:
    """So many of something whose plural ends in s: `1 move`, `3,400 moves`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
