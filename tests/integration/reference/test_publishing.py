"""Control's rows reach every shard; tenants read them, refer to them and cannot write them."""

import threading

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, connections, transaction
from django.db.models import F
from django.db.utils import DatabaseError

from routers.errors import ReferenceIsReadOnly
from sharding import scope
from sharding.placements.models import ReferenceSnapshot
from sharding.placements.services.reference import publish_reference, reference_status
from sharding.placements.services.reference_snapshots import newest_snapshot, take_snapshot
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.reference_snapshot import apply_snapshot
from tenants.catalog.models import Country, Currency, Plan
from tests.integration.reference.conftest import CONTROL, go_to, remove, trips


def test_every_tenant_reads_what_control_has(places):
    for place in places:
        with scope.enter(place):
            assert Country.objects.count() == 249
            assert Country.objects.get(pk="CI").name == "Côte d’Ivoire"
            plan = Plan.objects.select_related("currency").get(pk="team")
            assert (plan.currency.name, str(plan.monthly_price)) == ("Euro", "49.00")


def test_a_tenants_row_may_refer_to_a_row_that_is_there_and_to_no_other(places):
    for place in places:
        go_to(place, "NO")
        with pytest.raises(IntegrityError):
            go_to(place, "XX")
        assert trips(place) == ["NO"]


def test_no_tenant_writes_them_by_whatever_way(places, countries):
    kiwi, *_ = places
    with scope.enter(kiwi):
        norway = Country.objects.get(pk="NO")
        norway.name = "Elsewhere"
        for write in (
            norway.save,
            lambda: Country.objects.update(name="Elsewhere"),
            lambda: Country.objects.create(code="XX", name="New"),
            lambda: Country.objects.bulk_create([Country(code="XX", name="New")]),
            norway.delete,
            Country.objects.all().delete,
        ):
            with pytest.raises(ReferenceIsReadOnly):
                write()
        with pytest.raises(ProgrammingError, match="permission denied"):
            norway.save(using=kiwi.shard)
        for statement in (
            "UPDATE ref_country SET name = 'Elsewhere'",
            "DELETE FROM ref_country",
            "INSERT INTO ref_country (code, name, retired) VALUES ('XX', 'New', false)",
            "TRUNCATE ref_country CASCADE",
        ):
            with pytest.raises(DatabaseError, match="permission denied"):
                execute(statement)
        with pytest.raises(ReferenceIsReadOnly), transaction.atomic():
            list(Country.objects.select_for_update())
        assert Country.objects.get(pk="NO").name == "Norway"


def test_the_owner_of_tenants_tables_writes_none_by_mistake(stack_ready):
    with (
        own_connection(addresses.shard("alpha")) as own,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        own.execute("DELETE FROM reference.ref_country")


def test_what_changes_in_control_reaches_all_shards_as_one_more_version(places, countries):
    before = publish_reference()
    assert not before.is_new
    countries.create(code="XA", name="Atollia")
    countries.filter(pk="NO").update(name="Noreg")
    dry = publish_reference(dry_run=True)
    assert dry.is_new
    (change,) = dry.changes
    assert (change.name, change.added, change.changed, change.removed) == ("ref_country", 1, 1, 0)
    assert newest_snapshot().version == before.version, "a dry run takes none"

    done = publish_reference()
    assert (done.version, done.changes) == (before.version + 1, dry.changes)
    assert [(one.shard, one.before, one.after, one.written) for one in done.shards] == [
        ("alpha", before.version, done.version, 2),
        ("beta", before.version, done.version, 2),
    ]
    for place in places:
        go_to(place, "XA")
        with scope.enter(place):
            assert Country.objects.get(pk="NO").name == "Noreg"
    again = publish_reference()
    assert (again.version, again.is_new, again.changes) == (done.version, False, ())
    assert all(one.written == one.deleted == 0 for one in again.shards)


def test_what_is_still_used_is_not_taken_away_and_nothing_else_of_the_snapshot_comes(
    places, countries
):
    _, lime, mint = places
    countries.create(code="XA", name="Atollia")
    publish_reference()
    go_to(lime, "XA")
    countries.filter(pk="NO").update(name="Noreg")
    remove(countries.filter(pk="XA"))
    done = publish_reference()
    alpha, beta = done.shards
    assert "ref_country" in alpha.problem
    assert "trip" in alpha.problem
    assert (beta.after, beta.problem) == (done.version, "")
    assert trips(lime) == ["XA"]
    with scope.enter(lime):
        assert Country.objects.filter(pk="XA").exists()
        assert Country.objects.get(pk="NO").name == "Norway", "all or nothing"
    with scope.enter(mint):
        assert not Country.objects.filter(pk="XA").exists()
    assert [one.problem for one in reference_status()] == [
        f"it has snapshot {done.version - 1} of {done.version}",
        "",
    ]
    with scope.enter(lime):
        execute("DELETE FROM trip")
    assert not publish_reference().problems


def test_an_older_snapshot_after_a_newer_one_changes_nothing(places, countries):
    older = take_snapshot()
    countries.filter(pk="NO").update(name="Noreg")
    newer = publish_reference()
    done = apply_snapshot(addresses.shard("alpha"), older)
    assert (done.before, done.after) == (newer.version, newer.version)
    assert (done.written, done.deleted) == (0, 0)
    with scope.enter(places[0]):
        assert Country.objects.get(pk="NO").name == "Noreg"


def test_negative_control_without_the_version_an_older_one_wins(places, countries):
    older = take_snapshot()
    countries.filter(pk="NO").update(name="Noreg")
    newer = publish_reference()
    forget_version = "UPDATE atoll.reference_version SET version = 0, digest = ''"
    with own_connection(addresses.shard("alpha")) as own:
        own.execute(forget_version)
    assert apply_snapshot(addresses.shard("alpha"), older).written == 1
    with scope.enter(places[0]):
        assert Country.objects.get(pk="NO").name == "Norway"
    assert publish_reference().shards[0].after == newer.version


def test_a_control_that_was_restored_finds_shards_ahead_and_numbers_anew(places, countries):
    restored_to = publish_reference().version
    countries.filter(pk="NO").update(name="Noreg")
    lost = publish_reference().version
    countries.filter(pk="NO").update(name="Norge")
    ReferenceSnapshot.objects.using(CONTROL).filter(version=lost).delete()
    for found in (reference_status(), publish_reference().problems):
        assert [one.shard for one in found] == ["alpha", "beta"]
    with own_connection(addresses.shard("beta")) as own:
        own.execute("UPDATE atoll.reference_version SET version = version + 5")
    problems = publish_reference().problems
    assert [one.shard for one in problems] == ["alpha", "beta"], "the same number, other rows"
    assert all("--number-anew" in one.problem for one in problems)
    done = publish_reference(number_anew=True)
    assert (done.version, done.problems) == (lost + 6, ())
    assert done.version > restored_to
    for place in places:
        with scope.enter(place):
            assert Country.objects.get(pk="NO").name == "Norge"


def test_two_publishers_at_once_end_with_the_newest_everywhere(places, countries):
    countries.create(code="XA", name="0")
    problems = []

    def publish_often():
        for _ in range(8):
            Country.objects.using(CONTROL).filter(pk="XA").update(name=F("retired"))
            problems.extend(publish_reference().problems)
        connections.close_all()

    def change_often():
        for number in range(8):
            Country.objects.using(CONTROL).filter(pk="XA").update(name=str(number))
            problems.extend(publish_reference().problems)
        connections.close_all()

    workers = [threading.Thread(target=work) for work in (publish_often, change_often)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert problems == []
    countries.filter(pk="XA").update(name="last")
    done = publish_reference()
    assert {one.after for one in done.shards} == {done.version}
    for place in places:
        with scope.enter(place):
            assert Country.objects.get(pk="XA").name == "last"


def test_publishing_does_not_wait_for_a_tenant_that_has_just_referred_to_a_row(places, countries):
    kiwi, *_ = places
    countries.filter(pk="NO").update(name="Noreg")
    with scope.enter(kiwi), transaction.atomic():
        execute("INSERT INTO trip (country_id) VALUES ('NO')")
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        assert not in_thread(publish_reference).problems
    assert trips(kiwi) == ["NO"]


def test_control_reads_and_writes_them_in_control_scope(countries):
    with scope.enter(scope.CONTROL):
        Country.objects.create(code="XA", name="Atollia")
        assert Country.objects.get(pk="XA")._state.db == CONTROL
        assert Currency.objects.count() == 153


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def in_thread(do):
    found = []

    def run():
        found.append(do())
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    (answer,) = found
    return answer
