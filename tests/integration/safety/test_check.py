"""`check_migrations` runs what is not released in a template, and says what a fleet would feel."""

import json
from importlib import import_module
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from migrations_tools.images.templates import left_templates
from migrations_tools.safety.recipes import RECIPES
from migrations_tools.safety.services.check import check_migrations
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection

RELEASES = "tests.integration.fleet"
ONLY_OUTBOX = {"outbox": "0001_initial"}


@pytest.fixture(autouse=True)
def _servers(stack_ready):
    yield
    with own_connection(addresses.shard("alpha")) as own:
        assert left_templates(own) == ()
    connections.close_all()


@pytest.fixture
def release(settings):
    """Puts a later release of the outbox in force; its first migration runs everywhere already."""

    def put(name):
        settings.MIGRATION_MODULES = {
            **settings.MIGRATION_MODULES,
            "outbox": f"{RELEASES}.release_{name}.migrations",
        }
        settings.ATOLL_RELEASED_MIGRATIONS = ONLY_OUTBOX

    return put


def run(*words):
    out = StringIO()
    call_command("check_migrations", *words, stdout=out, stderr=StringIO())
    return out.getvalue()


def refused(*words):
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("check_migrations", *words, stdout=out, stderr=StringIO())
    return error.value, out.getvalue()


def rules(**more):
    report = check_migrations(addresses.shard("alpha"), labels=["outbox"], **more)
    return {(".".join(one.node), one.rule): one for one in report.findings}


def test_a_plain_index_is_told_with_the_way_that_locks_nobody(release):
    release("two")
    found = rules()

    finding = found["outbox.0002_urgency", "require-concurrent-index-creation"]
    assert 'CREATE INDEX "outbox_by_urgency"' in finding.what
    assert finding.instead == RECIPES["require-concurrent-index-creation"]
    assert not any(rule == "old-code-writes" for _, rule in found), "the database has a default"


def test_the_way_that_is_told_is_found_clean(release):
    release("index")
    said = run("--app", "outbox")

    assert "1 migrations checked: 0 findings to mend, 0 accepted." in said
    assert "runs in each schema by itself, since it runs outside a transaction" in said


def test_what_the_old_release_could_not_write_to_is_told(release):
    release("abrupt")

    assert ("outbox.0002_urgency", "old-code-writes") in rules()


def test_findings_end_with_status_1_and_the_words_that_accept_them(release):
    release("broken")
    error, said = refused("--app", "outbox", "--shard", "beta")

    assert error.returncode == 1
    assert 'atoll_accepts = {"rule": "reason"}' in str(error)
    assert "outbox.0003_short_topics\n  constraint-missing-not-valid: " in said
    assert f"    instead: {RECIPES['constraint-missing-not-valid']}" in said
    _, told = refused("--app", "outbox", "--json")
    assert {(*one["node"], one["rule"]) for one in json.loads(told)} >= {
        ("outbox", "0003_short_topics", "constraint-missing-not-valid")
    }


def test_a_migration_may_accept_a_rule_with_a_reason_and_only_that_rule(release, monkeypatch):
    release("broken")
    kind = import_module(f"{RELEASES}.release_two.migrations.0002_urgency").Migration
    reason = "tables are small"
    monkeypatch.setattr(
        kind, "atoll_accepts", {"require-concurrent-index-creation": reason}, raising=False
    )
    _, said = refused("--app", "outbox")

    assert f"    accepted: {reason}" in said
    assert "1 accepted." in said
    assert "constraint-missing-not-valid" in said, "the other migration accepts nothing"


def test_what_is_released_is_not_looked_at_unless_somebody_asks(release, settings):
    release("broken")
    settings.ATOLL_RELEASED_MIGRATIONS = {"outbox": "0003_short_topics"}

    assert run("--app", "outbox") == "No migration of tenants' apps waits to be released.\n"
    error, said = refused("--app", "outbox", "--all")
    assert "outbox.0002_urgency" in said
    assert error.returncode == 1


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--app", "nobody"], 2, "--app names 'nobody', which is no migration"),
        (["--app", "placements"], 2, "of an app that tenants have"),
        (["--shard", "gamma"], 2, "No shard is called 'gamma'"),
        (["--app"], None, "expected one argument"),
        (["outbox"], None, "unrecognized arguments: outbox"),
    ],
    ids=["no app", "control's app", "no shard", "no label", "a word too many"],
)
def test_what_makes_no_sense_is_refused_with_what_to_give(words, status, said):
    error, printed = refused(*words)

    assert said in str(error)
    assert printed == ""
    if status is not None:
        assert error.returncode == status


def test_a_released_migration_that_is_not_there_is_told(release, settings):
    release("two")
    settings.ATOLL_RELEASED_MIGRATIONS = {"outbox": "0009_never"}
    error, _ = refused("--app", "outbox")

    assert error.returncode == 2
    assert "ATOLL_RELEASED_MIGRATIONS names outbox.0009_never" in str(error)
