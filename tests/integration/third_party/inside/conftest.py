"""Three tenants with the third-party apps in them: two on alpha, one on beta."""

import pytest
from django.conf import settings
from django.test import Client
from rest_framework.authtoken.models import Token

from accounts.models import User
from sharding import scope
from tenants.models import Tenant
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest

SETTINGS = "tests.integration.third_party.settings"

if settings.SETTINGS_MODULE != SETTINGS:
    # Part of the whole run, with the product's own apps: test_third_party.py runs these.
    collect_ignore_glob = ["test_*.py"]


def _provision(slug: str, shard: str) -> scope.Placement:
    with scope.enter(scope.CONTROL):
        provision_tenant(
            ProvisionRequest(
                slug=slug,
                name=slug.title(),
                shard=shard,
                admin_email=f"admin@{slug}.example",
                admin_password="a password of the tests",
            )
        )
        tenant_id = Tenant.objects.get(slug=slug).id
    return scope.resolve(tenant_id)


@pytest.fixture(scope="session")
def hosts(stack_ready):
    """Placement → host."""
    slugs = {"here": "alpha", "neighbour": "alpha", "elsewhere": "beta"}
    return {_provision(slug, shard): f"{slug}.localhost" for slug, shard in slugs.items()}


@pytest.fixture(scope="session")
def places(hosts):
    """`here` and `neighbour` share a shard, `elsewhere` is on the other one."""
    return tuple(hosts)


@pytest.fixture
def client_of(hosts):
    """A browser at a tenant's host; with a token, a program."""

    def client(place, *, token=None):
        headers = {"authorization": f"Token {token}"} if token else {}
        return Client(HTTP_HOST=hosts[place], headers=headers)

    return client


@pytest.fixture
def token_of():
    """The token of the tenant's own reader."""

    def token(place):
        with scope.enter(place):
            email = f"reader@{place.tenant_id}.test"
            user = User.objects.filter(email=email).first() or User.objects.create_user(email)
            return Token.objects.get_or_create(user=user)[0].key

    return token
