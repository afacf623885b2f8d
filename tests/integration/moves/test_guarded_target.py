"""The copy that is made at the target refuses writes from its first table on."""

from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from sharding.moves.core.steps import Mode
from sharding.moves.services import preparing, streaming
from sharding.moves.services.guards import unarmed_tables
from sharding.moves.services.moving import move_tenant
from sharding.registry import current as registry
from sharding.schemas import names
from sharding.schemas.connections import own_connection
from tests.integration.moves.conftest import settled, written

# Nothing arms them afterwards: each table is made with its guard armed.
MADE_AT = {Mode.BLOCK: ("make_target.made",), Mode.LOGICAL: ("make_target.made", "build.built")}


@pytest.mark.parametrize("mode", Mode)
def test_not_even_a_superuser_writes_what_the_copy_would_overwrite(
    new_tenant, stack_ready, monkeypatch, mode
):
    tenant = new_tenant(ledger=True)
    statement = sql.SQL("INSERT INTO {} (writer, number) VALUES (1, 1)").format(
        sql.Identifier(tenant.id, "ledger")
    )
    seen = []

    def here(point: str) -> None:
        if point not in MADE_AT[mode]:
            return
        with own_connection(registry.shard("beta")) as own:
            seen.append(unarmed_tables(own, tenant.id))
        with psycopg.connect(stack_ready.admin_conninfo("beta")) as he:
            with pytest.raises(psycopg.Error) as refused:
                he.execute(statement)
            seen.append(refused.value.sqlstate)

    for module in (preparing, streaming):
        monkeypatch.setattr(module, "reach", here)
    receipt = move_tenant(tenant.request(mode=mode, soak=timedelta(0)))
    assert seen == [[], "AT001"] * len(MADE_AT[mode])
    assert receipt.state == "done"
    settled(tenant, on="beta")
    assert not written(tenant)


_INDEXES = """
    SELECT count(*) FROM pg_index JOIN pg_class t ON t.oid = indrelid
    WHERE t.relnamespace = %s::regnamespace AND t.relname <> ALL (%s)
"""


def test_what_a_stream_fills_gets_its_indexes_after_the_rows(new_tenant, monkeypatch):
    tenant = new_tenant()
    furniture = [names.WRITE_PERMIT, names.HEARTBEAT]
    seen = []

    def here(point: str) -> None:
        if point == "make_target.made":
            with own_connection(registry.shard("beta")) as own:
                seen.append(own.execute(_INDEXES, (tenant.id, furniture)).fetchone())

    monkeypatch.setattr(preparing, "reach", here)
    receipt = move_tenant(tenant.request(mode=Mode.LOGICAL, soak=timedelta(0)))
    assert (seen, receipt.state) == ([(0,)], "done")
    settled(tenant, on="beta")
