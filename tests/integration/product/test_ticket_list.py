"""The list of tickets: filters, search, pages."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from tests.integration.product.conftest import make
from workspace.models import Ticket
from workspace.services.tickets import open_ticket


@pytest.fixture(scope="module")
def shelf(stack_ready):
    """A tenant of its own with 60 tickets; the titles of its neighbour's are the same."""
    made = [make(slug, slug.title(), "alpha") for slug in ("shelf", "ledge")]
    for tenant in made:
        with tenant.scope():
            admin = User.objects.get(email=tenant.email)
            agent = User.objects.create_user(f"agent@{tenant.slug}.example", name="Agnes")
            start = timezone.now() - timedelta(days=60)
            Ticket.objects.bulk_create(
                Ticket(
                    title=f"{tenant.slug} {n}",
                    opened_by=admin,
                    opened_at=start + timedelta(hours=n),
                    # Three at a time at one moment: keys must tell them apart.
                    updated_at=start + timedelta(hours=100 - n // 3),
                    status=Ticket.Status.values[n % 4],
                    priority=Ticket.Priority.values[n // 4 % 4],
                    assignee=(admin, agent, None)[n % 3],
                )
                for n in range(60)
            )
            for title, body in (
                ("Printer smokes", "It is on fire."),
                ("The fire door squeaks", "Oil is needed; ask bo@acme.example"),
                ("Printers and printing", "printer printer printer"),
            ):
                open_ticket(Ticket(title=title, body=body), by=admin)
    return made[0]


def titles(answer):
    assert answer.status_code == 200
    return [ticket.title for ticket in answer.context["page"].rows]


def walk(member, query, way="after"):
    """Every page from `query` on, one way."""
    while True:
        answer = member.get(f"/tickets/?{query}")
        yield titles(answer)
        cursor = getattr(answer.context["page"], way)
        if cursor is None:
            return
        query = f"{query.split('&after')[0].split('&before')[0]}&{way}={cursor}"
        last = query
        assert last


@pytest.mark.parametrize("order", ["newest", "changed"])
def test_pages_lead_through_every_ticket_once_and_back_again(shelf, order):
    member = shelf.member()
    query = f"status=all&order={order}"
    there = list(walk(member, query))
    assert [len(page) for page in there] == [25, 25, 13]
    every = [title for page in there for title in page]
    assert len(set(every)) == 63

    end = member.get(f"/tickets/?{query}")
    while end.context["page"].after:
        end = member.get(f"/tickets/?{query}&after={end.context['page'].after}")
    back = [titles(end), *walk(member, f"{query}&before={end.context['page'].before}", "before")]
    assert [title for page in reversed(back) for title in page] == every


def test_a_new_ticket_moves_nothing_to_another_page(shelf):
    member = shelf.member()
    first = member.get("/tickets/?status=all")
    after = first.context["page"].after
    second = titles(member.get(f"/tickets/?status=all&after={after}"))
    with shelf.scope():
        admin = User.objects.get(email=shelf.email)
        added = open_ticket(Ticket(title="added meanwhile"), by=admin)
    try:
        assert titles(member.get(f"/tickets/?status=all&after={after}")) == second
    finally:
        with shelf.scope():
            added.delete()


def test_filters_keep_what_fits_and_links_of_pages_keep_the_filters(shelf):
    member = shelf.member()
    with shelf.scope():
        admin = User.objects.get(email=shelf.email)
        agent = User.objects.get(name="Agnes")
        for query, wanted in {
            "": {"status__in": ["open", "pending"]},
            "status=solved": {"status": "solved"},
            "status=all&priority=urgent": {"priority": "urgent"},
            "status=all&assignee=me": {"assignee": admin},
            f"status=all&assignee={agent.pk}": {"assignee": agent},
            "status=pending&assignee=none&priority=low": {
                "status": "pending",
                "assignee": None,
                "priority": "low",
            },
        }.items():
            expected = list(Ticket.objects.filter(**wanted).values_list("title", flat=True))
            found = [title for page in walk(member, query) for title in page]
            assert found == expected, query
    page = member.get("/tickets/?status=all&priority=low&assignee=").content.decode()
    assert "priority=low" not in page or "after=" not in page
    links = member.get("/tickets/?status=all").context["page"].after
    content = member.get("/tickets/?status=all").content.decode()
    href = content.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert parse_qs(urlsplit(href).query) == {"status": ["all"], "after": [links]}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("printer", ["Printers and printing", "Printer smokes"]),
        ("smok", ["Printer smokes"]),
        ("fire", ["The fire door squeaks", "Printer smokes"]),
        ("fire -door", ["Printer smokes"]),
        ('"fire door"', ["The fire door squeaks"]),
        ('"door fire"', []),
        ("bo@acme.example", ["The fire door squeaks"]),
        ("' & ! | ( :*", []),
        ("the", []),
    ],
)
def test_a_search_finds_beginnings_and_phrases_the_best_match_first(shelf, typed, found):
    answer = shelf.member().get("/tickets/", {"text": typed})
    assert titles(answer) == found
    newest = titles(shelf.member().get("/tickets/", {"text": typed, "order": "newest"}))
    assert sorted(newest) == sorted(found)


def test_without_words_no_ticket_matches_better_and_all_pages_are_there(shelf):
    member = shelf.member()
    best, newest = (list(walk(member, f"status=all&order={o}")) for o in ("best", "newest"))
    assert best == newest
    assert len(best) > 1
    assert "best matches" not in member.get("/tickets/?status=all&order=best").content.decode()


def test_a_number_finds_its_ticket_whatever_its_status(shelf):
    with shelf.scope():
        closed = Ticket.objects.filter(status="closed").earliest("id")
    assert titles(shelf.member().get("/tickets/", {"text": f"#{closed.pk}"})) == [closed.title]


@pytest.mark.parametrize(
    "query",
    [
        "status=nonsense",
        "priority=x",
        "assignee=4711",
        "order=by",
        "after=x",
        "before=%FF",
        "text=" + "x" * 201,
    ],
)
def test_what_no_form_and_no_page_can_have_sent_is_not_found(shelf, query):
    assert shelf.member().get(f"/tickets/?{query}").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "",
        "status=all",
        "status=all&order=changed",
        "text=printer",
        "text=printer&order=newest",
        "assignee=me",
    ],
)
def test_a_page_of_the_list_takes_few_queries_however_many_tickets_it_shows(shelf, query):
    member = shelf.member()
    with shelf.scope():
        connection = connections["default"]
    member.get(f"/tickets/?{query}")
    with shelf.scope(), CaptureQueriesContext(connection) as queries:
        assert member.get(f"/tickets/?{query}").status_code == 200
    assert len(queries) <= 8, [each["sql"] for each in queries]


def test_the_filters_offer_members_of_this_tenant_only(shelf):
    page = shelf.member().get("/tickets/").content.decode()
    assert "Agnes" in page
    assert "admin@shelf.example" in page
    assert "ledge" not in page


def test_the_unsolved_tickets_of_somebody_who_left_can_be_asked_for(shelf):
    with shelf.scope():
        admin = User.objects.get(email=shelf.email)
        leaver, idle = (
            User.objects.create_user(f"{name}@shelf.example", name=name) for name in ("Lea", "Ida")
        )
        for who, status in ((leaver, "open"), (idle, "closed")):
            open_ticket(Ticket(title=f"{who} has it", assignee=who, status=status), by=admin)
        User.objects.filter(name__in=["Lea", "Ida"]).update(is_active=False)
    try:
        answer = shelf.member().get(f"/tickets/?assignee={leaver.pk}")
        assert titles(answer) == ["Lea has it"]
        page = answer.content.decode()
        assert "Lea (has left)" in page
        assert "Agnes (has left)" not in page
        assert str(idle.pk) not in page
    finally:
        with shelf.scope():
            Ticket.objects.filter(title__endswith=" has it").delete()
            User.objects.filter(name__in=["Lea", "Ida"]).delete()


def test_the_search_says_what_it_does_not_look_at(shelf):
    page = shelf.member().get("/tickets/").content.decode()
    assert "not comments" in page
    assert 'aria-describedby="id_text_helptext"' in page
