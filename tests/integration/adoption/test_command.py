"""`adopt_tenant` with wrong and missing words: told what to do, and nothing is changed."""

import io
import re

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from sharding.placements.models import AuditEntry, Placement
from sharding.registry import current as addresses
from tenants.models import Domain, Provisioning, Tenant
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tests.integration.lifecycle.conftest import lose

STRAY = "adopt_by_nobody"


def everything():
    return {
        model.__name__: list(model.objects.using("control").order_by("pk").values_list())
        for model in (Tenant, Domain, Placement, Provisioning, AuditEntry)
    }


@pytest.fixture(scope="module")
def somebody(stack_ready):
    """A tenant that is there, and a schema of no Django project beside it."""
    made = provision_tenant(ProvisionRequest(slug="adopt-taken", shard="alpha")).tenant_id
    admin = stack_ready.admin_conninfo("alpha")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {STRAY}; CREATE TABLE {STRAY}.t (id int)")
        yield made
        connection.execute(f"DROP SCHEMA {STRAY} CASCADE")
    lose(made)


@pytest.fixture
def adopt(stack_ready, somebody):
    """Runs the command with words in which names stand for what only the servers know."""
    alpha = addresses.shard("alpha")
    known = {
        "SUPERUSER": stack_ready.admin_conninfo("alpha"),
        "ELSEWHERE": stack_ready.admin_conninfo("beta"),
        "WEB": _as_web(alpha),
        "NOBODY": "host=127.0.0.1 port=1 user=nobody dbname=shard",
        "TENANT": somebody,
    }

    def adopt(*words):
        out = io.StringIO()
        call_command(
            "adopt_tenant",
            *(known.get(word, word) for word in words),
            stdout=out,
            stderr=io.StringIO(),
        )
        return out.getvalue()

    return adopt


def _as_web(server):
    at, login = server.direct, server.web
    return psycopg.conninfo.make_conninfo(
        host=at.host, port=at.port, dbname=at.dbname, user=login.user, password=login.password
    )


ON_ALPHA = ("--shard", "alpha", "--admin", "SUPERUSER")


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("adopt-new",), 2, "Say with --shard"),
        (
            ("adopt-new", "--shard", "gamma", "--admin", "SUPERUSER"),
            2,
            "No shard is called",
        ),
        (("adopt-new", "--shard", "alpha", "--admin", ""), 2, "Give a superuser's connection"),
        (("adopt-new", "--shard", "alpha", "--admin", "no words"), 2, "is no connection string"),
        (("adopt-new", "--shard", "alpha", "--admin", "NOBODY"), 1, "does not answer|refused"),
        (("adopt-new", "--shard", "alpha", "--admin", "WEB"), 1, "'web' may not look"),
        (("adopt-new", "--shard", "alpha", "--admin", "ELSEWHERE"), 1, "leads to beta"),
        (("adopt-new", *ON_ALPHA), 1, "there is no such schema"),
        (("adopt-new", *ON_ALPHA, "--schema", "public"), 1, "belongs to the platform"),
        (("adopt-new", *ON_ALPHA, "--schema", "x'; DROP"), 1, "there is no such schema"),
        (("adopt-new", *ON_ALPHA, "--schema", "TENANT"), 1, "a tenant's schema already"),
        (("adopt-new", *ON_ALPHA, "--schema", STRAY), 1, "no schema of a Django project"),
        (("Capital", *ON_ALPHA, "--schema", STRAY), 2, "capital letters"),
        (("adopt-taken", *ON_ALPHA, "--schema", STRAY), 1, "is taken"),
        (("adopt-new", *ON_ALPHA, "--schema", STRAY, "--domain", "a b"), 2, "cannot be a domain"),
        (("adopt-new", *ON_ALPHA, "--also", "auth_user"), 2, "give TABLE=CONDITION"),
        (("adopt-new", *ON_ALPHA, "--also", "=x"), 2, "give TABLE=CONDITION"),
        (("adopt-new", *ON_ALPHA, "--schema", STRAY, "--also", "x=1=1"), 1, "--also names x"),
        (("adopt-new", "--undo"), 2, "No tenant has the slug"),
        (("adopt-taken", "--undo"), 1, "is finished"),
    ],
)
@pytest.mark.parametrize("how", [(), ("--dry-run",)], ids=["for good", "dry"])
def test_wrong_words_are_told_and_change_nothing(adopt, words, status, says, how):
    before = everything()
    with pytest.raises(CommandError) as caught:
        adopt(*words, *(() if "--undo" in words else how))
    told = str(caught.value)
    # What a dry run prints before it says that something is to be mended is its own answer.
    if not (how and says == "no schema of a Django project"):
        assert re.search(says, told), told
    assert caught.value.returncode == status
    assert everything() == before


def test_without_a_slug_it_is_wrong_usage(adopt):
    with pytest.raises(CommandError, match="required: slug"):
        adopt()
