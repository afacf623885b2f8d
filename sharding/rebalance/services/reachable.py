"""Which shards serve nobody now, and why: asked of all at once, within seconds."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import psycopg

from sharding.backend.identity import WHO, why_refused
from sharding.placements.models import Shard
from sharding.placements.states import ShardState
from sharding.pools.outages import without_rows
from sharding.registry.current import registry
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, own_connection
from sharding.schemas.errors import ServerUnreachable

_AT_ONCE: Final = 20


def why_down(shards: Iterable[Shard]) -> dict[str, str]:
    """Those from which, and to which, nobody can be moved now, with the reason."""
    servers = registry().shards
    down: dict[str, str] = {}
    to_ask: list[Server] = []
    for shard in shards:
        server = servers.get(shard.name)
        if server is None:
            down[shard.name] = "it has no address in this machine's registry"
        elif shard.hold is not None:
            down[shard.name] = f"it is held: {shard.hold.reason}"
        elif shard.state == ShardState.PREPARING:
            down[shard.name] = "it is still being prepared"
        else:
            to_ask.append(server)
    # Threads without our context: they only ask, on connections of their own.
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        answers = list(pool.map(_ask, to_ask))
    down |= {server.name: why for server, why in zip(to_ask, answers, strict=True) if why}
    return down


def _ask(server: Server) -> str:
    try:
        with own_connection(server, BRIEF) as connection:
            row = connection.execute(WHO).fetchone()
    except ServerUnreachable as error:
        return f"it does not answer: {error.reason}"
    except psycopg.Error as error:
        return f"it answers with an error: {without_rows(error)}"
    return (why_refused(server, *row) or "") if row else "it is not prepared"
