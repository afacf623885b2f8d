import pytest

from accounts.models import User
from workspace.models import Comment, Ticket
from workspace.services.tickets import close_ticket


def test_a_ticket_is_opened_read_discussed_and_closed(acme):
    member = acme.member()
    made = member.post("/tickets/new/", {"title": "Printer", "body": "Blank\npages"})
    address = made["location"]
    assert "Printer" in member.get("/tickets/").content.decode()

    member.post(address, {"text": "Looking into it"})
    page = member.get(address).content.decode()
    assert "Blank\npages" in page
    assert "Looking into it" in page

    member.post(f"{address}close/")
    assert "Printer" in member.get("/tickets/?status=closed").content.decode()
    assert "Closed</dt>" in member.get(address).content.decode()


def test_what_people_write_is_text_and_never_markup(acme):
    member = acme.member()
    address = member.post("/tickets/new/", {"title": "<script>x</script>"})["location"]
    member.post(address, {"text": "<b>bold</b>"})
    for page in (address, "/tickets/", "/"):
        assert b"<script>x" not in member.get(page).content
    assert b"<b>" not in member.get(address).content


def test_a_ticket_without_a_title_is_refused_with_its_reason(acme):
    with acme.scope():
        before = Ticket.objects.count()
    answer = acme.member().post("/tickets/new/", {"title": " "})
    assert answer.context["form"].errors == {"title": ["This field is required."]}
    with acme.scope():
        assert Ticket.objects.count() == before


def test_the_first_to_close_a_ticket_stays_on_record(acme):
    with acme.scope():
        first = User.objects.create_user("first@acme.example")
        second = User.objects.create_user("second@acme.example")
        ticket = Ticket.objects.create(title="Once", opened_by=first)
        assert close_ticket(ticket, by=first)
        assert not close_ticket(ticket, by=second)
        ticket.refresh_from_db()
        assert ticket.closed_by == first


@pytest.mark.parametrize("elsewhere", ["birch", "coral"])
def test_the_numbers_of_another_tenants_tickets_lead_nowhere(acme, elsewhere, request):
    other = request.getfixturevalue(elsewhere)
    with acme.scope():
        admin = User.objects.get(email=acme.email)
        numbers = [
            Ticket.objects.create(title=f"acme only {n}", opened_by=admin).pk for n in range(3)
        ]
    with other.scope():
        Ticket.objects.filter(pk__in=numbers).delete()
        untouched = Ticket.objects.count()
    member = other.member()
    # One statement for each tenant in turn: nothing may stick to the connection between them.
    ours = acme.member()
    for number in numbers:
        assert ours.get(f"/tickets/{number}/").status_code == 200
        assert member.get(f"/tickets/{number}/").status_code == 404
        assert member.post(f"/tickets/{number}/", {"text": "hello"}).status_code == 404
        assert member.post(f"/tickets/{number}/close/").status_code == 404
    with other.scope():
        assert Ticket.objects.count() == untouched
    with acme.scope():
        assert not Comment.objects.filter(ticket_id__in=numbers).exists()
        assert Ticket.objects.filter(pk__in=numbers, status=Ticket.Status.OPEN).count() == 3


def test_a_viewer_reads_and_changes_nothing(acme):
    with acme.scope():
        admin = User.objects.get(email=acme.email)
        ticket = Ticket.objects.create(title="Look only", opened_by=admin)
        User.objects.create_user("viewer@acme.example", "long enough", role=User.Role.VIEWER)
    viewer = acme.member("viewer@acme.example", "long enough")
    assert viewer.get(f"/tickets/{ticket.pk}/").status_code == 200
    assert b"Close ticket" not in viewer.get(f"/tickets/{ticket.pk}/").content
    for address, form in (
        ("/tickets/new/", {"title": "No"}),
        (f"/tickets/{ticket.pk}/", {"text": "No"}),
        (f"/tickets/{ticket.pk}/close/", {}),
        ("/imports/", {}),
    ):
        assert viewer.post(address, form).status_code == 403
    with acme.scope():
        ticket.refresh_from_db()
        assert ticket.is_open
        assert not ticket.comments.exists()
        assert not Ticket.objects.filter(title="No").exists()
