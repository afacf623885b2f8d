"""Process groups, limits and reserves as they are written: in one line, for an environment.

web=4x8  worker-alpha=2x1:alpha  reports=1x4/2:alpha,beta
alpha=200  beta=200-10
own=5  mover=4  admin=3
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sharding.pools.budget.types import Limits, ProcessGroup, Reserves

GROUPS_WANTED: Final = (
    "groups like `web=4x8` (4 processes of 8 threads), `web=4x8/6` (with 6 connections per "
    "database each) or `worker-alpha=2x1:alpha,beta` (these shards only), each with a name of its "
    "own, with spaces between"
)
LIMITS_WANTED: Final = (
    "limits like `alpha=200` or `alpha=200-10` (max_connections, less what is reserved for "
    "superusers; 3 unless told), with spaces between"
)
RESERVES_WANTED: Final = "numbers like `own=5 mover=4 admin=3`, with spaces between"

_NAME: Final = r"[a-z][a-z0-9-]*"
_COUNT: Final = r"[1-9][0-9]{0,5}"
_GROUP: Final = re.compile(
    rf"({_NAME})=({_COUNT})x({_COUNT})(?:/({_COUNT}))?(?::({_NAME}(?:,{_NAME})*))?"
)
_LIMIT: Final = re.compile(rf"({_NAME})=({_COUNT})(?:-([0-9]{{1,6}}))?")
_RESERVE: Final = re.compile(r"(own|mover|admin)=([0-9]{1,6})")


def parse_groups(text: str) -> tuple[ProcessGroup, ...]:
    """The groups that `text` describes.

    Raises:
        ValueError: it describes none, or two of one name.
    """
    groups = []
    for name, processes, threads, size, shards in _matches(_GROUP, text):
        groups.append(
            ProcessGroup(
                name=name,
                processes=int(processes),
                threads=int(threads),
                pool_size=int(size) if size else None,
                shards=tuple(dict.fromkeys(shards.split(","))) if shards else None,
            )
        )
    return tuple(groups)


def parse_limits(text: str) -> Mapping[str, Limits]:
    """Limits by the name of a database on that server.

    Raises:
        ValueError: it is none, or one database's twice.
    """
    return MappingProxyType(
        {
            name: Limits(int(most), int(reserved)) if reserved else Limits(int(most))
            for name, most, reserved in _matches(_LIMIT, text)
        }
    )


def parse_reserves(text: str) -> Reserves:
    """Reserves; what is not named stays as by default.

    Raises:
        ValueError: it is none, or one twice.
    """
    return Reserves(**{name: int(count) for name, count in _matches(_RESERVE, text)})


def _matches(form: re.Pattern[str], text: str) -> list[tuple[str, ...]]:
    found = [form.fullmatch(word) for word in text.split()]
    rows = [match.groups(default="") for match in found if match is not None]
    if len(rows) < len(found) or len({row[0] for row in rows}) < len(rows):
        raise ValueError(text)
    return rows
