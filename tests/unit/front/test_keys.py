"""Links of the public host, and the digests that control keeps."""

import uuid

import pytest
from django.core import signing

from front import keys
from front.errors import LinkVoid
from sharding import scope

PLACE = scope.Placement("t0k3f9a", "alpha", "t0k3f9a", 1, "g")


def test_a_confirmation_token_is_the_same_each_time_and_fits_one_sign_up():
    one, other = uuid.uuid4(), uuid.uuid4()
    assert keys.confirmation_token(one) == keys.confirmation_token(one)
    assert keys.confirmation_token(one) != keys.confirmation_token(other)
    assert len(keys.confirmation_token(one)) == 43


def test_a_token_can_be_compared_whatever_somebody_typed():
    for typed in ("", "\udcff", "é" * 5000):
        assert len(keys.token_hash(typed)) == 64


def test_a_progress_link_names_its_sign_up_and_no_other_link_does():
    sign_up = uuid.uuid4()
    key = keys.progress_key(sign_up)
    assert keys.read_progress_key(key) == sign_up
    with pytest.raises(LinkVoid):
        keys.read_sent_key(key)
    with pytest.raises(LinkVoid):
        keys.read_progress_key(keys.sent_key(sign_up, "a@b.example"))


@pytest.mark.parametrize("change", [lambda key: key[:-1], lambda key: "x" + key, lambda key: ""])
def test_a_progress_link_that_was_changed_holds_no_more(change):
    with pytest.raises(LinkVoid):
        keys.read_progress_key(change(keys.progress_key(uuid.uuid4())))


def test_links_grow_old(monkeypatch):
    key = keys.progress_key(uuid.uuid4())
    monkeypatch.setattr(keys, "_PROGRESS_HOLDS", -1)
    with pytest.raises(LinkVoid):
        keys.read_progress_key(key)


def test_what_is_signed_for_a_tenant_is_no_link_of_ours():
    sign_up = str(uuid.uuid4())
    with scope.enter(PLACE):
        theirs = signing.TimestampSigner(salt="front.progress").sign(sign_up)
    with pytest.raises(LinkVoid):
        keys.read_progress_key(theirs)


def test_a_link_of_ours_is_the_same_in_every_scope():
    sign_up = uuid.uuid4()
    with scope.enter(PLACE):
        key = keys.progress_key(sign_up)
    with scope.enter(scope.CONTROL):
        assert keys.read_progress_key(key) == sign_up


def test_digests_of_one_address_differ_by_purpose_and_key(settings):
    address = "ann@example.org"
    digests = {keys.address_digest(address), keys.visitor_digest(address)}
    settings.SECRET_KEY = "another"
    digests |= {keys.address_digest(address), keys.visitor_digest(address)}
    assert len(digests) == 4


def test_addresses_known_under_a_former_key_are_found(settings):
    before = keys.address_digest("ann@example.org")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another"
    assert before in keys.address_digests("ann@example.org")
