"""Tokens grow for ever, whatever control remembers."""

from sharding.moves.connections import as_owner, mover_login
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.markers import read_marker


def newest_token(schema: str, *servers: Server) -> int:
    """The newest that a mover of this schema has had on one of these shards; 0: none.

    A shard that does not answer is left out: what is done there later is refused by its token.
    """
    newest = 0
    for server in servers:
        try:
            with mover_login(server, BRIEF) as connection:
                as_owner(connection, server)
                marker = read_marker(connection, schema)
        except ServerUnreachable:
            continue
        newest = max(newest, marker.token if marker is not None else 0)
    return newest
