"""Whether two servers mean the same by the same text and the same moment."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sharding.moves.types import Refusal
from sharding.registry.types import Server
from sharding.schemas.connections import Connection

# Only from 17 on the locale of ICU has the name that all providers' have. Servers that sort by code
# points do it alike, whoever does it: before 17 libc, by default the server itself since then. What
# these take for a capital outside of ASCII differs; indexes over that are built at the target.
_LOCALE: Final = """
    SELECT pg_encoding_to_char(encoding), datcollate, datctype,
           CASE WHEN by_code_points THEN '' ELSE provider END,
           CASE WHEN by_code_points THEN '' ELSE locale END
    FROM pg_database d,
         LATERAL (
             SELECT to_jsonb(d) ->> 'datlocprovider',
                    coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', '')
         ) AS named (provider, locale),
         LATERAL (
             SELECT provider = 'b' OR (provider = 'c' AND datcollate IN ('C', 'POSIX'))
         ) AS sorted (by_code_points)
    WHERE datname = current_database()
"""

# What expressions in indexes, generated columns and triggers go by, where they do not say.
_SETTINGS: Final = """
    SELECT name, current_setting(name)
    FROM unnest(array['default_text_search_config', 'DateStyle', 'IntervalStyle', 'lc_monetary',
                      'lc_numeric', 'lc_time']) AS named (name)
"""
_CLOCK: Final = "SELECT extract(epoch FROM clock_timestamp())::float8"
_APART: Final = timedelta(seconds=5)

Found = Iterator[Refusal]


def unlike(at_source: Connection, at_target: Connection, source: Server, target: Server) -> Found:
    """In what the two servers differ that rows or their order depend on."""
    here, there = (one.execute(_LOCALE).fetchone() for one in (at_source, at_target))
    if here != there:
        yield Refusal(
            "moves.locale",
            f"{source.name} and {target.name} differ in encoding or collation: {here} and {there}.",
            "Sorting and unique texts would differ: move it by export_tenant and import_tenant.",
        )
    here, there = (dict(one.execute(_SETTINGS).fetchall()) for one in (at_source, at_target))
    for name, value in here.items():
        if there[name] != value:
            yield Refusal(
                "moves.settings",
                f"{name} is {value} on {source.name} and {there[name]} on {target.name}.",
                "Stored expressions may go by it: set it alike, by ALTER DATABASE or in the "
                "server's configuration.",
            )
    yield from _clocks(at_source, at_target, source, target)


def _clocks(at_source: Connection, at_target: Connection, source: Server, target: Server) -> Found:
    began = time.monotonic()
    here, there = (_clock(one) for one in (at_source, at_target))
    asked_for, apart = time.monotonic() - began, _APART.total_seconds()
    if not here - apart <= there <= here + asked_for + apart:
        yield Refusal(
            "moves.clock",
            f"The clocks of {source.name} and {target.name} are {abs(there - here):.0f} s apart.",
            "What comes later must not look older: set them by NTP.",
        )


def _clock(connection: Connection) -> float:
    row = connection.execute(_CLOCK).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    return float(row[0])
