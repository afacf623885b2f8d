"""A long conversation: its newest entries, and all when asked for."""

from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from workspace.models import Comment, Ticket
from workspace.services.conversation import NEWEST_ENTRIES, conversation
from workspace.services.tickets import comment_on, open_ticket, update_ticket


def test_a_page_shows_the_newest_entries_and_all_when_asked(acme, birch):
    for tenant in (acme, birch):
        with tenant.scope():
            admin = User.objects.get(email=tenant.email)
            ticket = open_ticket(Ticket(title="Long"), by=admin)
            Comment.objects.bulk_create(
                Comment(ticket=ticket, author=admin, text=f"{tenant.slug}-{n:03}.")
                for n in range(NEWEST_ENTRIES)
            )
        member = tenant.member()
        address = ticket.get_absolute_url()
        assert "Show all" not in member.get(address).content.decode()
        with tenant.scope():
            comment_on(ticket, Comment(text="the last one"), by=admin)
        page = member.get(address).content.decode()
        assert f"{tenant.slug}-000." not in page
        assert f"{tenant.slug}-001." in page
        assert "the last one" in page
        assert f'href="{address}?conversation=all#conversation"' in page
        everything = member.get(f"{address}?conversation=all").content.decode()
        assert f"{tenant.slug}-000." in everything
        assert "Show all" not in everything


def test_changes_count_as_entries_and_none_is_cut_in_half(acme):
    with acme.scope():
        admin = User.objects.get(email=acme.email)
        ticket = open_ticket(Ticket(title="0"), by=admin)
        comment_on(ticket, Comment(text="first"), by=admin)
        for turn in range(1, 5):
            priority = "high" if turn % 2 else "low"
            update_ticket(ticket, {"title": str(turn), "priority": priority}, by=admin)
        with CaptureQueriesContext(connections["default"]) as queries:
            three = conversation(ticket, most=3)
        assert len(queries) == 3
        assert three.has_older
        assert [[each.field for each in entry.changes] for entry in three.entries] == [
            ["title", "priority"]
        ] * 3
        assert [entry.changes[0].after for entry in three.entries] == ["2", "3", "4"]
        whole = conversation(ticket, most=None)
        assert (len(whole.entries), whole.has_older) == (5, False)
