"""Tokens grow for ever, whatever control remembers."""

from psycopg import sql

from sharding.moves.connections import mover_of
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, login_connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.markers import read_marker

_AS_OWN = "SET ROLE {own}"


def newest_token(schema: str, *servers: Server) -> int:
    """The newest that a mover of this schema has had on one of these shards; 0: none.

    A shard that does not answer is left out: what is done there later is refused by its token.
    """
    newest = 0
    for server in servers:
        try:
            with login_connection(server, server.direct, mover_of(server), BRIEF) as connection:
                connection.execute(sql.SQL(_AS_OWN).format(own=sql.Identifier(server.own.user)))
                marker = read_marker(connection, schema)
        except ServerUnreachable:
            continue
        newest = max(newest, marker.token if marker is not None else 0)
    return newest
