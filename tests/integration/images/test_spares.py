"""A spare schema is what its tenant would have been given, and nobody gets a wrong one."""

import io
import os
import subprocess
import sys
import threading

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from migrations_tools.drift.services.check import DriftRequest, check_drift
from migrations_tools.drift.services.mend import plan_mending
from migrations_tools.drift.types import Kind
from migrations_tools.errors import SchemaClosed
from migrations_tools.images.models import Image
from migrations_tools.images.services.find_image import body_of
from migrations_tools.services.build_schema import build_schema
from migrations_tools.spares.services.fill import BUSY, make_spares, plan_spares
from migrations_tools.spares.services.wanted import spare_wanted
from sharding.placements.models import Placement, ReservedRole
from sharding.placements.services import spares
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.placements.services.shards import set_shard_state
from sharding.placements.states import PlacementState, ShardState
from sharding.schemas.connections import own_connection
from sharding.schemas.errors import WrongPhase
from sharding.schemas.services.create_schema import open_schema
from sharding.schemas.services.describe import describe, survey
from sharding.schemas.services.fingerprint import differences, structure
from sharding.schemas.services.image_replay import UNFINISHED
from sharding.schemas.services.markers import read_marker
from sharding.schemas.services.spares import take_spare
from sharding.schemas.types import SPARE, Phase
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tenants.services.undo import undo_provision
from tests.fixtures.waiting import killed_at_last, wait_for
from tests.integration.images.conftest import contents
from tests.integration.images.test_crashes import BLOCK, WAITS_FOR_IT

RIGHTS = """
    SELECT what, name, replace(acl::text, %(schema)s, '@') FROM (
        SELECT 'schema' AS what, '' AS name, nspacl AS acl FROM pg_namespace
        WHERE nspname = %(schema)s
        UNION ALL SELECT 'relation', relname, relacl FROM pg_class
        WHERE relnamespace = %(schema)s::regnamespace
        UNION ALL SELECT 'default', defaclobjtype::text, defaclacl FROM pg_default_acl
        WHERE defaclnamespace = %(schema)s::regnamespace
    ) given ORDER BY 1, 2
"""
OWNERS = """
    SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class
    WHERE relnamespace = %(schema)s::regnamespace
"""
MARK = "UPDATE atoll.tenant_schema SET unfinished = %s WHERE schema = %s"


@pytest.fixture(autouse=True)
def one_spare(settings, image):
    """Alpha may have one, and has none when the test ends."""
    settings.ATOLL_SPARE_PAUSE_SECONDS = 0.001
    settings.ATOLL_SPARES = 1
    yield
    settings.ATOLL_SPARES = 0
    # The session of one that was killed, or that a test has held, may take a moment to end.
    wait_for(lambda: make_spares("alpha").problem != BUSY, "somebody else is at it")
    left = ReservedRole.objects.using("control").filter(shard="alpha", placed_at=None)
    assert not left.exclude(spare="").exists()
    assert not left.filter(used_by=spares.FILLER).exists()


@pytest.fixture
def spare() -> str:
    report = make_spares("alpha")
    assert len(report.made) == 1, report
    return report.made[0]


def placed(name: str):
    """The placement of a tenant that got this id, whoever asked for it."""
    ReservedRole.objects.using("control").filter(name=name).update(used_by="spare test")
    return create_placement(name, "alpha").to_scope()


def test_it_is_in_nothing_unlike_a_schema_that_was_made_for_its_tenant(spare, new_place, server):
    direct = new_place()
    assert not build_schema(direct).spare
    place = placed(spare)
    built = build_schema(place)
    assert (built.spare, built.from_image, built.created) == (True, True, True)
    with own_connection(server) as own:
        assert differences(structure(own, direct.schema), structure(own, spare)) == ()
        assert contents(own, direct.schema) == contents(own, spare)
        for asked in (RIGHTS, OWNERS):
            found = [
                own.execute(asked, {"schema": name}).fetchall() for name in (direct.schema, spare)
            ]
            assert found[0] == found[1]
            assert found[0]
        one, other = read_marker(own, direct.schema), read_marker(own, spare)
    for name in ("phase", "epoch", "token", "digest", "fingerprint", "major", "unfinished"):
        assert getattr(one, name) == getattr(other, name), name
    assert describe(server, spare).lacks == ()


def test_until_it_is_taken_nobody_may_look_and_it_is_no_half(spare, server):
    found = describe(server, spare)
    assert (found.usage, found.permit, found.unguarded, found.lacks) == (False, False, (), ())
    assert found.marker.phase is Phase.INCOMING
    assert found.marker.spare == spare_wanted("alpha")
    told = survey(server)
    assert (spare in told.half_made, told.spares) == (False, 1)


def test_a_new_tenant_takes_it_and_the_next_one_is_made(spare):
    lines: list[str] = []
    receipt = provision_tenant(ProvisionRequest(slug="takes", shard="alpha"), tell=lines.append)
    assert receipt.tenant_id == spare
    assert "taking a spare schema" in lines
    assert make_spares("alpha").made not in ((), (spare,))
    again: list[str] = []
    other = provision_tenant(ProvisionRequest(slug="takes-too", shard="alpha"), tell=again.append)
    assert "taking a spare schema" in again
    lines.clear()
    provision_tenant(ProvisionRequest(slug="takes-none", shard="alpha"), tell=lines.append)
    assert any(line.startswith("replaying the image") for line in lines)
    assert other.tenant_id != spare


def test_whoever_brings_a_schema_gets_an_id_without_one(spare):
    assert reserve_tenant_id("alpha", used_by="brings its own") != spare
    key = spare_wanted("alpha")
    assert reserve_tenant_id("alpha", used_by="takes it", spare=key) == spare
    assert reserve_tenant_id("alpha", used_by="comes later", spare=key) != spare
    # Who was cut off and brings a schema now does not get back what it had for another purpose.
    assert reserve_tenant_id("alpha", used_by="takes it") != spare
    assert build_schema(create_placement(spare, "alpha").to_scope()).spare


def test_of_two_at_once_one_takes_it(spare, server, image):
    taken = []

    def take() -> None:
        with own_connection(server) as own:
            taken.append(take_spare(own, spare, body_of(image), epoch=2))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, True]
    with own_connection(server) as own:
        assert read_marker(own, spare).phase is Phase.ACTIVE
    place = placed(spare)
    assert build_schema(place).migrations == ()


def test_one_of_another_image_is_made_anew_for_the_tenant_that_got_its_id(spare, new_place, server):
    with own_connection(server) as own:
        own.execute(MARK, (f"{SPARE}{'0' * 32}", spare))
        own.execute(f"ALTER TABLE {spare}.django_session ADD COLUMN of_another_image int")
    place = placed(spare)
    built = build_schema(place)
    assert (built.spare, built.from_image) == (False, True)
    direct = new_place()
    build_schema(direct)
    with own_connection(server) as own:
        assert differences(structure(own, direct.schema), structure(own, spare)) == ()
    assert describe(server, spare).lacks == ()


@pytest.mark.parametrize(
    "what",
    [
        "fingerprint",
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("digest", "major", "phase")),
    ],
)
def test_what_its_mark_says_must_be_the_image_s_in_all(spare, server, what):
    other = {"fingerprint": "'other'", "digest": "'other'", "major": "15", "phase": "'sealed'"}[
        what
    ]
    with own_connection(server) as own:
        own.execute(f"UPDATE atoll.tenant_schema SET {what} = {other} WHERE schema = %s", (spare,))
    place = placed(spare)
    if what == "phase":
        with pytest.raises(SchemaClosed):
            build_schema(place)
    else:
        assert not build_schema(place).spare


def test_one_that_somebody_has_changed_by_hand_is_dropped_by_the_next_filler(spare, server):
    assert make_spares("alpha").dropped == ()
    with own_connection(server) as own:
        own.execute(f"ALTER TABLE {spare}.django_session ADD COLUMN by_hand int")
    report = make_spares("alpha")
    assert (report.dropped, len(report.made), report.ready) == ((spare,), 1, 1)


def test_those_of_another_image_are_dropped_and_made_anew(spare, server):
    key = spare_wanted("alpha")
    ReservedRole.objects.using("control").filter(name=spare).update(spare="0" * 32)
    with own_connection(server) as own:
        own.execute(MARK, (f"{SPARE}{'0' * 32}", spare))
    plan = plan_spares("alpha")
    assert (plan.ready, plan.to_drop, plan.to_make) == (0, (spare,), 1)
    report = make_spares("alpha")
    assert (report.dropped, len(report.made), report.ready) == ((spare,), 1, 1)
    assert spares.free_spares("alpha") == {report.made[0]: key}


def test_without_an_image_there_are_none(spare, image, server):
    rows = Image.objects.using("control").filter(pk=image.pk)
    rows.update(refused="a test does without it.")
    try:
        assert spare_wanted("alpha") == ""
        report = make_spares("alpha")
    finally:
        rows.update(refused="")
    assert (report.dropped, report.made) == ((spare,), ())
    assert "manage.py build_image" in report.problem
    with own_connection(server) as own:
        assert read_marker(own, spare) is None


def test_a_shard_that_takes_no_tenants_keeps_none(spare):
    set_shard_state("alpha", ShardState.DRAINING)
    try:
        report = make_spares("alpha")
    finally:
        set_shard_state("alpha", ShardState.ACTIVE)
    assert (report.dropped, report.made, report.ready) == ((spare,), (), 0)


def test_one_filler_at_a_time(server):
    with own_connection(server) as own:
        own.execute("SELECT pg_advisory_lock(hashtext('atoll.spares'), 0)")
        report = make_spares("alpha")
    assert (report.made, report.problem) == ((), BUSY)


def test_a_filler_that_was_killed_in_the_middle_leaves_what_the_next_one_finishes(
    server, stack_ready
):
    with killed_at_last() as started, psycopg.connect(stack_ready.admin_conninfo("alpha")) as admin:
        admin.execute(BLOCK)
        victim = subprocess.Popen(
            [sys.executable, "manage.py", "make_spares", "alpha"],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "config.settings.test",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(victim)
        with own_connection(server) as own:
            wait_for(lambda: own.execute(WAITS_FOR_IT).fetchall(), "it never got there")
            victim.kill()
            victim.wait()
            wait_for(lambda: not own.execute(WAITS_FOR_IT).fetchall(), "it outlived its client")
            (name,) = spares.begun_spares("alpha")
            marker = read_marker(own, name)
        assert (marker.phase, marker.unfinished) == (Phase.INCOMING, UNFINISHED)
        assert name in survey(server).half_made
        admin.rollback()
    wait_for(lambda: make_spares("alpha").ready == 1, "nobody could make it")
    assert spares.begun_spares("alpha") == ()
    assert survey(server).half_made.count(name) == 0


def test_one_that_was_made_and_not_written_down_is_not_made_twice(spare, server):
    # What a kill between the shard and control leaves.
    rows = ReservedRole.objects.using("control").filter(name=spare)
    rows.update(used_by=spares.FILLER, spare="")
    report = make_spares("alpha")
    assert (report.made, report.dropped, report.ready) == ((), (), 1)
    assert spares.free_spares("alpha") == {spare: spare_wanted("alpha")}


def test_one_that_was_taken_back_and_not_dropped_is_dropped_later(spare, server, settings):
    settings.ATOLL_SPARES = 0
    assert spares.take_back_spare(spare)
    assert not spares.take_back_spare(spare), "it is taken once"
    assert make_spares("alpha").ready == 0
    with own_connection(server) as own:
        assert read_marker(own, spare) is None
    row = ReservedRole.objects.using("control").get(name=spare)
    assert (row.used_by, row.spare, row.placed_at) == ("", "", None)


def test_an_id_whose_schema_serves_is_given_to_nobody(spare, server):
    # Control was restored from a backup: it believes that a tenant's id is a spare.
    with own_connection(server) as own:
        open_schema(own, spare, epoch=7)
    report = make_spares("alpha")
    assert spare not in report.dropped
    with own_connection(server) as own:
        assert read_marker(own, spare).phase is Phase.ACTIVE
    assert ReservedRole.objects.using("control").get(name=spare).used_by == spares.WITHHELD
    place = placed(spare)  # to be taken away with the servers, as others are
    assert place.schema == spare


def test_one_that_control_does_not_know_is_found_and_dropped(spare, server, settings):
    ReservedRole.objects.using("control").filter(name=spare).update(spare="")
    found = [one for one in check_drift(DriftRequest()).findings if one.subject == spare]
    assert [one.kind for one in found] == [Kind.SPARE_UNKNOWN]
    settings.ATOLL_SPARES = 0
    assert spare in make_spares("alpha").dropped
    with own_connection(server) as own:
        assert read_marker(own, spare) is None


def test_drift_says_nothing_of_a_good_one_and_all_of_a_bad_one(spare, server):
    def told(*, full: bool = False):
        report = check_drift(DriftRequest(shards=frozenset({"alpha"}), full=full))
        return [one for one in report.findings if one.subject == spare]

    assert told(full=True) == []
    with own_connection(server) as own:
        own.execute(f"ALTER TABLE {spare}.django_session ADD COLUMN by_hand int")
    (changed,) = told(full=True)
    assert (changed.kind, changed.mend) == (
        Kind.STRUCTURE_CHANGED,
        f"manage.py drop_left_over alpha {spare}",
    )
    with own_connection(server) as own:
        own.execute(f"GRANT USAGE ON SCHEMA {spare} TO {spare}")
    assert [one.kind for one in told()] == [Kind.SPARE_OPEN]
    call_command("drop_left_over", "alpha", spare, "--confirm", spare, stdout=io.StringIO())
    assert told() == []


def test_a_spare_where_a_tenant_should_be_is_a_loss_and_is_not_opened(spare):
    # The shard was restored from a backup of before the tenant came.
    place = placed(spare)
    Placement.objects.using("control").filter(tenant_id=spare).update(state=PlacementState.READY)
    try:
        found = [one.kind for one in check_drift(DriftRequest()).findings if one.subject == spare]
        assert found == [Kind.SCHEMA_MISSING]
        with pytest.raises(WrongPhase, match="a spare"):
            plan_mending(place.tenant_id, open_it=True)
    finally:
        Placement.objects.using("control").filter(tenant_id=spare).update(
            state=PlacementState.CREATING
        )


def test_a_tenant_that_took_it_can_be_taken_back(spare, server, settings):
    settings.TENANT_PROVISION_STEPS = ["tests.integration.images.test_spares.fail"]
    with pytest.raises(Exception, match="a step that fails"):
        provision_tenant(ProvisionRequest(slug="fails", shard="alpha"))
    undo_provision("fails")
    with own_connection(server) as own:
        assert read_marker(own, spare) is None


def fail(entry: object, request: object) -> None:
    raise RuntimeError("a step that fails")


def test_the_command_says_what_it_would_do_and_does_it(settings):
    out = io.StringIO()
    call_command("make_spares", "alpha", "--dry-run", stdout=out)
    assert out.getvalue() == "alpha: 0 of 1 are ready; would drop 0 and make 1\n"
    out = io.StringIO()
    call_command("make_spares", "alpha", stdout=out, stderr=io.StringIO())
    assert out.getvalue() == "alpha: 1 of 1 are ready; dropped 0, made 1\n"
    with pytest.raises(CommandError, match="no shard 'gamma'"):
        call_command("make_spares", "gamma")
    connections.close_all()
