"""No channel carries one tenant's into another's: requests, sync and async.

Ann and bob live on one shard, cyd on another. Each has a group with the same id and its own name.
"""

import asyncio
import json
import re

import pytest
from django.core.asgi import get_asgi_application
from django.core.cache import cache
from django.db import connection
from django.test import RequestFactory

from sharding import scope
from sharding.registry import current as registry
from tenants import pages
from tenants.middleware import TenantMiddleware
from tenants.services.domains import add_domain, remove_domain
from tenants.services.suspend import resume_tenant, suspend_tenant
from tests.fixtures.asgi import ask_asgi

pytestmark = [
    pytest.mark.usefixtures("groups", "no_connections_in_threads_that_end"),
    pytest.mark.urls("tests.integration.tenants.urls"),
]


@pytest.fixture(autouse=True)
def _no_scope_around():
    assert scope.current() is None
    yield
    assert scope.current() is None


def over_asgi(path, *hosts):
    return ask_asgi(get_asgi_application(), path, *hosts)


def alternating(tenants, times=2):
    return [tenant for _ in range(times) for tenant in tenants]


def test_each_host_is_served_in_its_tenants_scope(tenants, client_of):
    for tenant in alternating(tenants):
        told = client_of(tenant).get("/whoami/").json()
        assert told["scope"] == told["tenant"] == told["role"] == tenant.id
        assert (told["slug"], told["groups"]) == (tenant.slug, [tenant.slug])
        assert told["in_transaction"]


def test_a_request_is_served_as_web_which_is_no_superuser(tenants, client_of):
    for tenant in tenants:
        told = client_of(tenant).get("/whoami/").json()
        assert told["session_user"] == registry.shard(tenant.place.shard).web.user
        assert told["is_superuser"] == "off"


@pytest.mark.parametrize(
    "form", ["{}", "{}:8000", "{}.", "{}.:80"], ids=["plain", "port", "dot", "dot and port"]
)
def test_a_host_may_be_written_in_many_ways(tenants, client_of, form):
    for tenant in tenants:
        for host in (form.format(tenant.host), form.format(tenant.host.upper())):
            told = client_of(tenant).get("/whoami/", headers={"host": host}).json()
            assert told["scope"] == tenant.id


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("nobody.localhost", 404),
        ("ann.localhost.evil.example", 404),
        ("ann", 404),
        ("127.0.0.1", 404),
        ("[::1]:8000", 404),
        ("[0:0:0:0:0:0:0:1]", 404),
        ("ann.localhost,bob.localhost", 400),
        ("ann.localhost, bob.localhost", 400),
        ("ann..localhost", 400),
        ("ann.localhost:port", 400),
        ("[::1", 400),
        ("bücher.localhost", 400),
        ("ann'.localhost", 400),
        ("%61nn.localhost", 400),
        ("x" * 5000 + ".localhost", 400),
    ],
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_host_that_is_none_of_ours_gets_a_page_and_no_more(
    tenants, client_of, host, status, is_async
):
    if is_async:
        answer = asyncio.run(over_asgi("/whoami/", host))
    else:
        answer = client_of(tenants[0]).get("/whoami/", headers={"host": host})
    assert answer.status_code == status
    assert host[:20].encode() not in answer.content


def test_two_host_headers_are_none(tenants):
    answer = asyncio.run(over_asgi("/whoami/", tenants[0].host, tenants[1].host))
    assert answer.status_code == 400


def test_the_scope_does_not_outlive_the_request(tenants, client_of):
    for tenant in tenants:
        client_of(tenant).get("/whoami/")
        assert scope.current() is None
        with pytest.raises(scope.NoTenantInScope):
            connection.cursor()
    client = client_of(tenants[0], raise_request_exception=False)
    assert client.get("/write_and_fail/").status_code == 500
    assert scope.current() is None


def test_a_failed_view_is_rolled_back_on_the_tenants_shard(tenants, client_of):
    for tenant in tenants:
        client = client_of(tenant, raise_request_exception=False)
        assert client.get("/write_and_fail/").status_code == 500
        assert client.get("/whoami/").json()["groups"] == [tenant.slug]


@pytest.mark.parametrize("path", ["/stream/", "/stream_in_transaction/"])
def test_streamed_bodies_run_in_their_scope_though_they_are_sent_in_turns(tenants, client_of, path):
    answers = [iter(client_of(tenant).get(path)) for tenant in tenants]
    bodies = ["" for _ in tenants]
    for _ in range(3):
        for number, answer in enumerate(answers):
            bodies[number] += next(answer).decode()
            assert scope.current() is None
    for tenant, body, answer in zip(tenants, bodies, answers, strict=True):
        line = f"{tenant.id}:{tenant.slug};" if path == "/stream/" else f"{tenant.slug};"
        assert body == line * 3
        assert list(answer) == []


def test_a_streamed_body_that_nobody_reads_to_its_end_leaves_no_scope(tenants, client_of):
    answer = client_of(tenants[0]).get("/stream/")
    next(iter(answer))
    answer.close()
    assert scope.current() is None
    assert client_of(tenants[1]).get("/whoami/").json()["groups"] == [tenants[1].slug]


def test_async_views_and_bodies_run_in_their_scope_all_at_once(tenants):
    for tenant in tenants:
        with tenant.scope():
            cache.set("greeting", tenant.slug)

    async def visit(tenant):
        told = await over_asgi("/whoami_async/", tenant.host)
        streamed = await over_asgi("/stream_async/", tenant.host)
        assert scope.current() is None
        return json.loads(told.content), streamed.content.decode()

    async def all_at_once():
        return await asyncio.gather(*[visit(tenant) for tenant in alternating(tenants, 4)])

    for tenant, (told, body) in zip(
        alternating(tenants, 4), asyncio.run(all_at_once()), strict=True
    ):
        assert told == {
            "scope": tenant.id,
            "groups": [tenant.slug],
            "cached": tenant.slug,
            "sync_cached": tenant.slug,
            "cached_in_loop": tenant.slug,
            "via_thread": [tenant.slug],
        }
        assert body == f"{tenant.id}:{tenant.slug};" * 3


def test_sync_views_under_async_run_in_their_scope_and_transaction(tenants):
    for tenant in alternating(tenants):
        told = json.loads(asyncio.run(over_asgi("/whoami/", tenant.host)).content)
        assert (told["groups"], told["in_transaction"]) == ([tenant.slug], True)


def test_template_responses_are_rendered_in_the_scope(tenants, client_of):
    for tenant in alternating(tenants):
        assert client_of(tenant).get("/template/").content.decode() == f"{tenant.slug};"


def test_a_view_that_asks_a_thread_of_its_own_gets_nothing(tenants, client_of):
    for tenant in tenants:
        assert client_of(tenant).get("/thread/").json() == {"error": "scope.no_tenant"}


def test_a_session_cookie_of_one_tenant_is_nothing_to_another(tenants, client_of):
    ann = client_of(tenants[0])
    assert ann.get("/session/").json() == {"seen": []}
    assert ann.get("/session/").json() == {"seen": [tenants[0].id]}
    for other in tenants[1:]:
        assert ann.get("/session/", headers={"host": other.host}).json() == {"seen": []}


def test_a_signed_cookie_of_one_tenant_is_nothing_to_another(tenants, client_of):
    client = client_of(tenants[0])
    client.get("/signed_cookie/")
    assert client.get("/signed_cookie/").json() == {"read": "value"}
    for other in tenants[1:]:
        client = client_of(tenants[0])
        client.get("/signed_cookie/")
        assert client.get("/signed_cookie/", headers={"host": other.host}).json() == {"read": None}


@pytest.mark.parametrize("other", [1, 2], ids=["one shard", "two shards"])
def test_the_user_is_the_requests_tenants_though_another_scope_is_entered_first(
    tenants, client_of, other, settings
):
    settings.MIDDLEWARE = [m for m in settings.MIDDLEWARE if "MembersOnly" not in m]
    one, two = tenants[0], tenants[other]
    client = client_of(one)
    from accounts.models import User

    with one.scope():
        client.force_login(User.objects.get(email=one.email))
    told = client.get(f"/user_elsewhere/?tenant={two.id}")
    assert told.status_code == 200
    assert told.json() == {"user": one.email, "groups": [two.slug]}


def test_a_suspended_tenant_gets_a_page_that_says_so_and_its_neighbour_is_served(
    ann, bob, client_of
):
    suspend_tenant("ann", reason="test")
    try:
        answer = client_of(ann).get("/whoami/")
        assert answer.status_code == 403
        assert b"suspended" in answer.content
        assert "set-cookie" not in answer.headers
        assert client_of(bob).get("/whoami/").status_code == 200
    finally:
        resume_tenant("ann")
    assert client_of(ann).get("/whoami/").status_code == 200


def test_a_domain_in_another_script_leads_to_its_tenant_until_it_is_taken_away(ann, client_of):
    add_domain("ann", "Bücher.example")
    headers = {"host": "xn--bcher-kva.example:80"}
    assert client_of(ann).get("/whoami/", headers=headers).json()["scope"] == ann.id
    remove_domain("ann", "bücher.example")
    assert client_of(ann).get("/whoami/", headers=headers).status_code == 404


def test_public_and_console_hosts_have_no_tenant(tenants, settings, client_of):
    seen = []

    def view(request):
        seen.append((request.tenant, request.urlconf, scope.current()))
        return pages.unknown(request)

    for host in ("localhost", "www.localhost:8000", "CONSOLE.localhost."):
        TenantMiddleware(view)(RequestFactory(headers={"host": host}).get("/"))
    assert seen == [
        (None, settings.ATOLL_PUBLIC_URLCONF, None),
        (None, settings.ATOLL_PUBLIC_URLCONF, None),
        (None, settings.ATOLL_CONSOLE_URLCONF, None),
    ]


def test_pages_repeat_nothing_that_they_were_sent_unescaped(rf):
    answer = pages.suspended(rf.get("/"), "<script>")
    assert b"<script>" not in answer.content
    assert re.search(rb"&lt;script&gt;", answer.content)
