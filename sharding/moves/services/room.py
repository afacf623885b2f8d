"""Whether the target has room: for bytes as far as somebody said, for one more role."""

from collections.abc import Iterator
from typing import Final

from sharding.figures import size_in_words
from sharding.moves.types import Refusal
from sharding.placements.services.reserving import cap_of
from sharding.placements.services.shards import find_shard
from sharding.registry.types import Server
from sharding.schemas.connections import Connection
from sharding.schemas.services.roles import count_roles
from sharding.schemas.types import SchemaDescription

GROWS_BY: Final = 1.2
"""A copy and what is written while it is made."""

_HELD: Final = "SELECT pg_database_size(current_database())"
_HAS_ROLE: Final = "SELECT to_regrole(quote_ident(%(schema)s)) IS NOT NULL"


def no_room(at_target: Connection, target: Server, there: SchemaDescription) -> Iterator[Refusal]:
    """What the target has not enough of for one more tenant that is like `there`."""
    shard = find_shard(target.name)
    if shard.capacity_bytes is not None:
        row = at_target.execute(_HELD).fetchone()
        held = int(row[0]) if row else 0
        wanted, bears = int(there.bytes * GROWS_BY), shard.capacity_bytes
        if held + wanted > bears:
            yield Refusal(
                "moves.no_room",
                f"{target.name} holds {size_in_words(held)} of {size_in_words(bears)}, and it may "
                f"need {size_in_words(wanted)}.",
                f"Move others away first, or give it a larger disk and say so with `manage.py "
                f"set_shard_capacity {target.name} --bytes`.",
            )
    row = at_target.execute(_HAS_ROLE, {"schema": there.schema}).fetchone()
    roles, cap = count_roles(at_target, target), cap_of(shard)
    if not (row and row[0]) and roles >= cap:
        yield Refusal(
            "moves.no_roles_left",
            f"The server of {target.name} has {roles} tenant roles and bears {cap}.",
            "Name another shard with --to.",
        )


def what_nobody_said(target: Server, there: SchemaDescription) -> tuple[str, ...]:
    """What could not be looked at."""
    if find_shard(target.name).capacity_bytes is not None:
        return ()
    wanted = size_in_words(int(there.bytes * GROWS_BY))
    told = (
        f"No server tells how much of its disk is free, and nobody has said what {target.name} "
        f"bears (`manage.py set_shard_capacity {target.name} --bytes`): it may need {wanted} there."
    )
    return (told,)
