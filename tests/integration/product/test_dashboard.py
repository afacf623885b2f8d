from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import cache
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from tests.integration.product.conftest import make
from workspace.models import Ticket
from workspace.services.counts import DAYS, KEY, TicketCounts, ticket_counts
from workspace.services.preferences import choose_time_zone
from workspace.services.tickets import open_ticket


def counts_shown(member):
    return member.get("/").context["counts"]


def test_the_second_look_counts_nothing(acme):
    with acme.scope():
        cache.delete(KEY)
        with CaptureQueriesContext(connections["default"]) as first:
            seen = ticket_counts()
        with CaptureQueriesContext(connections["default"]) as second:
            assert ticket_counts() == seen
    # The settings for the zone may be one more; then tickets by status, and by day.
    assert len(first) <= 3
    assert len(second) == 0


def test_each_tenant_sees_its_own_counts(acme, birch, coral):
    before = [counts_shown(each.member()) for each in (acme, birch, coral)]
    acme.member().post("/tickets/new/", {"title": "one more"})
    after = [counts_shown(each.member()) for each in (acme, birch, coral)]
    assert after[0].open == before[0].open + 1
    assert after[1:] == before[1:]


def test_a_count_planted_for_one_tenant_is_not_shown_to_another(acme, birch, coral):
    with acme.scope():
        cache.set(KEY, TicketCounts(open=4711, closed=0), timeout=30)
    try:
        assert counts_shown(acme.member()).open == 4711
        assert counts_shown(birch.member()).open != 4711
        assert counts_shown(coral.member()).open != 4711
    finally:
        with acme.scope():
            cache.delete(KEY)


def test_closing_a_ticket_is_counted_at_once(acme):
    member = acme.member()
    address = member.post("/tickets/new/", {"title": "to close"})["location"]
    before = counts_shown(member)
    member.post(f"{address}close/")
    after = counts_shown(member)
    assert (after.open, after.closed) == (before.open - 1, before.closed + 1)


def test_counts_are_right_when_the_cache_is_away(acme, redis_away):
    with acme.scope():
        admin = User.objects.get(email=acme.email)
        Ticket.objects.create(title="uncached", opened_by=admin)
        expected = Ticket.objects.filter(status=Ticket.Status.OPEN).count()
        assert ticket_counts().open == expected
        assert ticket_counts().open == expected


@pytest.fixture(scope="module")
def isle(stack_ready):
    """A tenant on Kiritimati, 14 hours ahead of UTC, with tickets around midnight there."""
    tenant = make("isle", "Isle", "beta")
    zone = ZoneInfo("Pacific/Kiritimati")
    midnight = datetime.combine(timezone.localdate(timezone=zone), time(), tzinfo=zone)
    with tenant.scope():
        choose_time_zone(zone.key)
        admin = User.objects.get(email=tenant.email)
        for opened, status, priority in (
            (midnight - timedelta(minutes=1), "open", "urgent"),
            (midnight - timedelta(minutes=1), "solved", "low"),
            (midnight, "pending", "high"),
            (midnight - timedelta(days=DAYS), "open", "low"),
        ):
            ticket = Ticket(title="t", status=status, priority=priority, opened_at=opened)
            ticket.closed_at = midnight if status == "solved" else None
            open_ticket(ticket, by=admin)
    return tenant


def test_days_are_those_of_the_workspace_s_own_zone(isle):
    counts = counts_shown(isle.member())
    assert len(counts.days) == DAYS
    yesterday, today = counts.days[-2:]
    assert (yesterday.opened, yesterday.solved) == (2, 0)
    assert (today.opened, today.solved) == (1, 1)
    # The oldest was opened before the first day that is shown.
    assert sum(each.opened for each in counts.days) == 3


def test_unsolved_tickets_are_counted_by_priority_and_by_nobody_s(isle):
    counts = counts_shown(isle.member())
    assert counts.by_priority == (("Urgent", 1), ("High", 1), ("Normal", 0), ("Low", 1))
    assert (counts.urgent, counts.unassigned) == (2, 3)
    assert (counts.open, counts.pending, counts.solved, counts.closed) == (2, 1, 1, 0)


def test_another_zone_is_counted_anew_at_once(isle):
    with isle.scope():
        before = ticket_counts()
        choose_time_zone("Pacific/Pago_Pago")  # 25 hours behind: another day at any hour
        try:
            assert ticket_counts().days[-1].day < before.days[-1].day
        finally:
            choose_time_zone("Pacific/Kiritimati")


def test_every_plot_has_its_figures_in_a_table(isle):
    page = isle.member().get("/").content.decode()
    assert page.count("<canvas") == page.count("data-plot=") == 2
    assert page.count('<tr><th scope="row">') == DAYS + 4


def test_the_dashboard_takes_few_queries(isle):
    member = isle.member()
    with isle.scope():
        cache.delete(KEY)
        with CaptureQueriesContext(connections["default"]) as queries:
            assert member.get("/").status_code == 200
    # One of them only where the cache has lost the settings.
    assert len(queries) <= 8
