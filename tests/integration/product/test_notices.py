"""Who is told by mail of a ticket, with whose links, and who is not."""

import pytest
from django.core import mail
from django.db import transaction

from accounts.models import User
from tenants.links import url_on
from tenants.outbox.models import Message
from tenants.outbox.services.drain import drain
from workspace.models import Comment, Ticket
from workspace.services.notices import MOST_OF_A_COMMENT
from workspace.services.tickets import (
    close_ticket,
    comment_on,
    delete_ticket,
    open_ticket,
    update_ticket,
)

NAMES = ("ann", "bo", "cy")


@pytest.fixture
def people(acme):
    with acme.scope():
        Message.objects.all().delete()
        made = {
            name: User.objects.create_user(f"{name}@told.example", name=name.title())
            for name in NAMES
        }
    yield made
    with acme.scope():
        Message.objects.all().delete()
        Ticket.objects.filter(opened_by__in=made.values()).delete()
        User.objects.filter(pk__in=[user.pk for user in made.values()]).delete()


def sent(workspace):
    """What the outbox sends now: to whom, and each mail."""
    before = len(mail.outbox)
    with workspace.scope():
        drain()
    return {letter.to[0].partition("@")[0]: letter for letter in mail.outbox[before:]}


def link_to(ticket):
    return url_on("acme.localhost", f"/tickets/{ticket.pk}/")


def test_whoever_gets_a_ticket_is_told_with_a_link_to_their_own_tenant(acme, people):
    with acme.scope():
        ticket = open_ticket(Ticket(title="Door", assignee=people["bo"]), by=people["ann"])
    letters = sent(acme)
    assert set(letters) == {"bo"}
    assert letters["bo"].subject == f"#{ticket.pk} Door: assigned to you"
    assert "Ann has assigned this ticket of Acme Tools to you (Normal priority)" in (
        letters["bo"].body
    )
    assert f"\n{link_to(ticket)}\n" in letters["bo"].body

    with acme.scope():
        update_ticket(ticket, {"assignee": people["cy"], "title": "Gate"}, by=people["bo"])
        update_ticket(ticket, {"priority": "high"}, by=people["bo"])
    letters = sent(acme)
    assert set(letters) == {"cy"}
    assert "Gate" in letters["cy"].subject


def test_nobody_is_told_of_what_they_did_themselves(acme, people):
    with acme.scope():
        ticket = open_ticket(Ticket(title="Mine", assignee=people["ann"]), by=people["ann"])
        update_ticket(ticket, {"assignee": people["bo"]}, by=people["bo"])
        comment_on(ticket, Comment(text="I did it."), by=people["ann"])
        close_ticket(ticket, by=people["ann"])
    assert set(sent(acme)) == {"bo"}


def test_a_comment_is_told_to_those_whom_it_concerns_once_each(acme, people):
    with acme.scope():
        ticket = open_ticket(Ticket(title="Lamp", assignee=people["bo"]), by=people["ann"])
        comment_on(ticket, Comment(text="Which one?"), by=people["cy"])
        comment_on(ticket, Comment(text="And where?"), by=people["cy"])
        Message.objects.all().delete()
        comment_on(ticket, Comment(text="The one\nin room 4."), by=people["bo"])
    letters = sent(acme)
    assert set(letters) == {"ann", "cy"}
    assert letters["ann"].subject == f"#{ticket.pk} Lamp: Bo commented"
    # Each text becomes one line.
    assert "\nThe one in room 4.\n" in letters["ann"].body


def test_a_stranger_to_a_ticket_is_not_told(acme, people):
    with acme.scope():
        ticket = open_ticket(Ticket(title="Lamp"), by=people["ann"])
        comment_on(ticket, Comment(text="On my way."), by=people["bo"])
    assert set(sent(acme)) == {"ann"}


@pytest.mark.parametrize("change", [{"is_active": False}, {"wants_mail": False}], ids=str)
@pytest.mark.parametrize("late", [False, True], ids=["before", "while the mail waits"])
def test_who_has_left_or_wants_none_gets_no_mail(acme, people, change, late):
    with acme.scope():
        ticket = open_ticket(Ticket(title="Lamp"), by=people["bo"])
        others = User.objects.filter(pk=people["bo"].pk)
        if not late:
            others.update(**change)
        comment_on(ticket, Comment(text="Hm."), by=people["ann"])
        assert Message.objects.count() == int(late)
        others.update(**change)
    assert sent(acme) == {}


def test_a_ticket_that_is_gone_is_not_told_of(acme, people):
    with acme.scope():
        ticket = open_ticket(Ticket(title="Lamp", assignee=people["bo"]), by=people["ann"])
        delete_ticket(ticket)
    assert sent(acme) == {}


def test_what_was_rolled_back_is_not_told(acme, people):
    with acme.scope():
        with pytest.raises(RuntimeError), transaction.atomic():
            open_ticket(Ticket(title="Lamp", assignee=people["bo"]), by=people["ann"])
            raise RuntimeError
        assert not Message.objects.exists()
    assert sent(acme) == {}


def test_a_long_comment_is_shown_in_part_and_nothing_of_it_ends_the_subject(acme, people):
    with acme.scope():
        ticket = open_ticket(Ticket(title="A\r\nBcc: x@y.example"), by=people["ann"])
        comment_on(ticket, Comment(text="word " * 2000), by=people["bo"])
    letter = sent(acme)["ann"]
    assert letter.subject == f"#{ticket.pk} A Bcc: x@y.example: Bo commented"
    assert len(letter.body) < MOST_OF_A_COMMENT + 500
    assert letter.recipients() == ["ann@told.example"]


def test_the_other_tenant_is_told_nothing_and_has_links_of_its_own(acme, birch, people):
    with acme.scope():
        there = open_ticket(Ticket(title="Lamp", assignee=people["bo"]), by=people["ann"])
    with birch.scope():
        Message.objects.all().delete()
        admin = User.objects.get(email=birch.email)
        # The same key, the same member's key: of another tenant.
        twin = User.objects.create_user("bo@told.example", name="Bo", id=people["bo"].pk)
        Ticket.objects.create(pk=there.pk, title="Theirs", opened_by=twin)
        comment_on(Ticket.objects.get(pk=there.pk), Comment(text="Hello."), by=admin)
    letters = sent(birch)
    assert "://birch.localhost" in letters["bo"].body
    assert "acme" not in letters["bo"].body
    assert "://acme.localhost" in sent(acme)["bo"].body
    with birch.scope():
        Ticket.objects.filter(pk=there.pk).delete()
        twin.delete()


def test_the_switch_is_on_the_profile_page(acme, people):
    with acme.scope():
        people["bo"].set_password("a password of the tests")
        people["bo"].save()
    client = acme.member("bo@told.example", "a password of the tests")
    page = client.get("/account/profile/").content.decode()
    assert 'name="wants_mail"' in page
    assert "checked" in page.partition('name="wants_mail"')[2].partition(">")[0]
    client.post("/account/profile/", {"name": "Bo", "time_zone": ""})
    with acme.scope():
        assert not User.objects.get(pk=people["bo"].pk).wants_mail
    client.post("/account/profile/", {"name": "Bo", "time_zone": "", "wants_mail": "on"})
    with acme.scope():
        assert User.objects.get(pk=people["bo"].pk).wants_mail
