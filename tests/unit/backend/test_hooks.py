"""Canaries: one per private hook of psycopg, its pool, Django and redis-py that we rely on.

A red one after an upgrade names what changed and who relies on it. That the hooks still do what
they say is proven on real servers, in tests/integration/backend.
"""

import importlib.util
import inspect
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import psycopg_pool
import pytest
import redis.retry
from django.contrib.contenttypes.models import ContentTypeManager
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.creation import BaseDatabaseCreation
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.postgresql import base as postgresql
from django.db.backends.postgresql import compiler
from django.db.backends.postgresql.operations import DatabaseOperations
from django.db.models import Model
from django.db.models.fields.related import ForeignObject
from django.db.models.sql.query import Query
from django.db.transaction import Atomic
from django.utils.connection import BaseConnectionHandler
from psycopg import _queries

Types: Any = ContentTypeManager  # its private methods are in no stubs
Atom: Any = Atomic
Wrapper: Any = postgresql.DatabaseWrapper


class Hook(NamedTuple):
    """A function that we override, wrap or call, and who relies on it."""

    owner: Any
    name: str
    parameters: tuple[str, ...]
    used_by: str


HOOKS = [
    Hook(psycopg.ClientCursor, "_execute_send", ("query", "force_extended", "binary"), "cursor"),
    Hook(psycopg.ClientCursor, "_set_results", ("results",), "cursor"),
    Hook(psycopg.ClientCursor, "_raise_for_result", ("result",), "cursor"),
    Hook(psycopg.ClientCursor, "_start_query", ("query",), "cursor"),
    Hook(psycopg.ServerCursor, "_declare_gen", ("query", "params", "binary"), "cursor"),
    Hook(psycopg.Connection, "_start_query", (), "pools.deadline, which lets BEGIN ride"),
    Hook(psycopg.Connection, "_get_tx_start_command", (), "cursor"),
    Hook(psycopg.Connection, "wait", ("gen",), "pools.deadline"),
    Hook(psycopg.AsyncConnection, "wait", ("gen",), "pools.deadline"),
    Hook(psycopg.Connection, "_connect_gen", (), "pools.deadline"),
    Hook(psycopg.AsyncConnection, "_connect_gen", (), "pools.deadline"),
    Hook(psycopg.AsyncConnection, "wait", ("gen", "interval"), "pools.breaking.probe"),
    Hook(psycopg.Connection, "cancel_safe", ("timeout",), "pools.deadline"),
    Hook(psycopg_pool.ConnectionPool, "putconn", ("conn",), "Django, for pools"),
    Hook(psycopg_pool.pool.WaitingClient, "fail", ("error",), "wrapper, when a breaker opens"),
    Hook(
        psycopg_pool.ConnectionPool,
        "_set_connection_expiry_date",
        ("conn",),
        "pools.catalogue, which writes what it writes",
    ),
    Hook(BaseDatabaseWrapper, "_savepoint", ("sid",), "shard.base"),
    Hook(BaseDatabaseWrapper, "_savepoint_rollback", ("sid",), "shard.base"),
    Hook(BaseDatabaseWrapper, "_savepoint_commit", ("sid",), "shard.base"),
    Hook(BaseDatabaseWrapper, "on_commit", ("func", "robust"), "wrapper"),
    Hook(postgresql.DatabaseWrapper, "create_cursor", ("name",), "shard.base"),
    Hook(postgresql.DatabaseWrapper, "_configure_connection", ("connection",), "shard.base"),
    Hook(postgresql.DatabaseWrapper, "chunked_cursor", (), "shard.base"),
    Hook(postgresql.DatabaseWrapper, "check_constraints", ("table_names",), "shard.base"),
    Hook(postgresql.DatabaseWrapper, "get_connection_params", (), "wrapper"),
    Hook(postgresql.DatabaseWrapper, "get_new_connection", ("conn_params",), "wrapper"),
    Hook(postgresql.DatabaseWrapper, "init_connection_state", (), "session_bound"),
    Hook(postgresql.DatabaseWrapper, "close_pool", (), "wrapper"),
    Hook(
        compiler.SQLCompiler,
        "__init__",
        ("query", "connection", "using", "elide_empty"),
        "compiler",
    ),
    Hook(compiler.SQLInsertCompiler, "as_sql", (), "compiler"),
    Hook(Query, "check_query_object_type", ("value", "opts", "field"), "guards"),
    Hook(Model, "_prepare_related_fields_for_save", ("operation_name", "fields"), "guards"),
    Hook(Model, "prepare_database_save", ("field",), "guards"),
    Hook(ForeignObject, "get_foreign_related_value", ("instance",), "guards"),
    Hook(Types, "_get_from_cache", ("opts",), "content_types"),
    Hook(Types, "_add_to_cache", ("using", "ct"), "content_types"),
    Hook(BaseConnectionHandler, "configure_settings", ("settings",), "handler"),
    Hook(BaseConnectionHandler, "create_connection", ("alias",), "handler"),
    Hook(BaseDatabaseSchemaEditor, "__exit__", ("exc_type",), "schema_editor"),
    Hook(BaseDatabaseCreation, "test_db_signature", (), "creation"),
    Hook(BaseDatabaseCreation, "serialize_db_to_string", (), "creation"),
    Hook(redis.retry.Retry, "call_with_retry", ("do", "fail"), "pools.redis"),
]


def stock(function: Any) -> Any:
    """What Django had before a guard of ours was put around it."""
    return getattr(function, "_atoll_guard", function)


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: f"{hook.owner.__name__}.{hook.name}")
def test_the_hook_is_there_and_takes_what_it_took(hook):
    function = stock(getattr(hook.owner, hook.name, None))
    assert function is not None, (
        f"{hook.owner.__module__}.{hook.owner.__name__} has no {hook.name} any more. "
        f"sharding.backend relies on it ({hook.used_by}): find what took its place."
    )
    if hook.name == "test_db_signature" or not hook.parameters:
        return
    takes = list(inspect.signature(function).parameters)
    assert list(hook.parameters) == takes[1 : len(hook.parameters) + 1], (
        f"{hook.name} takes {takes} now; {hook.used_by} must follow."
    )


SAYS = [
    (psycopg.Connection.connect, "cls._connect_gen(", "pools.deadline"),
    (psycopg.AsyncConnection.connect, "cls._connect_gen(", "pools.deadline"),
    (psycopg_pool.ConnectionPool.close, "waiting = list(self._waiting)", "wrapper"),
    (Wrapper.get_new_connection, "self.Database.connect(", "wrapper.Driver"),
    (Wrapper.get_new_connection, "self.pool.open()", "pools open after forks"),
    (Wrapper.pool.fget, "self._connection_pools", "wrapper: pools by server"),
    (Wrapper.pool.fget, "**pool_options", "pools.options: connection_class"),
    (Wrapper._close, "self.connection._pool.putconn", "pools by server"),
    (Wrapper.create_cursor, "ServerSideCursor(", "shard.base: its lines"),
    (Wrapper.create_cursor, "register_tzloader", "shard.base: its lines"),
    (DatabaseOperations.last_executed_query, "_query.query", "captured SQL"),
    (BaseDatabaseSchemaEditor.__exit__, "self.deferred_sql", "schema_editor"),
    (BaseDatabaseSchemaEditor.__exit__, "self.atomic_migration", "schema_editor"),
    (Atom.__enter__, "connection.atomic_blocks.append(self)", "probe"),
    (Atom.__init__, "self._from_testcase", "probe"),
    (Types.__init__, "self._cache", "content_types"),
    (Types._get_from_cache, "self._cache[self.db]", "content_types"),
    (Types._add_to_cache, "self._cache.setdefault(using", "content_types"),
    (BaseConnectionHandler.__init__, "self._connections", "handler"),
]


@pytest.mark.parametrize(
    ("function", "words", "used_by"), SAYS, ids=lambda part: getattr(part, "__qualname__", part)
)
def test_the_function_still_says(function, words, used_by):
    source = inspect.getsource(function)
    assert words in source, f"{function.__qualname__} does not say {words!r} any more ({used_by})."


def test_a_cursor_keeps_its_query_where_django_looks_for_it():
    assert hasattr(psycopg.Cursor, "_query")
    assert "query" in _queries.PostgresQuery.__slots__


def test_a_pipeline_has_the_two_queues_that_a_binding_is_put_into():
    names = {name for base in psycopg.Pipeline.__mro__ for name in inspect.get_annotations(base)}
    assert {"command_queue", "result_queue"} <= names, "cursor._queue_commands relies on them"


def test_connections_know_their_pipeline():
    base: Any = psycopg.Connection.__mro__[1]
    source = inspect.getsource(base.__init__)
    assert "self._pipeline" in source


def test_simple_queries_take_several_statements_and_extended_ones_take_one():
    """Which protocol a cursor takes is what the one-statement check rests on."""
    source = inspect.getsource(psycopg.ClientCursor._execute_send)
    assert "force_extended" in source
    assert "send_query_params" in source
    assert "send_query(" in source


def test_sites_are_kept_in_the_one_dict():
    spec = importlib.util.find_spec("django.contrib.sites.models")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text()  # the app is not installed, so it cannot be imported
    assert "SITE_CACHE = {}" in source
    assert "SITE_CACHE[" in source


def test_the_guards_stand_around_djangos_own():
    for owner, name in (
        (Query, "check_query_object_type"),
        (Model, "_prepare_related_fields_for_save"),
        (Model, "prepare_database_save"),
        (ForeignObject, "get_foreign_related_value"),
    ):
        assert hasattr(getattr(owner, name), "_atoll_guard"), f"{name} is not guarded"
