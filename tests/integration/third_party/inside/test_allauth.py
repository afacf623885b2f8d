"""django-allauth: sign-up, confirmation by e-mail and sign-in, one tenant at a time."""

import re
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.core import mail
from django.db import transaction

from accounts.models import User
from sharding import scope
from tests.integration.third_party.inside.blocks import rolled_back

PASSWORD = "a long enough pass phrase"


def sign_up(client, email, password=PASSWORD):
    return client.post(
        "/accounts/signup/", {"email": email, "password1": password, "password2": password}
    )


def sign_in(client, email, password=PASSWORD):
    return client.post("/accounts/login/", {"login": email, "password": password})


def is_signed_in(client):
    return client.get("/accounts/email/").status_code == 200


def link_in_last_mail():
    (link,) = re.findall(r"http://\S+/confirm-email/\S+/", mail.outbox[-1].body)
    return urlsplit(link)


@pytest.fixture(autouse=True)
def empty_outbox():
    mail.outbox = []


def test_sign_up_confirmation_and_sign_in_in_each_tenant_with_one_address(places, client_of):
    email = "everywhere@example.com"
    for place in places:
        client = client_of(place)
        assert sign_up(client, email).status_code == 302
        with scope.enter(place):
            assert EmailAddress.objects.get(email=email).verified is False

        refused = sign_in(client_of(place), email)
        assert "confirm-email" in refused.headers["Location"]

        link = link_in_last_mail()
        assert link.netloc == client.defaults["HTTP_HOST"]
        assert client.post(link.path).status_code == 302
        with scope.enter(place):
            assert EmailAddress.objects.get(email=email).verified is True

        client = client_of(place)
        assert sign_in(client, email).status_code == 302
        assert is_signed_in(client)
    for place in places:
        with scope.enter(place):
            assert User.objects.filter(email=email).count() == 1


def test_a_password_counts_in_its_own_tenant_only(places, client_of):
    email = "password@example.com"
    for place in places:
        sign_up(client_of(place), email, f"a pass phrase for {place.tenant_id}")
        with scope.enter(place):
            EmailAddress.objects.filter(email=email).update(verified=True)
    for place in places:
        for other in places:
            client = client_of(place)
            sign_in(client, email, f"a pass phrase for {other.tenant_id}")
            assert is_signed_in(client) is (other is place)


def test_a_session_counts_in_its_own_tenant_only(places, client_of):
    here, *others = places
    email = "session@example.com"
    client = client_of(here)
    sign_up(client, email)
    client.post(link_in_last_mail().path)
    client = client_of(here)
    sign_in(client, email)
    assert is_signed_in(client)
    for other in others:
        stranger = client_of(other)
        stranger.cookies = client.cookies
        assert not is_signed_in(stranger)


def test_a_confirmation_link_confirms_in_its_own_tenant_only(places, client_of):
    # The link signs nothing but a number, and numbers are the same in every tenant.
    email = "link@example.com"
    number = 7_000_001
    links = {}
    for place in places:
        with scope.enter(place):
            user = User.objects.create_user(email, PASSWORD)
            address = EmailAddress.objects.create(
                pk=number, user=user, email=email, primary=True, verified=False
            )
            links[place] = f"/accounts/confirm-email/{EmailConfirmationHMAC(address).key}/"
    here, *others = places
    for other in others:
        client_of(other).post(links[here])
        with scope.enter(other):
            assert EmailAddress.objects.get(pk=number).verified is False
    client_of(here).post(links[here])
    with scope.enter(here):
        assert EmailAddress.objects.get(pk=number).verified is True


def test_a_failed_block_leaves_no_account_and_sends_no_mail(places):
    email = "undone@example.com"
    sent = []
    for place in places:
        with scope.enter(place):
            with rolled_back():
                user = User.objects.create_user(email, PASSWORD)
                EmailAddress.objects.add_email(None, user, email)
                transaction.on_commit(lambda: sent.append(email))
            assert not User.objects.filter(email=email).exists()
            assert not EmailAddress.objects.filter(email=email).exists()
    assert sent == []
