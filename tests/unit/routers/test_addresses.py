"""From the scope to an address: keys, queues, groups, folders, salts, log fields."""

import logging
from pathlib import PurePosixPath
from typing import Any

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core import signing
from django.core.signing import BadSignature, Signer, TimestampSigner

from routers import cache_keys, channel_groups, queues, storage_paths
from routers import signing as scoped
from routers.log_fields import ScopeFields
from sharding import scope

A = scope.Placement("t0aaaaaa", "alpha", "t0aaaaaa", 1, "0a")
B = scope.Placement("t0bbbbbb", "alpha", "t0bbbbbb", 1, "0b")
C = scope.Placement("t0cccccc", "beta", "t0cccccc", 1, "0c")

NEED_A_TENANT = [
    lambda: cache_keys.tenant_key("k", "", 1),
    storage_paths.tenant_folder,
    lambda: channel_groups.tenant_group("room"),
    lambda: queues.route_task("x", task=TenantsOwn),
]


class TenantsOwn:
    atoll_home = "tenant"


@pytest.mark.parametrize("address", NEED_A_TENANT)
@pytest.mark.parametrize("place", [None, scope.CONTROL])
def test_without_a_tenant_there_is_no_address(address, place):
    with scope.enter(place), pytest.raises(scope.NoTenantInScope):
        address()


@pytest.mark.parametrize("address", NEED_A_TENANT[:3])
def test_no_two_tenants_share_an_address(address):
    found = set()
    for place in (A, B, C):
        with scope.enter(place):
            found.add(address())
    assert len(found) == 3


@pytest.mark.parametrize("evil", ["x", "0b:1:x", "t0bbbbbb.0b:", ":", "::1:", "t0bbbbbb.0b::1:x"])
def test_no_key_looks_like_another_tenants(evil):
    with scope.enter(B):
        theirs = cache_keys.tenant_prefix()
    with scope.enter(A):
        assert not cache_keys.tenant_key(evil, "", 1).startswith(theirs)
    assert not cache_keys.control_key(evil, "", 1).startswith(theirs)


def test_a_key_gives_back_what_was_asked_for():
    with scope.enter(A):
        assert cache_keys.key_as_given(cache_keys.tenant_key("a:b:c", "p", 3)) == "a:b:c"
    assert cache_keys.key_as_given(cache_keys.control_key("a:b", "", 1)) == "a:b"


def test_a_new_generation_forgets_every_key():
    later = scope.Placement(A.tenant_id, A.shard, A.schema, 2, "1a")
    with scope.enter(A):
        old = cache_keys.tenant_key("k", "", 1)
    with scope.enter(later):
        assert cache_keys.tenant_key("k", "", 1) != old


def test_a_tenants_task_goes_to_its_shards_queue_and_any_other_to_control():
    with scope.enter(C):
        assert queues.route_task("x", task=TenantsOwn) == {"queue": "shard.beta"}
        assert queues.route_task("x", task=object()) == {"queue": "control"}
    assert queues.route_task("x") == {"queue": "control"}


def test_files_lie_in_the_tenants_folder():
    with scope.enter(A):
        assert storage_paths.tenant_folder() == PurePosixPath("tenants/t0aaaaaa")


@pytest.mark.parametrize("name", ["", "a b", "é", "a/b", "x" * 99])
def test_a_group_that_channels_would_refuse_is_refused_here(name):
    with scope.enter(A), pytest.raises(ValueError, match="no group name"):
        channel_groups.tenant_group(name)


@pytest.mark.parametrize(
    ("sign", "read"),
    [
        (signing.dumps, signing.loads),
        (Signer().sign, Signer().unsign),
        (TimestampSigner().sign, TimestampSigner().unsign),
        (scoped.TenantSigner(salt="s").sign, scoped.TenantSigner(salt="s").unsign),
    ],
)
@pytest.mark.parametrize("elsewhere", [B, C, None, scope.CONTROL])
def test_what_one_tenant_signs_holds_nowhere_else(sign, read, elsewhere):
    with scope.enter(A):
        signed = sign("value")
        assert read(signed) == "value"
    with scope.enter(elsewhere), pytest.raises(BadSignature):
        read(signed)


def test_without_a_scope_signatures_are_djangos_own():
    signed = Signer(salt="s").sign("v")
    assert signed.rpartition(":")[2] == signing.base64_hmac(
        "ssigner", "v", Signer(salt="s").key, algorithm="sha256"
    )


def test_tokens_of_password_resets_have_the_scope_in_their_salt():
    generator = PasswordResetTokenGenerator()
    salts = set()
    for place in (A, B, None):
        with scope.enter(place):
            salts.add(generator.key_salt)
    assert len(salts) == 3


def test_teaching_twice_changes_nothing_more():
    with scope.enter(A):
        salt = PasswordResetTokenGenerator().key_salt
        scoped.install()
        assert PasswordResetTokenGenerator().key_salt == salt


@pytest.mark.parametrize(
    ("place", "fields"),
    [
        (A, ("t0aaaaaa", "alpha")),
        (C, ("t0cccccc", "beta")),
        (None, ("-", "-")),
        (scope.CONTROL, ("-", "control")),
    ],
)
def test_a_log_record_says_whose_it_is(place, fields):
    record: Any = logging.LogRecord("n", 20, "p", 1, "m", (), None)
    with scope.enter(place):
        assert ScopeFields().filter(record)
    assert (record.tenant, record.shard) == fields
    with scope.enter(B):
        ScopeFields().filter(record)
    assert (record.tenant, record.shard) == fields
