"""A server of the oldest PostgreSQL is emptied into one of the newest: an upgrade without downtime.

As docs/runbooks/upgrade-a-server.md says it, command by command, and with what it says they print.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connections

from config import env
from devstack.prepare import prepare
from sharding import scope
from sharding.moves.models import Move
from sharding.placements.models import Placement
from sharding.placements.services.adding import AddShardRequest, add_shard
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe
from tenants.directory.lookup import directory
from tenants.outbox.topics import forget_topic, register_topic
from tenants.services.files import clear_files
from tests.fixtures.pages import Step, Walk
from tests.fixtures.servers import OLDEST_PG_BIN, throw_away_stack
from tests.integration.archives.conftest import TOPIC, Made, contents, enrich, make
from tests.integration.moves.conftest import nobody_drains
from workspace.models import Ticket

pytestmark = [pytest.mark.slow, pytest.mark.needs("postgresql15")]

OLD, NEW = "elder", "alpha"
PAGE = env.ROOT / "docs" / "runbooks" / "upgrade-a-server.md"


@dataclass
class Servers:
    """A tenant with something of everything, and one that is as it was made, on the old server."""

    rich: Made
    plain: Made


@pytest.fixture(scope="module")
def servers(django_db_blocker) -> Iterator[Servers]:
    before = addresses.registry()
    with (
        throw_away_stack(shards=(NEW,), redis=False) as newer,
        throw_away_stack(pg_bin=OLDEST_PG_BIN, shards=(OLD,), redis=False) as older,
        pytest.MonkeyPatch.context() as patch,
        django_db_blocker.unblock(),
    ):
        connections.close_all()
        patch.setenv(addresses.ENVIRONMENT_VARIABLE, str(newer.files.registry))
        register_topic(TOPIC, nobody_drains)
        prepare(newer)
        old = older.registry().shards[OLD]
        logins = (old.web, old.own, old.mover, old.role_maker)
        add_shard(
            AddShardRequest(
                OLD,
                admin_conninfo=older.admin_conninfo(OLD),
                direct=old.direct,
                pooled=old.pooled,
                passwords={one.user: one.password for one in logins if one is not None},
                registry_path=newer.files.registry,
            )
        )
        directory.cache_clear()
        made = Servers(make("rich", OLD), make("plain", OLD))
        enrich(made.rich)
        yield made
        for tenant in (made.rich, made.plain):
            clear_files(tenant.place)
        forget_topic(TOPIC)
        directory.cache_clear()
        for wrapper in connections.all(initialized_only=True):
            wrapper.close()
            if hasattr(wrapper, "close_pool"):
                wrapper.close_pool()
        addresses.install(before)


def run(*words):
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def at_a_shell(step: Step, typed: str) -> tuple[str, int]:
    """What a command of the page prints, as another process, and its status."""
    program, *words = shlex.split(step.text)
    assert program == "manage.py", step
    done = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=env.ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        input=typed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout, done.returncode


def moves_of(tenant: Made) -> list[Move]:
    return list(Move.objects.using("control").filter(tenant_id=tenant.id).order_by("pk"))


def major(shard):
    with own_connection(addresses.shard(shard)) as own:
        return own.info.server_version // 10000


def without_sequences(found):
    return {name: what for name, what in found.items() if name != "sequences"}


def test_a_server_is_upgraded_by_moving_its_tenants_away(servers):
    assert major(OLD) == 15
    assert major(NEW) > 15
    before = contents(servers.rich)
    page = Walk(PAGE, at_a_shell, {"newer": NEW})
    page.do("Act", "manage.py drain_shard")
    page.do("Act", "manage.py list_tenants")
    page.do("Act", "manage.py move_tenant")
    page.do("Act", "manage.py move_tenant")
    (rehearsed,) = moves_of(servers.rich)
    assert (rehearsed.state, rehearsed.result["rehearsed"]) == ("aborted", True)
    assert rehearsed.result["predicted_pause_ms"]["total"] > 0
    assert servers.rich.place.shard == OLD
    page.do("Act", "manage.py move_tenant")
    run("move_tenant", "plain", "--to", NEW, "--max-pause", "30000")
    for tenant in (servers.rich, servers.plain):
        move = moves_of(tenant)[-1]
        assert (move.state, move.target) == ("done", NEW)
        assert move.result["verified"], "both majors say of the same rows that they are"
        there = describe(addresses.shard(NEW), tenant.id)
        assert there.lacks == ()
    assert without_sequences(contents(servers.rich)) == without_sequences(before)
    assert not Placement.objects.using("control").filter(shard_id=OLD).exists()
    page.do("Verify", "manage.py list_tenants")
    page.do("Verify", "manage.py list_moves")
    page.do("Verify", "manage.py moves_doctor")
    page.do("Undo", "manage.py undrain_shard")
    page.do("Undo", "manage.py move_tenant")
    page.is_at_its_end()
    assert servers.rich.place.shard == OLD
    run("move_tenant", "rich", "--to", NEW, "--max-pause", "30000")
    # It works there: what is written gets a number that nobody had.
    with scope.enter(servers.rich.place):
        ticket = Ticket.objects.create(title="after", opened_by=Ticket.objects.first().opened_by)
        assert Ticket.objects.filter(pk=ticket.pk).count() == 1
    assert servers.rich.visitor().get("/account/sign-in/").status_code == 200


def test_a_tenant_goes_back_to_the_older_server_as_well(servers):
    """Whoever finds that the newer one does not suit: the way back is another move."""
    assert servers.plain.place.shard == NEW
    told = run("move_tenant", "plain", "--to", OLD, "--max-pause", "30000", "--json")
    assert json.loads(told)["state"] == "done"
    assert servers.plain.place.shard == OLD
    assert servers.plain.visitor().get("/account/sign-in/").status_code == 200
