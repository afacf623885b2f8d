from django.core.cache import cache
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from workspace.models import Ticket
from workspace.services.counts import KEY, TicketCounts, ticket_counts


def counts_shown(member):
    return member.get("/").context["counts"]


def test_the_second_look_counts_nothing(acme):
    with acme.scope():
        cache.delete(KEY)
        with CaptureQueriesContext(connections["default"]) as first:
            seen = ticket_counts()
        with CaptureQueriesContext(connections["default"]) as second:
            assert ticket_counts() == seen
    assert (len(first), len(second)) == (1, 0)


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
