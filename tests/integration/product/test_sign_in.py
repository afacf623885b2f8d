import re
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.models import User
from tenants.sessions import SessionStore

SIGN_IN = "/account/sign-in/"
NOBODY = "00000000-0000-4000-8000-000000000000"
PUBLIC = {
    SIGN_IN: 200,
    "/account/password/forgotten/": 200,
    # Links that nobody made.
    f"/account/password/{NOBODY}/secret/": 404,
    f"/account/join/{NOBODY}/secret/": 404,
    "/account/address/secret/": 404,
    "/api/v1/openapi.json": 200,
    "/logo/secret/": 404,
}
"""What strangers may see, and what they get."""


def test_signing_in_by_address_in_any_case_leads_to_the_dashboard(acme):
    visitor = acme.visitor()
    answer = visitor.post(SIGN_IN, {"username": " Admin@ACME.example", "password": acme.password})
    assert (answer.status_code, answer["location"]) == (302, "/")
    assert acme.name in visitor.get("/").content.decode()


def test_an_unknown_address_and_a_wrong_password_get_the_same_answer(acme):
    answers = [
        acme.visitor().post(SIGN_IN, {"username": address, "password": "wrong"})
        for address in (acme.email, "nobody@acme.example")
    ]
    errors = [answer.context["form"].non_field_errors() for answer in answers]
    assert errors[0] == errors[1] == ["This address and password do not go together."]
    assert all(settings.SESSION_COOKIE_NAME not in answer.cookies for answer in answers)


def test_an_inactive_member_is_not_let_in(acme):
    with acme.scope():
        User.objects.create_user("gone@acme.example", "long enough", is_active=False)
    answer = acme.visitor().post(
        SIGN_IN, {"username": "gone@acme.example", "password": "long enough"}
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("elsewhere", ["birch", "coral"])
def test_a_member_of_one_tenant_is_nobody_at_another(acme, elsewhere, request):
    other = request.getfixturevalue(elsewhere)
    answer = other.visitor().post(SIGN_IN, {"username": acme.email, "password": acme.password})
    assert answer.status_code == 200
    assert answer.context["form"].errors


@pytest.mark.parametrize("elsewhere", ["birch", "coral"])
def test_a_session_is_worth_nothing_at_another_tenant(acme, elsewhere, request):
    visitor = acme.member()
    thief = request.getfixturevalue(elsewhere).visitor()
    thief.cookies[settings.SESSION_COOKIE_NAME] = visitor.cookies[
        settings.SESSION_COOKIE_NAME
    ].value
    assert thief.get("/tickets/")["location"] == f"{SIGN_IN}?next=/tickets/"
    assert visitor.get("/tickets/").status_code == 200


def test_signing_out_takes_a_post_and_ends_the_session(acme):
    visitor = acme.member()
    assert visitor.get("/account/sign-out/").status_code == 405
    assert visitor.get("/").status_code == 200
    visitor.post("/account/sign-out/")
    assert visitor.get("/").status_code == 302


def test_nobody_is_sent_to_another_host_after_signing_in(acme, coral):
    answer = acme.visitor().post(
        f"{SIGN_IN}?next=http://{coral.host}/",
        {"username": acme.email, "password": acme.password},
    )
    assert answer["location"] == "/"


def test_a_form_without_its_token_is_refused(acme):
    visitor = acme.member(enforce_csrf_checks=True)
    answer = visitor.post("/tickets/new/", {"title": "Forged"})
    assert answer.status_code == 403
    assert "Forged" not in visitor.get("/tickets/").content.decode()


def test_every_page_of_a_tenant_asks_a_stranger_to_sign_in(acme):
    addresses = sorted(addresses_of(get_resolver("config.urls")))
    assert "/exports/" in addresses
    assert PUBLIC.keys() <= set(addresses)
    for address in addresses:
        answer = acme.visitor().get(address)
        if address in PUBLIC:
            assert answer.status_code == PUBLIC[address]
        elif address.startswith("/api/v1/") and address != "/api/v1/docs/":
            assert answer.status_code == 401, "programs show a token instead"
        else:
            assert (answer.status_code, answer["location"]) == (302, f"{SIGN_IN}?next={address}")


def test_whose_session_ended_before_a_form_comes_back_to_the_page_it_was_on(acme, coral):
    list_page = "/tickets/?status=all"
    for before, page in (
        (f"http://{acme.host}{list_page}", list_page),
        (f"http://{coral.host}/settings/", ""),
        ("http://[", ""),
        ("", ""),
    ):
        visitor = acme.visitor()
        answer = visitor.post("/tickets/7/close/", headers={"referer": before})
        asked = urlsplit(answer["location"])
        assert asked.path == SIGN_IN
        assert parse_qs(asked.query, keep_blank_values=True) == {"next": [page]}
        form = {"username": acme.email, "password": acme.password, "next": page}
        onward = visitor.post(SIGN_IN, form)["location"]
        assert onward == (page or "/")
        assert visitor.get(onward).status_code == 200


def test_a_session_key_that_somebody_planted_is_worth_nothing_after_signing_in(acme, birch):
    visitor = acme.visitor()
    with acme.scope():
        planted = SessionStore()
        planted["left by"] = "a stranger"
        planted.save()
    visitor.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key
    visitor.post(SIGN_IN, {"username": acme.email, "password": acme.password})
    own = visitor.cookies[settings.SESSION_COOKIE_NAME].value
    assert own != planted.session_key
    visitor.cookies[settings.SESSION_COOKIE_NAME] = planted.session_key
    assert visitor.get("/")["location"].startswith(SIGN_IN)
    visitor.cookies[settings.SESSION_COOKIE_NAME] = own
    assert visitor.get("/").status_code == 200


def test_two_addresses_that_differ_by_case_are_one_account(acme):
    with acme.scope():
        made = User.objects.create_user("Twin@Acme.Example", "long enough")
        assert made.email == "twin@acme.example"
        assert User.objects.get_by_natural_key("TWIN@acme.example") == made


def addresses_of(resolver: URLResolver, prefix: str = "/") -> set[str]:
    """One address for every pattern, made with arguments that exist nowhere."""
    found = set()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            found |= addresses_of(pattern, prefix + str(pattern.pattern))
        elif isinstance(pattern, URLPattern):
            path = prefix + str(pattern.pattern)
            path = re.sub(r"<int:\w+>", "987654321", path)
            path = re.sub(r"<(slug|str):\w+>", "secret", path)
            found.add(path.replace("<uuid:pk>", NOBODY))
    return found
