"""The time zones that forms offer."""

from collections.abc import Sequence
from itertools import groupby
from typing import Final
from zoneinfo import available_timezones

Choice = tuple[str, str]
"""What is sent, and what is shown."""

_FOR_OLD_PROGRAMS: Final = ("Etc/", "US/", "SystemV/", "posix/")


def zones_offered(*, chosen: str = "") -> list[tuple[str, Sequence[Choice]]]:
    """Zones by continent, as choices of a field; UTC comes first.

    Names that are kept for old programs only are left out, but for the one that is chosen already.
    """
    named = sorted(
        name
        for name in available_timezones()
        if "/" in name and (name == chosen or not name.startswith(_FOR_OLD_PROGRAMS))
    )
    by_continent = [
        (continent, [(name, name.partition("/")[2].replace("_", " ")) for name in names])
        for continent, names in groupby(named, key=lambda name: name.partition("/")[0])
    ]
    return [("Everywhere", [("UTC", "UTC")]), *by_continent]
