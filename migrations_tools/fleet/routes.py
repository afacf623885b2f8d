"""Find out what each group of schemas lacks."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from migrations_tools.fleet.types import Group, Member
from migrations_tools.replay.types import Recording
from migrations_tools.states import Node, State, pending_between, state_of
from sharding.registry import current as addresses
from sharding.schemas.connections import Connection, own_connection


@dataclass(frozen=True, slots=True)
class Route:
    """How the schemas of one group get to the state of the code.

    Attributes:
        pending: the migrations that they lack, as `app.name`, in order.
        recording: what they did in a template; None: by Django's executor, one by one.
        why_not: why nothing is replayed.
    """

    pending: tuple[str, ...] = ()
    recording: Recording | None = None
    why_not: str = ""


_MIGRATIONS = "SELECT app, name FROM {schema}.django_migrations"

# The same migrations under another name: rows of squashed ones count as what they replace, an app
# is gone, or an older release named states otherwise. No structure changes: no lease is asked for.
_NAME_ANEW = """
    UPDATE atoll.tenant_schema SET digest = %(to)s
    WHERE schema = ANY(%(schemas)s) AND digest = %(digest)s
"""


def group_of(members: Sequence[Member]) -> Group:
    """Members of one state as a group, whatever their structures."""
    first = members[0].key
    assert first is not None, "only what a shard has said can be in a group"
    return Group(first, tuple(members))


def state_of_group(group: Group) -> State:
    """The migrations that the schemas of a group have: one is asked for all.

    Raises:
        ServerUnreachable: its shard does not answer.
    """
    member = group.members[0]
    with own_connection(addresses.shard(member.shard)) as connection:
        return state_of(_rows(connection, member.schema))


def pending_names(state: State) -> tuple[str, ...]:
    """What schemas of this state lack, as `app.name`, in order."""
    return tuple(f"{one.app_label}.{one.name}" for one in pending_between(state))


def name_anew(group: Group, digest: str) -> None:
    """Give the state of these schemas the name that the code has for it.

    Idempotent.
    """
    for shard in sorted({member.shard for member in group.members}):
        schemas = [one.schema for one in group.members if one.shard == shard]
        with own_connection(addresses.shard(shard)) as connection:
            connection.execute(
                _NAME_ANEW, {"to": digest, "schemas": schemas, "digest": group.key.digest}
            )


def _rows(connection: Connection, schema: str) -> list[Node]:
    query = sql.SQL(_MIGRATIONS).format(schema=sql.Identifier(schema))
    return [(app, name) for app, name in connection.execute(query)]
