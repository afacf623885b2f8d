"""Whatever goes wrong below /api/ is told as a problem document, and nothing is changed."""

import json
from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, User
from accounts.services.api_tokens import issue_token, revoke_token
from tenants.directory.lookup import directory
from tenants.services.suspend import resume_tenant, suspend_tenant
from tests.integration.product.api.conftest import Program
from workspace.models import Comment, Ticket

PATHS = ("/tickets", "/tickets/1", "/tickets/1/comments")


@pytest.fixture
def ticket(gorse):
    with gorse.scope():
        return Ticket.objects.create(
            title="Rake the leaves", opened_by=User.objects.get(email=gorse.email)
        )


@pytest.mark.parametrize("path", PATHS)
def test_without_a_token_nobody_is_let_in(gorse, problem, path):
    for method in ("GET", "POST", "PATCH"):
        answer = gorse.visitor().generic(method, f"/api/v1{path}")
        if answer.status_code != 405:
            problem(answer, 401)
            assert answer["www-authenticate"] == 'Bearer realm="workspace"'


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer nonsense", "Bearer \xff", "atoll_x_y_z"],
)
def test_what_is_no_token_lets_nobody_in(gorse, problem, header):
    answer = gorse.visitor().get("/api/v1/tickets", headers={"authorization": header})
    problem(answer, 401)
    assert answer["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("elsewhere", ["glade", "heath"])
def test_a_token_of_one_tenant_is_worth_nothing_at_another(agent, elsewhere, problem, request):
    other = request.getfixturevalue(elsewhere)
    assert agent.get("/tickets").status_code == 200
    thief = Program(other, agent.token)
    problem(thief.get("/tickets"), 401)
    problem(thief.post("/tickets", {"title": "Stolen"}), 401)
    # Nor with the other tenant's name written into it.
    forged = agent.token.split("_")
    forged[1] = other.place.tenant_id
    problem(Program(other, "_".join(forged)).get("/tickets"), 401)
    with other.scope():
        assert not Ticket.objects.filter(title="Stolen").exists()


def test_a_token_that_was_revoked_or_has_expired_lets_nobody_in(gorse, agent, problem):
    with gorse.scope():
        member = User.objects.get(email="agent@gorse.example")
        token, text = issue_token(member, "short", timezone.now() - timedelta(seconds=1))
        problem(Program(gorse, text).get("/tickets"), 401)
        token, text = issue_token(member, "revoked", None)
        assert Program(gorse, text).get("/tickets").status_code == 200
        revoke_token(member, token.pk)
        problem(Program(gorse, text).get("/tickets"), 401)


def test_a_member_who_was_sent_away_has_tokens_that_are_worth_nothing(gorse, program, problem):
    gone = program(gorse, "viewer")
    with gorse.scope():
        User.objects.filter(email="viewer@gorse.example").update(is_active=False)
    problem(gone.get("/tickets"), 401)
    with gorse.scope():
        User.objects.filter(email="viewer@gorse.example").update(is_active=True)


def test_signing_in_lets_nobody_use_the_api(gorse, problem):
    member = gorse.member()
    assert member.get("/tickets/").status_code == 200
    problem(member.get("/api/v1/tickets"), 401)
    problem(member.post("/api/v1/tickets", {"title": "x"}, content_type="application/json"), 401)


def test_a_viewer_reads_and_writes_nothing(viewer, gorse, ticket, problem):
    for path in ("/tickets", f"/tickets/{ticket.pk}", f"/tickets/{ticket.pk}/comments"):
        assert viewer.get(path).status_code == 200
    problem(viewer.post("/tickets", {"title": "No"}), 403)
    problem(viewer.patch(f"/tickets/{ticket.pk}", {"title": "No"}), 403)
    problem(viewer.post(f"/tickets/{ticket.pk}/comments", {"text": "No"}), 403)
    with gorse.scope():
        assert not Ticket.objects.filter(title="No").exists()
        assert not Comment.objects.filter(text="No").exists()


def test_tickets_are_not_assigned_to_who_may_not_write(agent, viewer, gorse, ticket, problem):
    with gorse.scope():
        looks = User.objects.get(email="viewer@gorse.example")
    said = problem(agent.patch(f"/tickets/{ticket.pk}", {"assignee": str(looks.pk)}), 409)
    assert said["errors"][0]["where"] == "body.assignee"


@pytest.mark.parametrize("path", ["/nothing", "/tickets/", "/tickets/1/nothing", "", "/../etc"])
def test_an_address_that_is_not_there(agent, problem, path):
    for method in ("GET", "POST", "DELETE"):
        problem(agent.ask(method, path), 404)


@pytest.mark.parametrize("path", PATHS)
def test_a_method_that_is_not_there(agent, problem, path):
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "HEAD", "ODD"):
        answer = agent.ask(method, path)
        if method == "HEAD":
            assert answer.status_code == 405
        else:
            problem(answer, 405)
        assert "GET" in answer["allow"]


def test_too_many_requests_with_one_token(gorse, glade, program, settings, problem, broker):
    settings.ATOLL_API_PER_MINUTE = 3
    eager, other_token, other_tenant = program(gorse), program(gorse), program(glade)
    answers = [eager.get("/tickets") for _ in range(8)]
    assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
    # Eight requests may stand on both sides of a minute's end.
    late = [answer for answer in answers if answer.status_code == 429]
    assert late
    problem(late[0], 429)
    assert 0 < int(late[0]["retry-after"]) <= 60
    assert other_token.get("/tickets").status_code == 200
    assert other_tenant.get("/tickets").status_code == 200


def test_without_redis_requests_are_served_and_not_counted(agent, settings, redis_away):
    settings.ATOLL_API_PER_MINUTE = 1
    assert [agent.get("/tickets").status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("debug", [False, True])
def test_an_accident_is_a_problem_and_changes_nothing(gorse, settings, problem, debug):
    settings.ROOT_URLCONF = "tests.integration.product.api.urls_of_tests"
    settings.DEBUG = debug
    visitor = gorse.visitor(raise_request_exception=False)
    said = problem(visitor.get("/api/v1/accident"), 500)
    assert "ZeroDivision" not in json.dumps(said)
    with gorse.scope():
        assert not User.objects.filter(email__startswith="made-by-accident").exists()


def test_what_a_refused_request_has_done_is_undone(gorse, agent):
    """The token's use was noted before the refusal: in the same transaction."""
    with gorse.scope():
        token = ApiToken.objects.latest("created_at")
        agent.get("/tickets/999999")
        token.refresh_from_db()
        assert token.last_used_at is None
        agent.get("/tickets")
        token.refresh_from_db()
        assert token.last_used_at is not None


def test_a_workspace_that_is_closed(gorse, agent, problem):
    suspend_tenant("gorse")
    directory.cache_clear()
    try:
        problem(agent.get("/tickets"), 403)
    finally:
        resume_tenant("gorse")
        directory.cache_clear()


def test_hosts_of_nobody(problem):
    problem(Client(headers={"host": "nobody.localhost"}).get("/api/v1/tickets"), 404)
    problem(Client(headers={"host": "no_host:x"}).get("/api/v1/tickets"), 400)


def test_a_shard_that_is_away(heath, program, problem, stack):
    there = program(heath)
    stack.stop_server("beta")
    try:
        answer = there.get("/tickets")
        problem(answer, 503)
        assert int(answer["retry-after"]) > 0
    finally:
        stack.start_server("beta")
    assert there.get("/tickets").status_code == 200


def test_pages_of_people_stay_pages(gorse):
    answer = gorse.member().get("/tickets/999999/")
    assert (answer.status_code, answer["content-type"]) == (404, "text/html; charset=utf-8")


def test_the_api_neither_reads_nor_sets_cookies(agent):
    for answer in (agent.get("/tickets"), agent.post("/tickets", {"title": "No cookies"})):
        assert answer.status_code < 300
        assert answer["cache-control"] == "no-store"
        assert not answer.cookies
        assert "Cookie" not in answer.get("vary", "")
    assert settings.SESSION_COOKIE_NAME not in agent.tenant.visitor().cookies


def test_the_document_and_its_page(gorse, viewer):
    answer = gorse.visitor().get("/api/v1/openapi.json")
    assert (answer.status_code, answer["content-type"]) == (200, "application/json")
    assert answer.json()["openapi"].startswith("3.1")
    assert not answer.cookies
    assert gorse.visitor().get("/api/v1/docs/").status_code == 302
    page = gorse.member().get("/api/v1/docs/").content.decode()
    for said in ("Open a ticket", "PATCH /api/v1/tickets/{ticket_id}", "TicketOut", "curl"):
        assert said in page
    assert " style=" not in page
    assert "<script>" not in page
