"""Which tenants' rows refer to a reference row, on any shard."""

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg

from sharding.placements.services.reference import (
    NO_ADDRESS,
    ShardOutcome,
    problem_of,
    servers_of,
)
from sharding.registry.types import Server
from sharding.schemas.errors import SchemaError
from sharding.schemas.services.reference_uses import Use, find_uses

_AT_ONCE: Final = 20


def find_uses_everywhere(
    table: str, *, key: str, value: str
) -> tuple[tuple[Use, ...], tuple[ShardOutcome, ...]]:
    """The rows that refer to the row of `table` whose `key` is `value`; and who cannot say.

    Without an answer of every shard nobody knows.
    """

    def ask(name: str, server: Server | None) -> tuple[Use, ...] | ShardOutcome:
        if server is None:
            return ShardOutcome(name, None, None, problem=NO_ADDRESS)
        try:
            return find_uses(server, table, key=key, value=value)
        except (SchemaError, psycopg.Error) as error:
            return ShardOutcome(name, None, None, problem=problem_of(error))

    wanted = servers_of(())
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        answers = list(pool.map(ask, wanted, wanted.values()))
    silent = tuple(answer for answer in answers if isinstance(answer, ShardOutcome))
    told = (answer for answer in answers if not isinstance(answer, ShardOutcome))
    return tuple(use for uses in told for use in uses), silent
