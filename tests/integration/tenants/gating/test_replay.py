"""A request that meets its tenant's move begins anew, or is told to come back: nothing is lost.

The directory of this process remembers the tenant where it was; nobody has told it of the move.
"""

import asyncio
import json

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile

from config.observability.handlers import ObservedASGIHandler
from tenants.directory.lookup import directory
from tenants.directory.types import HostKey
from tenants.gating.asgi import ReplayASGI
from tenants.gating.body import MOST_KEPT
from tenants.gating.process import gates
from tests.fixtures.asgi import ask_asgi
from tests.fixtures.waiting import wait_for
from tests.integration.tenants.gating import views

pytestmark = [pytest.mark.urls("tests.integration.tenants.gating.views")]

BETA = b'{"shard": "beta"}'


@pytest.fixture
def stale(move, ask):
    """The tenant lives on beta, and this process believes that it lives on alpha."""
    assert ask("/reads/").status == 200
    move.fence()
    move.switch()
    views.forget()
    return move


def test_a_get_that_met_the_fence_begins_anew_and_its_client_sees_nothing_of_it(stale, ask):
    answer = ask("/writes/?name=once")
    assert (answer.status, answer.body) == (200, BETA)
    assert views.RUNS == ["alpha", "beta"]
    assert (stale.names("alpha"), stale.names("beta")) == ([], ["once"])
    assert directory().peek(HostKey(stale.tenant.host)).entry.placement.shard == "beta"


def test_a_session_that_is_saved_after_the_view_begins_anew_with_it(stale, ask):
    answer = ask("/keeps_a_session/")
    assert (answer.status, answer.body) == (200, BETA)
    assert "sessionid" in answer.headers["Set-Cookie"]
    assert views.RUNS == ["alpha", "beta"]
    for shard, number in (("alpha", 0), ("beta", 1)):
        with stale.on(shard):
            assert Session.objects.count() == number


def test_what_writes_and_does_not_say_that_it_may_run_twice_is_told_to_come_back(stale, ask):
    answer = ask("/writes/", "POST", data={"name": "never"})
    assert answer.is_to_come_back
    assert views.RUNS == ["alpha"]
    assert stale.names("alpha") == stale.names("beta") == []
    assert ask("/writes/", "POST", data={"name": "again"}).body == BETA, "it comes back"
    assert stale.names("beta") == ["again"]


def test_what_says_that_it_may_run_twice_does_with_all_that_was_sent(stale, ask):
    answer = ask("/writes_replayable/", "POST", data={"name": "posted"})
    assert (answer.status, answer.body) == (200, BETA)
    assert views.RUNS == ["alpha", "beta"]
    assert stale.names("beta") == ["posted"]


def test_a_file_is_there_in_the_second_run_as_well(stale, ask):
    file = SimpleUploadedFile("some.bin", bytes(range(256)) * 2000)
    answer = ask("/takes_a_file/", "POST", data={"file": file}, as_form=True)
    assert (answer.status, answer.body) == (200, BETA)
    assert views.RUNS == ["alpha", "beta"]
    assert stale.names("beta") == ["512000 bytes"]


def test_what_was_sent_and_is_too_long_to_keep_is_told_to_come_back(stale, ask):
    answer = ask("/writes_replayable/", "POST", data={"name": "x", "pad": "y" * MOST_KEPT})
    assert answer.is_to_come_back
    assert views.RUNS == ["alpha"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_fence_that_the_view_swallows_is_met_all_the_same(stale, ask, method):
    answer = ask("/swallows/", method)
    if method == "GET":
        assert json.loads(answer.body) == {"shard": "beta", "saved": True}
        assert stale.names("beta") == ["somebody"]
    else:
        assert answer.is_to_come_back, "saved, it would say, and nothing was"
        assert stale.names("beta") == []


def test_what_has_committed_something_does_not_begin_anew(move, ask):
    assert ask("/reads/").status == 200

    def leave():
        move.fence()
        move.switch()

    views.forget()
    views.between = leave
    answer = ask("/commits_twice/", "POST")
    assert answer.is_to_come_back
    assert views.RUNS == ["alpha"]
    assert (move.names("alpha"), move.names("beta")) == (["first"], [])


def test_what_has_committed_reads_only_does(move, ask):
    assert ask("/reads/").status == 200

    def leave():
        move.fence()
        move.switch()
        views.between = None

    views.forget()
    views.between = leave
    answer = ask("/reads_then_writes/", "POST")
    assert (answer.status, answer.body) == (200, BETA)
    assert views.RUNS == ["alpha", "beta"]
    assert (move.names("alpha"), move.names("beta")) == ([], ["only"])


def test_a_sealed_schema_is_a_reason_to_ask_where_the_tenant_is(stale, ask):
    stale.seal()
    answer = ask("/reads/")
    assert answer.body == b'{"shard": "beta", "groups": []}'
    # The session, or whatever asks first, has met it: the view ran once.
    assert views.RUNS[-1] == "beta"


def test_what_is_not_there_for_another_reason_fails_as_ever(move, ask, caplog):
    answer = ask("/not_there/")
    assert answer.status == 500
    assert views.RUNS == ["alpha"]


def test_who_meets_the_fence_while_the_move_is_under_way_waits_for_its_end(move, ask, at_once):
    assert ask("/reads/").status == 200
    views.forget()
    move.begin()
    move.fence()
    asked = at_once(ask, "/writes/?name=waited")
    wait_for(lambda: gates().room.count() == 1)
    assert views.RUNS == ["alpha"]
    move.switch()
    assert asked.result(10).body == BETA
    assert views.RUNS == ["alpha", "beta"]


def test_a_fence_that_stays_ends_in_503_and_not_in_a_circle(move, ask, settings):
    settings.ATOLL_GATE_SECONDS = 0.5
    move.fence()
    assert ask("/writes/?name=never").is_to_come_back
    assert 1 < len(views.RUNS) < 20
    # What only reads goes on.
    assert ask("/reads/").status == 200


def test_negative_control_without_somebody_around_it_each_of_these_is_a_503(stale, client_of):
    for path in ("/writes/", "/keeps_a_session/", "/swallows/"):
        directory.cache_clear()
        views.forget()
        stale.switch("alpha")  # as a process that never asks would see it
        answer = client_of(stale.tenant, raise_request_exception=False).get(path)
        assert (answer.status_code, answer.headers["Retry-After"] != "") == (503, True)
        assert views.RUNS == ["alpha"]


def test_negative_control_without_the_latch_a_swallowed_fence_is_a_lost_write(
    stale, ask, monkeypatch
):
    monkeypatch.setattr("sharding.scope.latch.Latch.note", lambda self, state: None)
    answer = ask("/swallows/", "POST")
    assert json.loads(answer.body) == {"shard": "alpha", "saved": False}


def test_negative_control_what_does_not_know_of_its_commit_has_it_twice(move, ask, monkeypatch):
    assert ask("/reads/").status == 200

    def leave():
        # As after a copy: what was committed came along.
        with move.on("beta"):
            views.Group.objects.create(name="first at alpha")
        move.fence()
        move.switch()
        views.between = None

    views.forget()
    views.between = leave
    monkeypatch.setattr("sharding.pools.deadline.note_commit", lambda: None)
    assert ask("/commits_twice/", "POST").status == 200
    assert move.names("beta") == ["first", "first at alpha", "second"]


def over_asgi(host, path):
    answer = asyncio.run(ask_asgi(ReplayASGI(ObservedASGIHandler()), path, host))
    return answer.status_code, answer.content


@pytest.mark.parametrize("path", ["/writes_async/", "/writes/"])
def test_under_asgi_a_view_of_either_kind_begins_anew(stale, path):
    assert over_asgi(stale.tenant.host, path) == (200, BETA)
    assert views.RUNS == ["alpha", "beta"]
    assert (stale.names("alpha"), stale.names("beta")) == ([], ["somebody"])


def test_under_asgi_a_sealed_schema_is_a_reason_to_ask_too(stale):
    stale.seal()
    status, body = over_asgi(stale.tenant.host, "/reads_async/")
    assert (status, json.loads(body)["shard"]) == (200, "beta")
