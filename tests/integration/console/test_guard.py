"""No page of the console is forgotten: each is for verified operators only, or on a short list."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from console.guard import MARK
from console.models import CONTROL, OperatorSession
from tests.integration.console.conftest import HOST
from tests.integration.product.test_headers import assert_safe

COOKIE = settings.SESSION_COOKIE_NAME
OPEN = {"console:sign_in", "console:code"}
"""Views of the console's app that strangers may see."""

ARGUMENTS = {"<slug:tenant_id>": "t0000000", "<slug:name>": "beta", "<int:number>": "7"}


def views_of(resolver, prefix="", namespace=""):
    """Each view below a resolver: name, address, function."""
    for each in resolver.url_patterns:
        here = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            inner = f"{namespace}{each.namespace}:" if each.namespace else namespace
            yield from views_of(each, here, inner)
        elif isinstance(each, URLPattern):
            for placeholder, value in ARGUMENTS.items():
                here = here.replace(placeholder, value)
            yield f"{namespace}{each.name}", f"/{here}", each.callback


def of_the_console(urlconf=settings.ATOLL_CONSOLE_URLCONF):
    return [each for each in views_of(get_resolver(urlconf)) if each[0].startswith("console:")]


def unguarded(views):
    return {name for name, _, view in views if not getattr(view, MARK, False)}


def test_every_view_is_for_operators_only_but_the_way_in():
    assert len(of_the_console()) > 15
    assert unguarded(of_the_console()) == OPEN


@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_and_those_who_have_only_given_the_password_are_asked_to_sign_in(ann, method):
    half_in = ann.visitor()
    ann.give_password(half_in)
    for visitor in (ann.visitor(), half_in):
        for name, address, _ in of_the_console():
            if name not in OPEN:
                answer = getattr(visitor, method)(address)
                assert (answer.status_code, answer["location"][:9]) == (302, "/sign-in/"), name


FORGETFUL = "tests.integration.console.forgetful_urls"


def test_the_walk_finds_a_view_without_its_guard():
    assert unguarded(of_the_console(FORGETFUL)) == {*OPEN, "console:forgotten"}


def test_a_view_without_its_guard_serves_nobody(ann, ochre, settings):
    settings.ATOLL_CONSOLE_URLCONF = FORGETFUL
    member = ochre.member().cookies[COOKIE].value
    for cookie in (None, ann.signed_in().cookies[COOKIE].value, member, "k" * 32):
        visitor = ann.visitor(raise_request_exception=False)
        if cookie:
            visitor.cookies[COOKIE] = cookie
        answer = visitor.get("/forgotten/")
        assert answer.status_code == 500
        assert b"secrets" not in answer.content


def test_a_tenants_session_is_worth_nothing_here_and_an_operators_nothing_there(ann, ochre):
    member, operator = ochre.member(), ann.signed_in()
    theirs, ours = member.cookies[COOKIE].value, operator.cookies[COOKIE].value

    thief = ann.visitor()
    thief.cookies[COOKIE] = theirs
    assert thief.get("/").status_code == 302
    thief = ochre.visitor()
    thief.cookies[COOKIE] = ours
    assert thief.get("/tickets/").status_code == 302

    # Neither has lost anything by it.
    assert member.get("/tickets/").status_code == 200
    assert operator.get("/").status_code == 200
    assert OperatorSession.objects.using(CONTROL).count() == 1


def test_on_tenants_hosts_and_on_the_public_one_nothing_of_the_console_exists(ochre, console):
    for host in (ochre.host, "localhost"):
        visitor = Client(headers={"host": host})
        for name, address, _ in of_the_console():
            if name not in {"console:home"} and address not in {"/sign-in/"}:
                answer = visitor.get(address)
                asked_to_sign_in = answer.get("location", "").startswith("/account/sign-in/")
                assert answer.status_code == 404 or asked_to_sign_in, (host, address)


def test_a_forged_form_changes_nothing(ann, ochre):
    browser = ann.signed_in()
    strict = Client(enforce_csrf_checks=True, headers={"host": HOST})
    strict.cookies[COOKIE] = browser.cookies[COOKIE].value
    form = {"reason": "forged", "confirm": ochre.slug}
    assert strict.post(f"/tenants/{ochre.id}/suspend/", form).status_code == 403
    assert ochre.visitor().get("/").status_code == 302


def test_pages_bring_a_strict_policy_and_are_not_kept_by_browsers(console, ochre):
    shown = 0
    for name, address, _ in of_the_console():
        answer = console.get(address.replace(ARGUMENTS["<slug:tenant_id>"], ochre.id))
        assert_safe(answer, name)
        if answer.status_code == 200:
            assert answer["cache-control"] == "no-store", name
            shown += 1
    assert shown >= 10


def test_error_pages_need_neither_operator_nor_session(ann):
    for visitor in (ann.visitor(), ann.signed_in()):
        answer = visitor.get("/nothing/here/")
        assert answer.status_code == 404
        assert b"no such page" in answer.content
