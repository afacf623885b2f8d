"""A POST with an Idempotency-Key is done once, however often it is sent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import User
from workspace.models import Comment, Receipt, Ticket
from workspace.services.receipts import KEPT_FOR, purge_receipts


@pytest.fixture
def key():
    return {"idempotency-key": str(uuid4())}


def count(tenant, title):
    with tenant.scope():
        return Ticket.objects.filter(title=title).count()


def test_a_ticket_that_is_asked_for_twice_is_opened_once(agent, gorse, key):
    wish = {"title": "once"}
    first, again = (agent.post("/tickets", wish, **key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first["location"] == again["location"]
    assert count(gorse, "once") == 1
    # Without a key, or with another, it is another wish.
    agent.post("/tickets", wish)
    agent.post("/tickets", wish, **{"idempotency-key": str(uuid4())})
    assert count(gorse, "once") == 3


def test_a_comment_that_is_asked_for_twice_is_made_once(agent, gorse, key):
    ticket = agent.post("/tickets", {"title": "to talk about"}).json()["id"]
    for _ in range(3):
        answer = agent.post(f"/tickets/{ticket}/comments", {"text": "said once"}, **key)
        assert answer.status_code == 201
    with gorse.scope():
        assert Comment.objects.filter(ticket=ticket).count() == 1


def test_a_key_is_good_for_one_wish(agent, gorse, key, problem):
    agent.post("/tickets", {"title": "first wish"}, **key)
    said = problem(agent.post("/tickets", {"title": "second wish"}, **key), 409)
    assert said["errors"][0]["where"] == "header.Idempotency-Key"
    assert count(gorse, "second wish") == 0


def test_a_key_is_its_members_and_its_tenants_own(gorse, glade, program, key):
    for tenant in (gorse, glade):
        for role in ("agent", "admin"):
            answer = program(tenant, role).post("/tickets", {"title": "same key"}, **key)
            assert answer.json()["opened_by"]["email"] == f"{role}@{tenant.slug}.example"
        assert count(tenant, "same key") == 2


def test_a_wish_that_was_refused_may_be_mended_under_its_key(agent, gorse, key, problem):
    problem(agent.post("/tickets", {"title": "x", "assignee": str(uuid4())}, **key), 409)
    assert agent.post("/tickets", {"title": "mended"}, **key).status_code == 201
    assert count(gorse, "mended") == 1


def test_at_once_it_is_done_once(agent, gorse, key):
    def ask(_):
        try:
            return agent.post("/tickets", {"title": "at once"}, **key)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer["location"] for answer in answers}) == 1
    assert count(gorse, "at once") == 1


@pytest.mark.parametrize("value", ["", "k" * 201])
def test_a_key_that_will_not_do(agent, problem, value):
    problem(agent.post("/tickets", {"title": "x"}, **{"idempotency-key": value}), 422)


def test_receipts_are_kept_for_a_day(agent, gorse, glade, key):
    agent.post("/tickets", {"title": "kept"}, **key)
    with gorse.scope():
        Receipt.objects.update(made_at=timezone.now())
        assert purge_receipts() == 0
        kept = Receipt.objects.count()
        Receipt.objects.update(made_at=timezone.now() - KEPT_FOR - timedelta(minutes=1))
    with glade.scope():
        assert purge_receipts() == 0
    with gorse.scope():
        assert purge_receipts() == kept > 0
        assert User.objects.exists()
