import time
from datetime import timedelta

import pytest
from django.conf import settings as now_set
from django.contrib.sessions.models import Session
from django.utils import timezone

from tenants.sessions import BEGAN, SEEN, SessionStore

PAGE = "/account/profile/"
SIGN_IN = "/account/sign-in/"


def key_of(client):
    return client.cookies[now_set.SESSION_COOKIE_NAME].value


def let_in(client):
    return client.get(PAGE).status_code == 200


def signed_in(workspace, email=None):
    client = workspace.visitor()
    answer = client.post(
        SIGN_IN, {"username": email or workspace.email, "password": workspace.password}
    )
    assert answer.status_code == 302
    return client


def age(workspace, client, *, seen=timedelta(0), began=timedelta(0)):
    """Let a session look as if it had been used and begun so long ago."""
    with workspace.scope():
        store = SessionStore(key_of(client))
        data = store.load()
        data[SEEN] -= seen.total_seconds()
        data[BEGAN] -= began.total_seconds()
        Session.objects.filter(pk=key_of(client)).update(session_data=store.encode(data))


def test_a_session_that_nobody_uses_ends(dune, elm):
    sleeping, neighbour = signed_in(dune), signed_in(elm)
    age(dune, sleeping, seen=timedelta(hours=23))
    assert let_in(sleeping)
    age(dune, sleeping, seen=timedelta(hours=24))
    assert not let_in(sleeping)
    assert let_in(neighbour)


def test_a_session_ends_a_fixed_time_after_signing_in_however_much_it_is_used(dune):
    busy = signed_in(dune)
    age(dune, busy, began=timedelta(days=13, hours=23))
    assert let_in(busy)
    age(dune, busy, began=timedelta(hours=1))
    assert not let_in(busy)


def test_the_row_says_the_same_so_that_the_purge_finds_it(dune):
    client = signed_in(dune)
    with dune.scope():
        row = Session.objects.get(pk=key_of(client))
        assert abs(row.expire_date - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    age(dune, client, seen=timedelta(minutes=10), began=timedelta(days=13, hours=12))
    cookie = client.get(PAGE).cookies[now_set.SESSION_COOKIE_NAME]
    with dune.scope():
        row = Session.objects.get(pk=key_of(client))
    assert abs(row.expire_date - timezone.now() - timedelta(hours=12)) < timedelta(minutes=1)
    assert 0 <= 12 * 3600 - int(cookie["max-age"]) < 60


def test_use_is_noted_now_and_then_and_not_with_every_page(dune):
    client = signed_in(dune)
    with dune.scope():
        before = Session.objects.values().get(pk=key_of(client))
    assert now_set.SESSION_COOKIE_NAME not in client.get(PAGE).cookies
    with dune.scope():
        assert Session.objects.values().get(pk=key_of(client)) == before
    age(dune, client, seen=timedelta(minutes=6))
    assert now_set.SESSION_COOKIE_NAME in client.get(PAGE).cookies
    assert now_set.SESSION_COOKIE_NAME not in client.get(PAGE).cookies
    with dune.scope():
        assert time.time() - SessionStore(key_of(client)).load()[SEEN] < 60


def test_a_session_of_before_these_rules_is_taken_in_and_begins_now(dune):
    client = signed_in(dune)
    with dune.scope():
        store = SessionStore(key_of(client))
        data = store.load()
        del data[SEEN], data[BEGAN]
        Session.objects.filter(pk=key_of(client)).update(session_data=store.encode(data))
    assert let_in(client)
    with dune.scope():
        assert time.time() - SessionStore(key_of(client)).load()[BEGAN] < 60


def test_shorter_settings_end_sessions_that_were_made_under_longer_ones(dune, settings):
    client = signed_in(dune)
    age(dune, client, began=timedelta(hours=2))
    assert let_in(client)
    settings.ATOLL_SESSION_LIFETIME_DAYS = 1 / 24
    assert not let_in(client)


def test_signing_in_changes_the_key_and_starts_the_lifetime(dune, make_member):
    client = signed_in(dune)
    before = key_of(client)
    age(dune, client, began=timedelta(days=10))
    client.post("/account/sign-out/")
    client.post(SIGN_IN, {"username": dune.email, "password": dune.password})
    assert key_of(client) != before
    with dune.scope():
        assert not SessionStore().exists(before)
        assert time.time() - SessionStore(key_of(client)).load()[BEGAN] < 60


def test_signing_out_everywhere_else_ends_all_sessions_but_this_one(dune, elm, make_member):
    member = make_member(dune, "ann")
    here, there, phone = (signed_in(dune, member.email) for _ in range(3))
    neighbour, colleague = signed_in(elm), signed_in(dune)
    before = key_of(here)
    answer = here.post("/account/profile/sign-out/", follow=True)
    assert "All other sessions are signed out." in answer.content.decode()
    assert key_of(here) != before
    assert [let_in(each) for each in (here, there, phone)] == [True, False, False]
    assert let_in(neighbour)
    assert let_in(colleague)


def test_a_password_change_ends_all_sessions_but_this_one(dune, make_member):
    member = make_member(dune, "ann")
    here, there = (signed_in(dune, member.email) for _ in range(2))
    here.post(
        "/account/password/",
        {"old_password": dune.password, "new_password": "quite another pass phrase"},
    )
    assert let_in(here)
    assert not let_in(there)


@pytest.mark.parametrize("elsewhere", ["elm", "fern"])
def test_a_session_row_that_was_copied_to_another_tenant_signs_nobody_in(dune, elsewhere, request):
    other = request.getfixturevalue(elsewhere)
    client = signed_in(dune)
    with dune.scope():
        row = Session.objects.filter(pk=key_of(client)).values().get()
    with other.scope():
        Session.objects.create(**row)
    thief = other.visitor()
    thief.cookies[now_set.SESSION_COOKIE_NAME] = key_of(client)
    assert not let_in(thief)
    assert let_in(client)
