"""The tables that rows of another tenant go into, as they were where the rows come from."""

from collections.abc import Callable, Sequence
from typing import Final

from django.db import connections

from migrations_tools.execution import Executor, Plan
from migrations_tools.services.build_schema import build_schema
from migrations_tools.states import State, wanted_state
from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.placements.services.reference import bring_newest
from sharding.registry import current as addresses
from sharding.schemas.connections import Connection
from sharding.schemas.services import global_ids
from sharding.schemas.services.create_schema import create_schema
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.fingerprint import Part, differences, structure
from sharding.schemas.services.furnish import Execute, furnish
from sharding.schemas.services.transfer import TableShape, read_sequences, tables_of
from tenants.archives.errors import CannotRestore
from tenants.archives.types import Filling

Tell = Callable[[str], None]

_DRIFTED: Final = (
    "The structure of its source had drifted from what its migrations make; `manage.py "
    "check_drift` names the same there, if it is still there."
)


def build_at(placement: scope.Placement, state: State, *, tell: Tell) -> None:
    """Make the schema anew, with the migrations of `state` and no others.

    What an earlier run has left is dropped: half a schema is not guessed at.

    Locks: the caller holds the tenant's lease.
    Transaction: many; forbids an open one.
    Idempotent.

    Raises:
        SchemaError, MigrationToolsError, DatabaseError: as build_schema; run it again.
    """
    server = addresses.shard(placement.shard)
    drop_schema(server, placement.schema)
    if state.digest == wanted_state().digest:
        build_schema(placement, tell=tell)
        return
    bring_newest(server)
    create_schema(server, placement.schema)

    def complete(execute: Execute) -> None:
        furnish(execute, placement.schema)
        global_ids.install(execute, placement.schema)

    with session_bound(placement, on_schema_change=complete):
        # No notes of what is unfinished: the next run would begin anew in any case.
        executor = Executor(connections[placement.shard], note=_no_notes, tell=tell)
        executor.run(_plan(executor, state), whole=False)


def check_structure(connection: Connection, schema: str, filling: Filling) -> None:
    """Whether the schema is what the rows come from.

    On another major of PostgreSQL definitions are printed differently, so there only tables,
    columns, types and sequences are compared.

    Raises:
        CannotRestore: with what differs.
    """
    found = {table.name: table for table in tables_of(connection, schema)}
    wrong = [
        f"table {table.name} has the columns {_told(found[table.name])} and not {_told(table)}"
        if table.name in found
        else f"table {table.name} is missing"
        for table in filling.tables
        if table.name not in found or _columns(found[table.name]) != _columns(table)
    ]
    sequences = {one.name for one in read_sequences(connection, schema)}
    wrong += [
        f"sequence {one.name} is missing" for one in filling.sequences if one.name not in sequences
    ]
    if not wrong and filling.major == connection.info.server_version // 10000:
        parts = structure(connection, schema)
        wrong = list(differences(_compared(filling.parts), _compared(parts)))
    if wrong:
        raise CannotRestore(filling.what, wrong, advice=_DRIFTED)


def _plan(executor: Executor, state: State) -> Plan:
    graph = executor.loader.graph
    plan: Plan = []
    planned = set()
    for target in sorted(state.nodes):
        for node in graph.forwards_plan(target):
            if node not in planned:
                planned.add(node)
                plan.append((graph.nodes[node], False))
    return plan


def _compared(parts: Sequence[Part]) -> list[Part]:
    # Tenants that are older than global ids lack these until `give_global_ids`; their rows keep
    # the ids that they have.
    return [
        part
        for part in parts
        if not (part.kind == "trigger" and part.identity.endswith(f".{global_ids.TRIGGER}"))
    ]


def _columns(table: TableShape) -> set[tuple[str, str]]:
    return set(zip(table.columns, table.types, strict=True))


def _told(table: TableShape) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in sorted(_columns(table)))


def _no_notes(what: str | None) -> None:
    """See build_at()."""
