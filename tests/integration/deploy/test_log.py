"""The log of a running gunicorn: one line per request, whose, and nothing that lets anybody in."""

import time

import pytest

from accounts.models import User
from tests.integration.deploy.conftest import Member, ask

SECRET_PATHS = [
    "/account/password/3fa85f64-5717-4562-b3fc-2c963f66afa6/{}/",
    "/account/join/3fa85f64-5717-4562-b3fc-2c963f66afa6/{}/",
    "/account/address/{}/",
]


def lines_of(site, asked, *, where="access_lines"):
    deadline = time.monotonic() + 5
    while True:
        found = [line for line in getattr(site, where)() if line.get("request_id") == asked]
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


@pytest.mark.parametrize("name", ["dock", "emery"])
def test_a_request_is_one_line_with_its_tenant_shard_and_user(site, request, name):
    tenant = request.getfixturevalue(name)
    member = Member(site.port, tenant).sign_in()
    answer = member.get("/", headers={"X-Request-ID": f"trace-{name}"})
    assert answer.headers["X-Request-ID"] == f"trace-{name}"
    (line,) = lines_of(site, f"trace-{name}")
    with tenant.scope():
        user = User.objects.get(email=tenant.email)
    assert (line["tenant"], line["shard"]) == (tenant.place.tenant_id, tenant.place.shard)
    assert str(line["user"]) == str(user.pk)
    assert (line["host"], line["path"], line["status"]) == (tenant.host, "/", 200)
    assert line["ms"] > 0


def test_what_is_logged_meanwhile_has_the_same_id(site, dock):
    ask(site.port, "/no-such-page/", dock.host, headers={"X-Request-ID": "trace-lost"})
    (line,) = lines_of(site, "trace-lost", where="error_lines")
    assert line["logger"] == "django.request"
    assert line["tenant"] == dock.place.tenant_id
    assert lines_of(site, "trace-lost")[0]["status"] == 404


def test_a_request_without_an_id_gets_one_and_no_two_are_alike(site, dock):
    made = {ask(site.port, "/", dock.host).headers["X-Request-ID"] for _ in range(10)}
    assert len(made) == 10
    forged = ask(site.port, "/", dock.host, headers={"X-Request-ID": 'a"b c'})
    assert forged.headers["X-Request-ID"] not in made | {'a"b c'}


def test_no_line_holds_an_address_of_a_person_or_a_link_that_lets_in(site, dock):
    Member(site.port, dock).sign_in().get("/")
    secret = "c0ffee-0123456789abcdef"
    for path in SECRET_PATHS:
        ask(site.port, path.format(secret), dock.host)
    ask(site.port, f"/sign-up/confirm/{secret}/", "www.localhost")
    ask(site.port, f"/account/sign-in/?next=/x/{secret}", dock.host)
    time.sleep(0.3)
    told = site.access_log.read_text() + site.log.read_text()
    assert dock.email not in told
    assert secret not in told
    for pattern in ("<slug:token>", "<slug:secret>", "address/<str:token>", "confirm/<str:token>"):
        assert pattern in told, "the pattern is told instead"
