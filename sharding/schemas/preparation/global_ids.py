"""Steps that make the trigger functions by which content types and permissions get global ids."""

from importlib.resources import files

from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas.preparation.types import Step
from sharding.schemas.services.global_ids import PERMISSIONS, TYPES, IdTable

_BODIES = {
    TYPES: (files(__package__) / "content_type_id.sql").read_text("utf-8"),
    PERMISSIONS: (files(__package__) / "permission_id.sql").read_text("utf-8"),
}

_DONE = """
    SELECT EXISTS (
        SELECT FROM pg_proc
        WHERE oid = to_regprocedure({function}) AND prosrc = {body}
          AND pg_get_userbyid(proowner) = {own}
    )
"""
_CREATE = "CREATE OR REPLACE FUNCTION atoll.{name}() RETURNS trigger LANGUAGE plpgsql AS {body}"
_AS_OWN = "SET LOCAL ROLE {own}"


def global_id_steps(server: Server) -> tuple[Step, ...]:
    """One step for each of the two functions; a shard that was prepared before gets them too."""
    return tuple(_function(server, table) for table in (TYPES, PERMISSIONS))


def _function(server: Server, table: IdTable) -> Step:
    body = sql.Literal(_BODIES[table])
    return Step(
        key=f"ids-{table.key}",
        does=f"Make the function that gives {table.noun} global ids",
        done=sql.SQL(_DONE).format(
            function=sql.Literal(f"atoll.{table.function}()"),
            body=body,
            own=sql.Literal(server.own.user),
        ),
        act=(
            sql.SQL(_AS_OWN).format(own=sql.Identifier(server.own.user)),
            sql.SQL(_CREATE).format(name=sql.Identifier(table.function), body=body),
        ),
    )
