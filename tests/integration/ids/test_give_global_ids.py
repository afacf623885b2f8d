"""The command for tenants that are older than global ids."""

import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import transaction
from psycopg import sql

from sharding import scope
from sharding.placements.models import CONTROL, AuditEntry
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement
from sharding.placements.telling import Exit
from sharding.schemas.services.global_ids import GLOBAL_FROM
from sharding.schemas.services.markers import set_phase
from sharding.schemas.services.wrong_ids import wrong_ids
from sharding.schemas.types import Phase
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tests.integration.ids.conftest import ids, make_older, owner

BLOCKED = """
    SELECT pid FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE '%%UPDATE%%auth_group_permissions%%'
"""


@pytest.fixture(scope="module")
def places(stack_ready):
    """Two tenants of one shard and one of another."""
    made = [
        provision_tenant(
            ProvisionRequest(
                slug=f"ids-{name}",
                shard=shard,
                admin_email=f"admin@ids-{name}.example",
                admin_password="a password of the tests",
            )
        ).placement
        for name, shard in (("one", "alpha"), ("two", "alpha"), ("three", "beta"))
    ]
    for place in made:
        with scope.enter(place), transaction.atomic():
            group = Group.objects.create(name="Editors")
            group.permissions.set(Permission.objects.filter(codename__startswith="change_"))
    return made


@pytest.fixture
def older(places):
    """The same, as if made before there were global ids."""
    before = [ids(place) for place in places]
    for place in places:
        make_older(place)
    yield places
    call_command("give_global_ids", stdout=io.StringIO(), stderr=io.StringIO())
    assert [ids(place) for place in places] == before


def run(*arguments, **options):
    out, err = io.StringIO(), io.StringIO()
    call_command("give_global_ids", *arguments, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def now(place):
    return get_placement(place.tenant_id).to_scope()


def editors(place):
    with scope.enter(now(place)):
        return set(
            Permission.objects.filter(group__name="Editors").values_list(
                "content_type__model", "codename"
            )
        )


def stock(place):
    return max(ids(place)[0].values()) < GLOBAL_FROM


def test_older_tenants_get_the_ids_of_all_others_once(older):
    rights = [editors(place) for place in older]
    assert all(map(stock, older))
    dry, told = run("ids-one", "ids-three", dry_run=True)
    assert dry == "2 tenants: 2 would get other ids, 0 left alone. Nothing was changed.\n"
    assert "ids-one on alpha: " in told
    assert all(map(stock, older))

    out, told = run("ids-one", "ids-three")
    assert out == "2 tenants: 2 got other ids, 0 left alone.\n"
    assert "content types and" in told
    assert [stock(place) for place in older] == [False, True, False]
    assert ids(older[0]) == ids(older[2])

    out, _ = run(json=True)
    by_slug = {line["slug"]: line for line in json.loads(out)}
    assert by_slug["ids-one"]["wrong"] == 0
    assert by_slug["ids-two"]["content_types"] == len(ids(older[1])[0])
    for place in older:
        with owner(place) as own:
            assert wrong_ids(own, place.schema) == ()
    assert ids(older[0]) == ids(older[1]) == ids(older[2])
    assert [editors(place) for place in older] == rights
    given = AuditEntry.objects.using(CONTROL).filter(action="tenant.global_ids")
    assert given.filter(subject=older[0].tenant_id).exists()

    out, told = run("ids-one")
    assert out == "1 tenants: 0 got other ids, 0 left alone.\n"
    assert "right already" in told


def test_cached_content_types_are_asked_for_anew(older):
    place = older[0]
    with scope.enter(now(place)):
        before = ContentType.objects.get_for_model(Group).pk
    with scope.enter(now(older[2])):
        assert ContentType.objects.get_for_model(Group).pk == before
    run("ids-one")
    with scope.enter(now(place)):
        after = ContentType.objects.get_for_model(Group).pk
        assert ContentType.objects.get_for_id(after).model == "group"
    with scope.enter(now(older[2])):
        assert ContentType.objects.get_for_model(Group).pk == before, "that one has them still"
    assert before < GLOBAL_FROM <= after


def test_a_process_that_is_killed_in_the_middle_leaves_all_or_nothing(older):
    """It is met where it waits for a lock of ours, after it has changed half of the rows."""
    place = older[0]
    before = ids(place)
    with owner(place) as blocker, blocker.transaction(force_rollback=True):
        blocker.execute(
            sql.SQL("SELECT FROM {}.auth_group_permissions FOR UPDATE").format(
                sql.Identifier(place.schema)
            )
        )
        victim = subprocess.Popen(
            [sys.executable, "-W", "ignore", "manage.py", "give_global_ids", "ids-one"],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            session = wait_until_blocked(place)
            victim.send_signal(signal.SIGKILL)
        finally:
            victim.kill()
            victim.wait()
    wait_until_gone(place, session)
    assert ids(place) == before
    # The dead one's lease is not waited for.
    out, _ = run("ids-one")
    assert out == "1 tenants: 1 got other ids, 0 left alone.\n"
    assert not stock(place)


def wait_until_blocked(place):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with owner(place) as own:
            if row := own.execute(BLOCKED).fetchone():
                return row[0]
        time.sleep(0.02)
    raise AssertionError("it never came to the rows that we hold")


def wait_until_gone(place, session):
    until = time.monotonic() + 15
    with owner(place) as own:
        while own.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [session]).fetchone():
            assert time.monotonic() < until, "the server works on for the dead"
            time.sleep(0.05)


def test_who_cannot_have_them_now_is_told_and_the_others_get_them(older):
    one, two, three = older
    with owner(one) as own:
        set_phase(own, one.schema, Phase.FENCED)
    with lease(two.tenant_id, "a test"):
        with pytest.raises(CommandError, match="1 of 3 tenants failed"):
            run("ids-one", "ids-two", "ids-three")
    assert (stock(one), stock(two), stock(three)) == (True, True, False)
    with owner(one) as own:
        set_phase(own, one.schema, Phase.ACTIVE)


@pytest.mark.parametrize(
    ("arguments", "options", "says"),
    [
        (("nobody",), {}, "nobody"),
        ((), {"shard": ["gamma"]}, "gamma"),
    ],
    ids=["unknown tenant", "unknown shard"],
)
def test_what_there_is_not_changes_nothing(older, arguments, options, says):
    with pytest.raises(CommandError, match=says) as told:
        run(*arguments, **options)
    assert told.value.returncode == Exit.USAGE
    assert all(map(stock, older))
