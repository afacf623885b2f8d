"""Let sequences go on at the target, ahead of whatever was given out at the source."""

from collections.abc import Collection
from typing import Any, Final

from sharding.schemas.connections import Connection
from sharding.schemas.services.transfer import SequenceValue

AHEAD: Final = 1000
"""No fence stops nextval(): somebody may get a number at the source after they were read, and use
it at the target. So many are left out, but never more than a hundredth of what is left."""

_ADVANCE: Final = """
    SELECT setval(
        seqrelid::regclass,
        (value + seqincrement * CASE WHEN called THEN floor(least(
            %(ahead)s,
            (CASE WHEN seqincrement > 0 THEN seqmax - value ELSE value - seqmin END)
                / abs(seqincrement) / 100
        )) ELSE 0 END)::bigint,
        called
    )
    FROM unnest(%(names)s::text[], %(values)s::bigint[]::numeric[], %(called)s::boolean[])
         AS named (name, value, called)
    JOIN pg_sequence ON seqrelid = format('%%I.%%I', %(schema)s::text, named.name)::regclass
"""


def advance_sequences(target: Connection, schema: str, values: Collection[SequenceValue]) -> None:
    """Set the target's sequences a little further than the source's are.

    Transaction: the caller's; what is set stays set if that is rolled back.
    Idempotent.
    """
    facts: dict[str, Any] = {
        "schema": schema,
        "ahead": AHEAD,
        "names": [one.name for one in values],
        "values": [one.last_value for one in values],
        "called": [one.called for one in values],
    }
    target.execute(_ADVANCE, facts)
