"""What outlives the gate: a body that is still sent, a thread that somebody has started.

They are waited for (a body keeps its slot until it is closed). Who is not waited for long enough
comes through or fails; nobody goes on with what his tenant has left behind.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connections

from config.observability.handlers import ObservedASGIHandler
from tenants import streaming
from tenants.directory.lookup import directory
from tenants.directory.types import HostKey
from tenants.gating.asgi import ReplayASGI
from tests.fixtures.asgi import ask_asgi
from tests.integration.tenants.gating import views

pytestmark = [pytest.mark.urls("tests.integration.tenants.gating.views")]

AT_BETA = b"first: 0 on beta. second: 0 on beta. "


def leaves(move, *, sealed: bool):
    def leave():
        move.fence()
        move.switch()
        if sealed:
            move.seal()
        views.between = None

    return leave


def served_from(move):
    """Where this process believes the tenant to be."""
    return directory().peek(HostKey(move.tenant.host)).entry.placement.shard


@pytest.fixture
def leaving(move, ask):
    """The tenant leaves alpha, where it has a row, behind the first part of the next body."""
    assert ask("/reads/").status == 200
    views.forget()
    with move.on("alpha"):
        Group.objects.create(name="of before")
    views.between = leaves(move, sealed=True)
    return move


def test_a_body_that_is_sent_under_the_fence_comes_through(move, ask):
    views.between = leaves(move, sealed=False)
    answer = ask("/streams/")
    assert answer.status == 200
    assert answer.body == b"first: 0 on alpha. second: 0 on alpha. "
    move.seal()
    assert b'"beta"' in ask("/reads/").body


def test_a_body_that_is_sent_beyond_the_seal_is_cut_off_and_its_process_has_learned(leaving, ask):
    with pytest.raises(DatabaseError) as told:
        ask("/streams/")
    assert isinstance(told.value.__cause__, psycopg.errors.UndefinedTable)
    assert views.RUNS == ["alpha"], "what was sent in part is not begun anew"
    assert served_from(leaving) == "beta"
    assert ask("/streams/").body == AT_BETA


def test_a_body_of_an_async_view_that_ends_early_tells_its_process_too(leaving):
    def over_asgi():
        application = ReplayASGI(ObservedASGIHandler())
        return asyncio.run(ask_asgi(application, "/streams_async/", leaving.tenant.host)).content

    assert over_asgi() == b"first: 1 on alpha. "
    assert views.RUNS == ["alpha"]
    assert served_from(leaving) == "beta"
    assert over_asgi() == AT_BETA


def test_negative_control_a_process_whose_bodies_tell_nobody_goes_on_where_nothing_is(
    leaving, ask, monkeypatch
):
    monkeypatch.setattr(streaming, "met_a_move", lambda latch, entry: False)
    for _ in range(2):
        with pytest.raises(DatabaseError):
            ask("/streams/")
    assert served_from(leaving) == "alpha"


def test_a_thread_that_keeps_the_place_of_before_is_refused_and_writes_and_reads_nothing(move):
    def closing(what, *args, **more):
        try:
            return what(*args, **more)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        with move.on("alpha"):
            context = copy_context()

        def elsewhere(what, *args, **more):
            return threads.submit(context.run, closing, what, *args, **more).result()

        elsewhere(Group.objects.create, name="in time")
        leaves(move, sealed=False)()
        with pytest.raises(DatabaseError) as told:
            elsewhere(Group.objects.create, name="too late")
        assert told.value.__cause__.sqlstate == "AT001"
        assert (move.names("alpha"), move.names("beta")) == (["in time"], [])
        move.seal()
        with pytest.raises(DatabaseError) as told:
            elsewhere(Group.objects.count)
        assert isinstance(told.value.__cause__, psycopg.errors.UndefinedTable)
