"""A search of a long audit reads an index, not the whole of it."""

import pytest

from console.services.audit_search import PAGE, AuditQuery, entries_of
from sharding.registry.current import registry
from sharding.schemas.connections import own_connection

MANY = """
INSERT INTO placements_auditentry (actor, action, subject, before, after)
SELECT CASE WHEN n % 10000 = 0 THEN 'operator:rare@x' ELSE 'shell:somebody-' || n % 50 END,
       CASE WHEN n % 10000 = 0 THEN 'rare.thing' ELSE 'tenant.kind-' || n % 50 END,
       'subject-' || n % 1000, '{}', '{}'
FROM generate_series(1, 40000) AS n
"""
WITHOUT = "DROP INDEX audit_by_actor, audit_by_action"


@pytest.fixture(scope="module")
def long_audit(stack_ready):
    """Control with a long audit, as its owner sees it; all of it is rolled back."""
    with (
        own_connection(registry().control) as connection,
        connection.transaction(force_rollback=True),
    ):
        connection.execute(MANY)
        connection.execute("ANALYZE placements_auditentry")
        yield connection


@pytest.fixture
def control(long_audit):
    """The same; what the test does to it is rolled back with the test."""
    with long_audit.transaction(force_rollback=True):
        yield long_audit


def read(control, query):
    """Rows that the first page takes from the table or an index, at most."""
    text, values = entries_of(query)[: PAGE + 1].query.sql_with_params()
    # As our own cursors send it: with the values in the text.
    ((plan,),) = control.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + text, values).fetchall()
    return _read(plan[0]["Plan"])


def _read(node):
    own = node.get("Rows Removed by Filter", 0) + node["Actual Rows"]
    return max([own, *map(_read, node.get("Plans", []))])


SEARCHES = [
    AuditQuery(actor="operator:ra"),
    AuditQuery(action="rare."),
    AuditQuery(actor="operator:", action="rare."),
    AuditQuery(actor="operator:nobody"),
]


@pytest.mark.parametrize("query", SEARCHES, ids=str)
def test_a_search_for_something_rare_reads_little(control, query):
    assert read(control, query) <= PAGE


@pytest.mark.parametrize("query", SEARCHES, ids=str)
def test_without_the_indexes_it_would_read_everything(control, query):
    """The negative control."""
    control.execute(WITHOUT)
    assert read(control, query) > 30_000


def test_a_search_for_something_common_ends_with_its_page(control):
    assert read(control, AuditQuery(actor="shell:")) <= 2 * PAGE
