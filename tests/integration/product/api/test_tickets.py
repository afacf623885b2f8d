import json

import pytest

from accounts.models import User
from workspace.models import Ticket

BIGINT = 2**63 - 1


@pytest.fixture
def ticket(gorse):
    with gorse.scope():
        return Ticket.objects.create(
            title="Prune the hedge", opened_by=User.objects.get(email=gorse.email)
        )


def test_a_ticket_is_opened_read_and_changed(agent, gorse):
    answer = agent.post("/tickets", {"title": " Water ", "body": "All of them", "priority": "high"})
    made = answer.json()
    assert (answer.status_code, answer["location"]) == (201, f"/api/v1/tickets/{made['id']}")
    assert (made["title"], made["status"], made["priority"]) == ("Water", "open", "high")
    assert made["opened_by"]["email"] == "agent@gorse.example"
    assert (made["assignee"], made["closed_by"], made["version"]) == (None, None, 1)
    assert agent.get(f"/tickets/{made['id']}").json() == made

    me = made["opened_by"]["id"]
    changed = agent.patch(f"/tickets/{made['id']}", {"status": "solved", "assignee": me}).json()
    assert (changed["status"], changed["assignee"]["id"]) == ("solved", me)
    assert changed["closed_by"]["id"] == me
    assert (changed["body"], changed["version"]) == ("All of them", 2)
    with gorse.scope():
        trail = Ticket.objects.get(pk=made["id"]).changes
        assert set(trail.values_list("field", flat=True)) == {"status", "assignee"}


def test_an_empty_change_changes_nothing(agent, ticket):
    before = agent.get(f"/tickets/{ticket.pk}").json()
    assert agent.patch(f"/tickets/{ticket.pk}", {}).json() == before


def test_a_change_of_what_somebody_else_has_changed_is_refused(agent, ticket, problem):
    agent.patch(f"/tickets/{ticket.pk}", {"title": "Prune it"})
    said = problem(
        agent.patch(f"/tickets/{ticket.pk}", {"title": "Cut it", "version": 1}), status=409
    )
    assert said["errors"][0]["where"] == "body.title"
    assert agent.get(f"/tickets/{ticket.pk}").json()["title"] == "Prune it"
    # Another field is nobody's business.
    answer = agent.patch(f"/tickets/{ticket.pk}", {"priority": "low", "version": 1})
    assert (answer.status_code, answer.json()["title"]) == (200, "Prune it")


def test_the_list_goes_on_from_page_to_page_and_back(agent, gorse):
    with gorse.scope():
        Ticket.objects.all().delete()
        admin = User.objects.get(email=gorse.email)
        Ticket.objects.bulk_create(
            Ticket(title=f"t{n}", opened_by=admin, priority=["low", "high"][n % 2])
            for n in range(25)
        )
    seen, cursor = [], ""
    while cursor is not None:
        page = agent.get(f"/tickets?limit=10&order=newest&after={cursor}").json()
        seen += [item["title"] for item in page["items"]]
        cursor, back = page["next"], page["previous"]
    assert seen == [f"t{n}" for n in reversed(range(25))]
    before = agent.get(f"/tickets?limit=10&before={back}").json()
    assert [item["title"] for item in before["items"]] == seen[10:20]
    high = agent.get("/tickets?priority=high&limit=100").json()["items"]
    assert {item["priority"] for item in high} == {"high"}
    assert len(high) == 12
    assert agent.get("/tickets?status=closed").json()["items"] == []
    assert agent.get("/tickets?assignee=me").json()["items"] == []
    assert len(agent.get("/tickets?assignee=none&status=unsolved").json()["items"]) == 25
    assert [t["title"] for t in agent.get("/tickets?q=t7&order=best").json()["items"]] == ["t7"]


def test_comments_are_read_and_written(agent, ticket):
    path = f"/tickets/{ticket.pk}/comments"
    for n in range(3):
        answer = agent.post(path, {"text": f"comment {n}"})
        assert answer.status_code == 201
    assert answer.json()["author"]["email"] == "agent@gorse.example"
    first = agent.get(f"{path}?limit=2").json()
    assert [comment["text"] for comment in first["items"]] == ["comment 0", "comment 1"]
    rest = agent.get(f"{path}?limit=2&after={first['next']}").json()
    assert [comment["text"] for comment in rest["items"]] == ["comment 2"]
    assert rest["next"] is None


def test_tickets_are_those_of_the_tokens_tenant(gorse, glade, heath, program):
    tenants = (gorse, glade, heath)
    for tenant in tenants:
        program(tenant).post("/tickets", {"title": f"api {tenant.slug}"})
    for tenant in tenants:
        found = program(tenant).get("/tickets?q=api&limit=100").json()["items"]
        assert {item["title"] for item in found} == {f"api {tenant.slug}"}
        assert {item["opened_by"]["email"] for item in found} == {f"agent@{tenant.slug}.example"}


@pytest.mark.parametrize(
    "body",
    [
        {"title": ""},
        {"title": "   "},
        {"title": "two\nlines"},
        {"title": "x" * 201},
        {"title": "nul \0 nul"},
        {"title": None},
        {"title": 7},
        {"body": "no title"},
        {"title": "x", "body": "\0"},
        {"title": "x", "body": "b" * 20_001},
        {"title": "x", "status": "done"},
        {"title": "x", "priority": None},
        {"title": "x", "assignee": "nobody"},
        {"title": "x", "opened_by": "somebody else"},
        {"title": "x", "id": 1},
    ],
)
def test_what_will_not_do_is_refused_and_nothing_is_opened(agent, gorse, problem, body):
    with gorse.scope():
        before = Ticket.objects.count()
    assert problem(agent.post("/tickets", body), status=422)["errors"]
    with gorse.scope():
        assert Ticket.objects.count() == before


def test_a_ticket_is_not_assigned_to_somebody_who_is_not_here(agent, gorse, glade, problem):
    with glade.scope():
        elsewhere = User.objects.get(email=glade.email)
    said = problem(agent.post("/tickets", {"title": "lost", "assignee": str(elsewhere.pk)}), 409)
    assert said["errors"][0]["where"] == "body.assignee"
    with gorse.scope():
        assert not Ticket.objects.filter(title="lost").exists()


def test_half_a_surrogate_pair_is_no_character(agent, ticket, problem):
    for body in ('{"title": "half \\ud800"}', '{"title": "x", "body": "\\udfff"}'):
        problem(agent.post("/tickets", body), status=422)
    problem(agent.post("/tickets", '{"title": "x", "\\ud800": 1}'), status=422)
    problem(agent.post(f"/tickets/{ticket.pk}/comments", '{"text": "\\ud83c"}'), status=422)
    whole = agent.post("/tickets", '{"title": "whole \\ud83c\\udfdd"}')
    assert whole.json()["title"] == "whole 🏝"


@pytest.mark.parametrize(
    "number", ["0", str(BIGINT), str(BIGINT + 1), "9" * 5000, "x", "-1", "1.5", "%00"]
)
def test_a_number_that_no_ticket_has_is_not_found(agent, problem, number):
    problem(agent.get(f"/tickets/{number}"), status=404)
    problem(agent.patch(f"/tickets/{number}", {"title": "x"}), status=404)
    problem(agent.get(f"/tickets/{number}/comments"), status=404)
    problem(agent.post(f"/tickets/{number}/comments", {"text": "x"}), status=404)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("after=%00", 422),
        ("after=zzz", 404),
        ("after=" + "A" * 300, 422),
        ("before=W251bGwsOTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5XQ", 404),
        ("order=changed&after=WyIwMDAxLTAxLTAxVDAwOjAwKzE0OjAwIiwxXQ", 200),
        ("q=%00", 422),
        ("q=%ED%A0%80", 200),
        ("q=%27%28%26%7C%21%3A%2A", 200),
        ("q=%23999999999999999999", 200),
        ("status=done", 422),
        ("assignee=%00", 422),
        ("limit=0", 422),
        ("limit=101", 422),
        ("limit=1e3", 422),
    ],
)
def test_an_odd_question_gets_an_answer_and_no_error_of_ours(agent, problem, query, status):
    answer = agent.get(f"/tickets?{query}")
    assert answer.status_code == status, answer.content
    if status >= 400:
        problem(answer, status)


@pytest.mark.parametrize("after", ["-1", str(BIGINT + 1), "x", "%00"])
def test_an_odd_place_among_comments_is_refused(agent, ticket, problem, after):
    problem(agent.get(f"/tickets/{ticket.pk}/comments?after={after}"), status=422)


def test_a_refusal_says_where_and_why(agent, problem):
    said = problem(agent.post("/tickets", {"titel": "x", "priority": "asap"}), 422)
    assert {error["where"] for error in said["errors"]} == {
        "body.title",
        "body.titel",
        "body.priority",
    }
    said = problem(agent.get("/tickets?limit=0&status=done"), 422)
    assert {error["where"] for error in said["errors"]} == {"query.limit", "query.status"}


def test_bodies_that_are_no_json(agent, problem):
    for body in (b"{", b"\xff\xfe", b"nul", b'{"title": NaN}', b"1" * 5000, b"[" * 100_000):
        problem(agent.post("/tickets", body), status=400)
    for body in (b"[]", b"7", b'"text"', b"null"):
        problem(agent.post("/tickets", body), status=422)
    problem(agent.post("/tickets", b""), status=422)


def test_bodies_that_say_they_are_something_else(agent, problem):
    body = json.dumps({"title": "x"})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        problem(agent.post("/tickets", body, **{"content-type": kind}), status=415)
    kind = "application/json; charset=utf-8"
    assert agent.post("/tickets", body, **{"content-type": kind}).status_code == 201


def test_a_body_that_is_too_large(agent, gorse, problem):
    for size in (600_000, 4_000_000):
        problem(agent.post("/tickets", json.dumps({"title": "x", "body": "b" * size})), status=413)
