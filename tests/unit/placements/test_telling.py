"""Errors of services become one line and an exit status; other errors stay tracebacks."""

import logging
import re

import psycopg
import pytest
from django.core.management.base import CommandError
from django.db import OperationalError, ProgrammingError

from migrations_tools.errors import MigrationToolsError
from sharding.placements import telling
from sharding.placements.errors import InvalidShardName, PlacementError
from sharding.placements.telling import Exit, errors_told
from sharding.pools.errors import NoConnectionFree, ShardAway
from sharding.schemas.errors import NotFitToBeShard, PreparationFailed, ServerUnreachable
from tenants import edge
from tenants.errors import InvalidSlug, TenantError


def raised(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PlacementError("no"), Exit.FAILED),
        (InvalidShardName("X"), Exit.USAGE),
        (PreparationFailed("alpha", "guard", "why"), Exit.PAUSED),
        (NotFitToBeShard("alpha", ("why",)), Exit.FAILED),
        (raised(OperationalError("x"), ShardAway("alpha")), Exit.FAILED),
        (raised(OperationalError("x"), psycopg.errors.AdminShutdown()), Exit.FAILED),
    ],
)
@pytest.mark.parametrize("told", [errors_told, edge.errors_told])
def test_each_error_has_its_exit_status(told, error, code):
    with pytest.raises(CommandError) as caught, told():
        raise error
    assert caught.value.returncode == code
    assert caught.value.__cause__ is error


def test_upper_layers_bring_their_own_and_the_nearest_class_decides():
    for error, code in (
        (TenantError("no"), Exit.FAILED),
        (InvalidSlug("A", "capital letters"), Exit.USAGE),
        (MigrationToolsError("no"), Exit.FAILED),
    ):
        with pytest.raises(CommandError) as caught, edge.errors_told():
            raise error
        assert caught.value.returncode == code
        with pytest.raises(type(error)), errors_told():
            raise error


def test_a_server_that_is_away_is_named_and_advice_is_asked_for(monkeypatch):
    advice = ["Start it.", "", "Start it."]
    monkeypatch.setattr(telling, "_advisers", [lambda: advice.pop(0)])
    for away, shows_shards in (
        (ShardAway("control"), False),
        (ShardAway("alpha"), True),
        (NoConnectionFree("control", "after 0.50 sec"), False),
    ):
        with pytest.raises(CommandError) as caught, errors_told():
            raise raised(OperationalError(str(away)), away)
        said = str(caught.value)
        assert said.startswith(f"A server does not answer: The server {away.server} ")
        assert ("Start it." in said, "list_shards" in said) == (not shows_shards, shows_shards)


def test_pools_warn_in_programs_that_serve_and_not_in_commands(caplog):
    caplog.set_level(logging.WARNING, "psycopg.pool")
    logger = logging.getLogger("psycopg.pool")
    told = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())
    logger.addHandler(handler)
    logger.disabled = False  # another test may have configured logging anew
    first, second = errors_told(), errors_told()
    logger.warning("before")
    with first:
        logger.warning("in one command")
        second.__enter__()
    # The first has ended, the second goes on: as commands do that overlap in threads.
    logger.warning("in the other command")
    logger.error("an error is told")
    second.__exit__(None, None, None)
    logger.warning("after")
    logger.removeHandler(handler)
    assert told == ["before", "an error is told", "after"]


@pytest.mark.parametrize("reason", ["refused", "refused.", "Is it\n\trunning?"])
def test_what_a_server_said_ends_with_one_mark(reason):
    for error in (
        ServerUnreachable("alpha", "as administrator", reason),
        PreparationFailed("alpha", "guard", reason),
    ):
        assert not re.search(r"[.?]\.", str(error))


@pytest.mark.parametrize(
    "error",
    [
        raised(OperationalError("x"), psycopg.errors.QueryCanceled()),
        raised(ProgrammingError("x"), psycopg.errors.UndefinedTable()),
        ZeroDivisionError(),
    ],
    ids=lambda error: type(error.__cause__ or error).__name__,
)
def test_what_only_a_mistake_of_ours_explains_stays_a_traceback(error, monkeypatch):
    monkeypatch.setattr(telling, "_explainers", [lambda: ""])
    with pytest.raises(type(error)) as caught, errors_told():
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    "cause", [psycopg.errors.UndefinedTable(), psycopg.errors.UndefinedColumn()], ids=repr
)
def test_why_a_table_or_column_is_not_there_is_told_by_whoever_knows(cause, monkeypatch):
    monkeypatch.setattr(telling, "_explainers", [lambda: "", lambda: "Run migrate."])
    with pytest.raises(CommandError, match="Run migrate") as caught, errors_told():
        raise raised(ProgrammingError("x"), cause)
    assert caught.value.returncode == Exit.FAILED
