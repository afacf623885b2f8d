"""A deadline that falls into COMMIT: nobody knows what became of it, and nobody does it again."""

from time import monotonic

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.db import connections

from sharding.pools import deadline
from sharding.pools.breaker import breaker_for
from sharding.registry import current as registry
from tests.faults.proxy import Mode
from tests.fixtures.waiting import wait_for
from tests.integration.tenants import urls

pytestmark = pytest.mark.urls("tests.integration.tenants.urls")


@pytest.fixture
def proxied(faulty, tenants):
    """Shards are reached through what can fall silent."""
    real = registry.registry()
    registry.install(faulty.registry)
    urls.ADDED.clear()
    yield faulty
    faulty.proxy("alpha").set(Mode.PASS)
    connections.close_all()
    registry.install(real)
    for tenant in tenants:
        with tenant.scope():
            Group.objects.all().delete()
    connections.close_all()


def names_of(tenant) -> list[str]:
    with tenant.scope():
        return list(Group.objects.values_list("name", flat=True))


@pytest.mark.parametrize("delivered", [True, False], ids=["server heard it", "it was lost"])
def test_the_answer_is_503_the_view_ran_once_and_the_next_request_finds_out(
    ann, bob, client_of, proxied, delivered
):
    # The connection of its neighbour has been used last, and is used first afterwards.
    assert client_of(bob).post("/add_group/", {"name": "bob's"}).status_code == 200
    proxied.proxy("alpha").fall_silent_at(b"COMMIT", delivered=delivered)
    began = monotonic()
    answer = client_of(ann, raise_request_exception=False).post("/add_group/", {"name": "ann's"})
    took = monotonic() - began
    assert (answer.status_code, answer.headers["Retry-After"] != "") == (503, True)
    assert took < deadline.STATEMENT_CAP_S + 3
    assert proxied.proxy("alpha").mode is Mode.HANG, "it was COMMIT that got no answer"

    proxied.proxy("alpha").set(Mode.PASS)
    wait_for(lambda: not breaker_for("alpha").away)
    deadline._met_away.__dict__.clear()
    assert urls.ADDED == ["bob's", "ann's"], "nobody has run it again"
    assert names_of(ann) == (["ann's"] if delivered else [])
    assert names_of(bob) == ["bob's"]
    # People may: what they then see tells them.
    assert client_of(ann).get("/whoami/").json()["groups"] == names_of(ann)


def test_where_an_admin_ends_the_session_before_it_nothing_is_kept_and_the_answer_is_503_too(
    ann, client_of, proxied, monkeypatch
):
    def end_session():
        pid = connections["alpha"].connection.info.backend_pid
        with psycopg.connect(proxied.stack.admin_conninfo("alpha"), autocommit=True) as admin:
            ended = admin.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,)).fetchone()
        assert ended == (True,)

    monkeypatch.setattr(urls, "MEANWHILE", [end_session])
    answer = client_of(ann, raise_request_exception=False).post("/add_group/", {"name": "ann's"})
    assert (answer.status_code, answer.headers["Retry-After"] != "") == (503, True)
    assert urls.ADDED == ["ann's"]
    assert names_of(ann) == []
