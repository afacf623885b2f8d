"""Changing a ticket, also when two people do so at once."""

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from workspace.errors import NotAssignable, TicketChangedMeanwhile
from workspace.models import Comment, Ticket, TicketChange
from workspace.services.tickets import open_ticket, update_ticket


@pytest.fixture
def people(acme):
    with acme.scope():
        made = {
            name: User.objects.get_or_create(email=f"{name}@changes.example", defaults=fields)[0]
            for name, fields in {
                "ann": {"name": "Ann"},
                "bo": {"name": "Bo"},
                "vic": {"name": "Vic", "role": User.Role.VIEWER},
                "left": {"name": "Lee", "is_active": False},
            }.items()
        }
        for user in (made["ann"], made["bo"]):
            user.set_password("long enough")
            user.save()
        return made


@pytest.fixture
def ticket(acme, people):
    with acme.scope():
        return open_ticket(Ticket(title="Door squeaks", body="Loudly."), by=people["ann"])


def fields_of(page):
    """What a browser would send back of a form as it is shown."""
    form = (
        page.context["properties_form"]
        if "properties_form" in page.context
        else page.context["form"]
    )
    sent = {}
    for bound in form:
        value = bound.value()
        sent[bound.html_name] = "" if value is None else str(value)
        if bound.field.show_hidden_initial:
            initial = (
                form.initial.get(bound.name)
                if not form.is_bound
                else form.data.get(bound.html_initial_name)
            )
            sent[bound.html_initial_name] = "" if initial is None else str(initial)
    return sent


def test_status_priority_and_assignee_are_changed_and_told_in_the_conversation(
    acme, people, ticket
):
    ann = acme.member("ann@changes.example", "long enough")
    address = ticket.get_absolute_url()
    sent = fields_of(ann.get(address))
    answer = ann.post(
        f"{address}change/",
        sent | {"status": "solved", "priority": "urgent", "assignee": str(people["bo"].pk)},
    )
    assert answer.status_code == 302
    with acme.scope():
        ticket.refresh_from_db()
        assert (ticket.status, ticket.priority, ticket.assignee) == (
            "solved",
            "urgent",
            people["bo"],
        )
        assert ticket.closed_by == people["ann"]
        assert (ticket.version, ticket.changes.count()) == (2, 3)
    page = ann.get(address).content.decode()
    assert "set status from Open to <strong>Solved</strong>" in page
    assert "set assignee from nobody to <strong>Bo</strong>" in page


def test_saving_what_is_shown_changes_nothing(acme, ticket, people):
    ann = acme.member("ann@changes.example", "long enough")
    address = ticket.get_absolute_url()
    ann.post(f"{address}change/", fields_of(ann.get(address)))
    ann.post(f"{address}edit/", fields_of(ann.get(f"{address}edit/")))
    with acme.scope():
        ticket.refresh_from_db()
        assert ticket.version == 1
        assert not TicketChange.objects.filter(ticket=ticket).exists()


def test_changes_of_different_fields_at_once_are_both_kept(acme, ticket, people):
    ann = acme.member("ann@changes.example", "long enough")
    bo = acme.member("bo@changes.example", "long enough")
    address = ticket.get_absolute_url()
    seen_by_ann, seen_by_bo = fields_of(ann.get(address)), fields_of(bo.get(address))
    bo.post(f"{address}change/", seen_by_bo | {"priority": "high"})
    assert ann.post(f"{address}change/", seen_by_ann | {"status": "pending"}).status_code == 302
    with acme.scope():
        ticket.refresh_from_db()
        assert (ticket.status, ticket.priority) == ("pending", "high")


def test_the_second_to_change_the_same_field_is_told_and_can_insist(acme, ticket, people):
    ann = acme.member("ann@changes.example", "long enough")
    bo = acme.member("bo@changes.example", "long enough")
    address = ticket.get_absolute_url()
    seen = fields_of(ann.get(address))
    bo.post(f"{address}change/", seen | {"status": "solved", "priority": "low"})
    answer = ann.post(f"{address}change/", seen | {"status": "pending"})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Bo changed the status from “Open” to “Solved”" in page
    with acme.scope():
        ticket.refresh_from_db()
        assert (ticket.status, ticket.closed_by) == ("solved", people["bo"])
    # The form shows her own wish beside what is now true of the other fields.
    again = fields_of(answer)
    assert (again["status"], again["priority"]) == ("pending", "low")
    assert ann.post(f"{address}change/", again).status_code == 302
    with acme.scope():
        ticket.refresh_from_db()
        assert (ticket.status, ticket.priority, ticket.closed_by) == ("pending", "low", None)


def test_two_people_who_want_the_same_do_not_clash(acme, ticket, people):
    with acme.scope():
        for name in ("ann", "bo"):
            update_ticket(ticket, {"status": "closed"}, by=people[name], seen=1)
        assert (ticket.version, ticket.closed_by) == (2, people["ann"])


def test_the_text_is_edited_and_a_text_edited_meanwhile_is_not_undone(acme, ticket, people):
    ann = acme.member("ann@changes.example", "long enough")
    address = f"{ticket.get_absolute_url()}edit/"
    seen = fields_of(ann.get(address))
    with acme.scope():
        update_ticket(ticket, {"body": "Very loudly."}, by=people["bo"])
    answer = ann.post(address, seen | {"body": "Quietly."})
    assert answer.status_code == 409
    assert "Very loudly." in answer.content.decode()
    assert "Quietly." in answer.content.decode()
    with acme.scope():
        ticket.refresh_from_db()
        assert ticket.body == "Very loudly."
    assert ann.post(address, fields_of(answer)).status_code == 302
    with acme.scope():
        ticket.refresh_from_db()
        assert (ticket.title, ticket.body) == ("Door squeaks", "Quietly.")


def test_without_the_version_that_was_seen_the_last_one_wins(acme, ticket, people):
    """The negative control of the tests above: it is the version that protects."""
    with acme.scope():
        update_ticket(ticket, {"status": "solved"}, by=people["bo"], seen=1)
        with pytest.raises(TicketChangedMeanwhile):
            update_ticket(ticket, {"status": "open"}, by=people["ann"], seen=1)
        assert update_ticket(ticket, {"status": "open"}, by=people["ann"])


@pytest.mark.parametrize("name", ["vic", "left"])
def test_only_those_who_can_work_on_it_can_be_given_a_ticket(acme, ticket, people, name):
    with acme.scope():
        with pytest.raises(NotAssignable):
            update_ticket(ticket, {"assignee": people[name]}, by=people["ann"])
        ticket.refresh_from_db()
        assert (ticket.assignee, ticket.version) == (None, 1)
    ann = acme.member("ann@changes.example", "long enough")
    sent = fields_of(ann.get(ticket.get_absolute_url())) | {"assignee": str(people[name].pk)}
    assert ann.post(f"{ticket.get_absolute_url()}change/", sent).status_code == 422


def test_who_has_left_keeps_a_ticket_until_somebody_gives_it_to_another(acme, ticket, people):
    with acme.scope():
        Ticket.objects.filter(pk=ticket.pk).update(assignee=people["left"])
    ann = acme.member("ann@changes.example", "long enough")
    sent = fields_of(ann.get(ticket.get_absolute_url()))
    ann.post(f"{ticket.get_absolute_url()}change/", sent | {"status": "pending"})
    with acme.scope():
        ticket.refresh_from_db()
        assert (ticket.status, ticket.assignee) == ("pending", people["left"])


def test_a_field_that_is_none_of_a_ticket_s_own_is_refused(acme, ticket, people):
    with acme.scope(), pytest.raises(ValueError, match="closed_by"):
        update_ticket(ticket, {"closed_by": people["bo"]}, by=people["ann"])


def test_a_comment_moves_a_ticket_up_among_what_changed_lately(acme, ticket, people):
    with acme.scope():
        before = ticket.updated_at
    acme.member().post(ticket.get_absolute_url(), {"text": "Oil!"})
    with acme.scope():
        ticket.refresh_from_db()
        assert ticket.updated_at > before
        assert ticket.version == 1


def test_an_empty_comment_is_refused_with_its_reason(acme, ticket):
    answer = acme.member().post(ticket.get_absolute_url(), {"text": "  "})
    assert answer.status_code == 422
    assert "Write something, or attach a file." in answer.content.decode()
    with acme.scope():
        assert not ticket.comments.exists()


def test_only_an_admin_deletes_a_ticket_and_is_asked_before(acme, ticket, people):
    address = f"{ticket.get_absolute_url()}delete/"
    with acme.scope():
        Comment.objects.create(ticket=ticket, author=people["bo"], text="stay")
    assert acme.member("ann@changes.example", "long enough").post(address).status_code == 403
    admin = acme.member()
    assert "no way back" in admin.get(address).content.decode()
    with acme.scope():
        assert Ticket.objects.filter(pk=ticket.pk).exists()
    assert admin.post(address).status_code == 302
    with acme.scope():
        assert not Ticket.objects.filter(pk=ticket.pk).exists()
        assert not Comment.objects.filter(ticket_id=ticket.pk).exists()


def test_a_ticket_s_page_takes_as_many_queries_for_fifty_comments_as_for_none(acme, ticket, people):
    member = acme.member()

    def queries():
        with acme.scope(), CaptureQueriesContext(connections["default"]) as seen:
            assert member.get(ticket.get_absolute_url()).status_code == 200
        return len(seen)

    queries()
    before = queries()
    with acme.scope():
        Comment.objects.bulk_create(
            Comment(ticket=ticket, author=people[("ann", "bo")[n % 2]], text=f"{n}")
            for n in range(50)
        )
        for priority in ("low", "high", "urgent"):
            update_ticket(ticket, {"priority": priority}, by=people["bo"])
    assert queries() == before <= 9
