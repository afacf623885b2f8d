"""Whether a subdomain can be had, and what is said about it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from front.conf import front_settings
from front.keys import confirmation_token
from front.models import CONTROL
from front.services.availability import availability_of
from front.services.confirming import confirm_sign_up
from front.types import Availability
from tenants.models import RetiredSlug
from tests.integration.front.conftest import again


@pytest.mark.parametrize(
    ("slug", "answer", "word"),
    [
        ("nobody-has-this", Availability.FREE, "nobody-has-this.localhost is free"),
        ("", Availability.INVALID, "choose"),
        ("x" * 49, Availability.INVALID, "48"),
        ("Acme", Availability.INVALID, "small letters"),
        ("münchen", Availability.INVALID, "small letters"),
        ("a.b", Availability.INVALID, "small letters"),
        ("7up", Availability.INVALID, "begin with a letter"),
        ("-a", Availability.INVALID, "begin with a letter"),
        ("a--b", Availability.INVALID, "Two hyphens"),
        ("a-", Availability.INVALID, "end with a hyphen"),
        ("admin", Availability.RESERVED, "reserved"),
        ("www", Availability.RESERVED, "reserved"),
        ("east", Availability.TAKEN, "already"),
    ],
)
def test_what_is_said_about_a_subdomain(east, slug, answer, word):
    found = availability_of(slug)
    assert (found.availability, word in found.reason) == (answer, True), found


def test_what_somebody_gave_up_lately_rests(stack_ready):
    until = timezone.now() + timedelta(days=1)
    RetiredSlug.objects.using(CONTROL).create(slug="left-lately", tenant_id="t0aaaaa", until=until)
    assert availability_of("left-lately").availability is Availability.RESTING
    RetiredSlug.objects.using(CONTROL).filter(slug="left-lately").update(
        until=timezone.now() - timedelta(days=1)
    )
    assert availability_of("left-lately").is_free
    RetiredSlug.objects.using(CONTROL).filter(slug="left-lately").delete()


def test_what_is_confirmed_is_taken_and_what_is_not_is_free(ask, wish):
    row = ask(wish())
    assert availability_of(row.slug).is_free
    confirm_sign_up(confirmation_token(row.pk))
    assert availability_of(row.slug).availability is Availability.TAKEN
    assert availability_of(row.slug, but_for=again(row)).is_free


def test_the_page_answers_while_somebody_types(visitor, east):
    assert (
        b"somewhere.localhost is free"
        in visitor.get("/sign-up/available", {"slug": " somewhere "}).content
    )
    answer = visitor.get("/sign-up/available", {"slug": "<b>"})
    assert b"<b>" not in answer.content
    assert b"no-store" in answer["cache-control"].encode()


def test_who_looks_up_too_many_is_told_to_wait_and_others_are_not(visitor, settings):
    settings.ATOLL_SLUG_LOOKS_PER_MINUTE = 3
    seen = [visitor.get("/sign-up/available", {"slug": "a1"}).status_code for _ in range(5)]
    # A minute may end between two of them.
    assert seen[:3] == [200] * 3
    assert seen[-1] == 429
    other = visitor.get("/sign-up/available", {"slug": "a1"}, REMOTE_ADDR="192.0.2.9")
    assert other.status_code == 200


def test_a_limit_says_when_to_come_again(visitor, settings):
    settings.ATOLL_SLUG_LOOKS_PER_MINUTE = 1
    # A minute may end between two of them.
    for _ in range(3):
        visitor.get("/sign-up/available", {"slug": "a1"})
    answer = visitor.get("/sign-up/available", {"slug": "a1"})
    assert 1 <= int(answer["retry-after"]) <= 60
    assert front_settings().looks_per_minute == 1
