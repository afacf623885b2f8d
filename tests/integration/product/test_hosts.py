import re

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import get_resolver

from routers.log_fields import ScopeFields


@pytest.mark.parametrize("host", ["localhost", "www.localhost"])
def test_the_public_host_says_what_this_is(host, stack_ready):
    answer = Client(headers={"host": host}).get("/")
    assert "your-name.localhost" in answer.content.decode()


def test_the_console_asks_strangers_to_sign_in(acme):
    answer = Client(headers={"host": "console.localhost"}).get("/")
    assert answer["location"].startswith("/sign-in/")
    assert acme.slug.encode() not in answer.content


@pytest.mark.parametrize("host", ["localhost", "console.localhost"])
def test_hosts_without_a_tenant_lead_to_no_page_of_one(host, stack_ready):
    visitor = Client(headers={"host": host})
    for address in ("/tickets/", "/account/sign-in/", "/exports/"):
        assert visitor.get(address).status_code == 404


@pytest.mark.parametrize("host", ["localhost", "console.localhost"])
def test_a_session_cookie_at_a_host_without_a_tenant_is_not_looked_at(host, acme):
    visitor = Client(headers={"host": host})
    name = settings.SESSION_COOKIE_NAME
    visitor.cookies[name] = acme.member().cookies[name].value
    assert visitor.get("/").status_code == (302 if host.startswith("console") else 200)


def test_pages_bring_a_strict_policy_and_nothing_from_outside(acme):
    member = acme.member()
    for address in ("/", "/tickets/", "/tickets/new/", "/exports/", "/account/sign-in/"):
        answer = member.get(address, follow=True)
        assert "default-src 'none'" in answer["content-security-policy"]
        assert answer["x-frame-options"] == "DENY"
        assert not re.search(rb"""(?:src|href)=["'](?:https?:)?//""", answer.content)
        assert "script-src 'self';" in answer["content-security-policy"]
        assert "unsafe" not in answer["content-security-policy"]
        scripts = re.findall(rb"<script.*?</script>", answer.content, re.DOTALL)
        assert scripts
        for script in scripts:
            assert re.fullmatch(rb'<script src="/static/[^"]+" defer></script>', script)
        assert not re.search(rb"""<[^>]+\s(?:style|on\w+)=""", answer.content)
    for sheet in ("atoll/style.css", "atoll/icon.svg"):
        assert finders.find(sheet)


@pytest.mark.parametrize("urlconf", ["config.urls_public", "config.urls_console"])
def test_every_view_without_a_tenant_is_marked_as_open_to_all(urlconf):
    for pattern in walk(get_resolver(urlconf)):
        assert pattern.callback.login_required is False, pattern


def walk(resolver):
    for each in resolver.url_patterns:
        yield from walk(each) if hasattr(each, "url_patterns") else [each]


@pytest.fixture
def logged(caplog):
    fields = ScopeFields()
    caplog.handler.addFilter(fields)
    yield caplog
    caplog.handler.removeFilter(fields)


def test_a_page_that_is_not_found_is_logged_with_its_tenant(acme, coral, logged):
    for tenant in (acme, coral, acme):
        logged.clear()
        tenant.member().get("/tickets/987654321/")
        (line,) = [record for record in logged.records if record.name == "django.request"]
        assert (line.tenant, line.shard) == (tenant.place.tenant_id, tenant.place.shard)
