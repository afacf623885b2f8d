"""A row is retired, and removed only when every shard says that nobody uses it."""

from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connections, models, transaction
from django.db.models.deletion import Collector

from routers.errors import ReferenceRowsStay
from sharding import scope
from sharding.placements.models import AuditEntry
from sharding.placements.services.reference import publish_reference, reference_status
from sharding.placements.services.reference_uses import find_uses_everywhere
from tenants.catalog.errors import NotRetired, RowInUse, ShardsNotAsked
from tenants.catalog.models import Country
from tenants.catalog.services import retire
from tenants.catalog.services.retire import find_row_uses, remove_retired, set_retired
from tests.integration.reference.conftest import CONTROL, go_to, trips


@pytest.fixture
def atollia(countries):
    """A country of the tests, on every shard."""
    countries.create(code="XA", name="Atollia")
    publish_reference()


@pytest.fixture
def beta_down(stack):
    connections.close_all()
    stack.stop_server("beta")
    yield
    stack.start_server("beta")


def seen_by(place, code="XA"):
    with scope.enter(place):
        return Country.objects.filter(pk=code).first()


def test_control_refuses_to_delete_and_says_what_to_do_instead(countries):
    with scope.enter(scope.CONTROL):
        norway = Country.objects.get(pk="NO")
        for delete in (norway.delete, Country.objects.filter(pk="NO").delete):
            with pytest.raises(ReferenceRowsStay, match=r"retire_reference catalog\.Country KEY"):
                delete()
    assert countries.filter(pk="NO").exists()


def test_negative_control_django_itself_looks_for_tenants_tables_in_control(countries, monkeypatch):
    class Trip(models.Model):
        """A tenant's model that refers to countries; it is forgotten after the test."""

        atoll_home = "tenant"
        country = models.ForeignKey(Country, models.PROTECT)

        class Meta:
            app_label = "catalog"

    try:
        monkeypatch.setattr(Collector, "collect", Collector.collect.__wrapped__)
        with (
            scope.enter(scope.CONTROL),
            pytest.raises(ProgrammingError, match=r'relation "\w+" does not exist'),
            transaction.atomic(using=CONTROL),
        ):
            Country.objects.get(pk="NO").delete()
    finally:
        del apps.all_models["catalog"]["trip"]
        apps.clear_cache()


def test_a_retired_row_stays_where_it_is_used_and_is_known_to_be_retired(places, atollia):
    kiwi, lime, mint = places
    go_to(lime, "XA")
    assert not set_retired(Country, "XA").problems
    assert [seen_by(place).retired for place in places] == [True, True, True]
    assert trips(lime) == ["XA"]
    go_to(kiwi, "XA")  # the database does not forbid it: forms do not offer it
    set_retired(Country, "XA", retired=False)
    assert not seen_by(mint).retired


def test_what_any_tenant_uses_is_not_removed_anywhere(places, atollia):
    _, lime, mint = places
    for place in (lime, mint, mint):
        go_to(place, "XA")
    with pytest.raises(NotRetired, match="Retire it first"):
        remove_retired(Country, "XA")
    set_retired(Country, "XA")
    with pytest.raises(RowInUse, match=rf"2 in trip\.country_id of {mint.schema} on beta") as info:
        remove_retired(Country, "XA")
    assert {(use.schema, use.rows) for use in info.value.uses} == {
        (lime.schema, 1),
        (mint.schema, 2),
    }
    assert Country.objects.using(CONTROL).filter(pk="XA").exists()
    assert all(seen_by(place) for place in places)


def test_what_nobody_uses_goes_everywhere_and_leaves_a_trace(places, atollia):
    set_retired(Country, "XA")
    assert not remove_retired(Country, "XA", dry_run=True).problems
    assert all(seen_by(place) for place in places), "a dry run removes nothing"
    assert not remove_retired(Country, "XA").problems
    assert not any(seen_by(place) for place in places)
    assert not Country.objects.using(CONTROL).filter(pk="XA").exists()
    actions = AuditEntry.objects.using(CONTROL).filter(subject="catalog.Country XA")
    assert [entry.action for entry in actions[:2]] == ["reference.remove", "reference.retire"]
    assert actions[0].before["name"] == "Atollia"


def test_a_shard_that_is_down_refuses_the_removal(places, atollia, beta_down):
    set_retired(Country, "XA")
    with pytest.raises(ShardsNotAsked, match="beta"):
        remove_retired(Country, "XA")
    with pytest.raises(ShardsNotAsked, match="beta"):
        find_row_uses(Country, "XA")
    assert Country.objects.using(CONTROL).filter(pk="XA").exists()
    assert seen_by(places[0])


def test_a_shard_that_was_down_gets_the_newest_and_nothing_in_between(
    stack, places, countries, atollia
):
    kiwi, _, mint = places
    connections.close_all()
    stack.stop_server("beta")
    try:
        for name in ("one", "two"):
            countries.filter(pk="XA").update(name=name)
            done = publish_reference()
            (problem,) = done.problems
            assert problem.shard == "beta"
            assert problem.problem.startswith("away: ")
        assert seen_by(kiwi).name == "two"
        with pytest.raises(CommandError, match="1 of 2 shards do not have snapshot"):
            call_command("publish_reference", stdout=StringIO())
    finally:
        stack.start_server("beta")
    assert [one.problem != "" for one in reference_status()] == [False, True]
    done = publish_reference()
    assert (done.is_new, done.problems) == (False, ())
    assert seen_by(mint).name == "two"
    assert [one.written for one in done.shards] == [0, 1]


def test_a_tenant_that_is_faster_than_the_removal_keeps_its_row_and_the_row_comes_back(
    places, atollia, monkeypatch
):
    _, lime, _ = places
    set_retired(Country, "XA")

    def ask_and_lose(*args, **kwargs):
        answer = find_uses_everywhere(*args, **kwargs)
        if not trips(lime):
            go_to(lime, "XA")
        return answer

    monkeypatch.setattr(retire, "find_uses_everywhere", ask_and_lose)
    with pytest.raises(RowInUse, match=lime.schema):
        remove_retired(Country, "XA")
    assert trips(lime) == ["XA"]
    assert all(seen_by(place).retired for place in places)
    assert not any(one.problem for one in reference_status())


def test_people_retire_and_remove_by_command(places, atollia):
    go_to(places[1], "XA")
    assert told("--dry-run") == ["catalog.Country XA is used by 1 rows of 1 tenants."]
    assert told() == ["catalog.Country XA is retired."]
    with pytest.raises(CommandError, match="is used by tenants' rows"):
        told("--delete")
    assert told("--restore") == ["catalog.Country XA is offered again."]
    for wrong, why in (
        (["catalog.Country", "XX"], "no such row"),
        (["catalog.Nothing", "XX"], "no such model"),
        (["tenants.Tenant", "XX"], "no field `retired`"),
    ):
        with pytest.raises(CommandError, match=why):
            call_command("retire_reference", *wrong)


def told(*options):
    said = StringIO()
    call_command("retire_reference", "catalog.Country", "XA", *options, stdout=said)
    return said.getvalue().splitlines()
