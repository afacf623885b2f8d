"""What control remembers goes out as a file, and into a simulation."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from sharding.placements.models import Placement
from sharding.rebalance.models import TenantSize, TenantUse
from sharding.rebalance.simulation.recorded import COLUMNS, RecordedFleet

CONTROL = "control"


@pytest.fixture(autouse=True)
def _no_other_history():
    """What others have counted is out of sight, and back afterwards."""
    uses = TenantUse.objects.using(CONTROL)
    kept = list(uses.all())
    uses.all().delete()
    yield
    uses.all().delete()
    uses.bulk_create(kept)


def midnight(days_ago: int):
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days_ago)


def used(tenant, begins, *, seconds: float, size: int | None = None) -> None:
    TenantUse.objects.using(CONTROL).create(
        tenant_id=tenant.id, begins=begins, minutes=60, microseconds=int(seconds * 1e6), bytes=size
    )


def exported() -> list[str]:
    out = io.StringIO()
    call_command("export_recording", stdout=out)
    return out.getvalue().splitlines()


def test_a_day_s_load_is_over_what_is_known_of_it_and_everybody_is_there(new_tenant):
    busy, idle, young = new_tenant("alpha"), new_tenant("beta"), new_tenant("alpha")
    places = Placement.objects.using(CONTROL)
    places.filter(tenant_id__in=[busy.id, idle.id]).update(created_at=midnight(3))
    places.filter(tenant_id=young.id).update(created_at=midnight(1) + timedelta(hours=2))
    TenantSize.objects.using(CONTROL).create(tenant_id=idle.id, shard="beta", bytes=700)
    # Of the first day two hours are known, of the second one: nothing of the day between.
    used(busy, midnight(3) + timedelta(hours=22), seconds=3600, size=1000)
    used(busy, midnight(3) + timedelta(hours=23), seconds=0, size=2000)
    used(busy, midnight(1), seconds=1800, size=3000)
    header, *lines = exported()
    assert header == ",".join(COLUMNS)
    told = {tuple(line.split(",")[:2]): line.split(",")[2:] for line in lines}
    assert told["0", busy.id] == ["alpha", "2000", "0.5"]
    assert told["2", busy.id] == ["alpha", "3000", "0.5"]
    assert told["0", idle.id] == ["beta", "700", "0.0"]
    assert ("0", young.id) not in told, "it was not there yet"
    assert told["2", young.id] == ["alpha", "0", "0.0"]
    fleet = RecordedFleet([header, *lines])
    assert fleet.days == 3
    fleet.advance(0)
    assert fleet.tenants.levels[fleet.tenants.ids.index(busy.id)] == 0.5


def test_without_a_history_it_says_where_one_comes_from():
    with pytest.raises(CommandError, match="Nothing is recorded so far") as refusal:
        exported()
    assert refusal.value.returncode == 1


def test_words_that_it_does_not_know_are_refused():
    with pytest.raises(CommandError, match="unrecognized arguments"):
        call_command("export_recording", "fleet.csv")
