"""Two tenants on one shard and a third on the other, each with tokens of members of each role."""

import json
from dataclasses import dataclass

import pytest

from accounts.models import ApiToken, User
from accounts.services.api_tokens import issue_token
from tests.integration.product.conftest import make

ROOT = "/api/v1"


@dataclass(frozen=True)
class Program:
    """A program that acts as a member; it keeps no cookies and sends none."""

    tenant: object
    token: str

    def ask(self, method, path, body=None, **headers):
        client = self.tenant.visitor(enforce_csrf_checks=True, raise_request_exception=False)
        options = {"headers": {"authorization": f"Bearer {self.token}", **headers}}
        if body is not None:
            options["data"] = body if isinstance(body, bytes | str) else json.dumps(body)
            options["content_type"] = headers.get("content-type", "application/json")
        return client.generic(method, f"{ROOT}{path}", **options)

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, body, **headers):
        return self.ask("POST", path, body, **headers)

    def patch(self, path, body, **headers):
        return self.ask("PATCH", path, body, **headers)


@pytest.fixture(scope="session")
def gorse(stack_ready):
    return make("gorse", "Gorse Gardens", "alpha")


@pytest.fixture(scope="session")
def glade(stack_ready):
    return make("glade", "Glade & Co", "alpha")


@pytest.fixture(scope="session")
def heath(stack_ready):
    return make("heath", "Heath Walks", "beta")


@pytest.fixture
def program():
    """A program of a tenant, of a member with a role."""

    def of(tenant, role="agent"):
        with tenant.scope():
            member, _ = User.objects.get_or_create(
                email=f"{role}@{tenant.slug}.example", defaults={"role": role}
            )
            # Those of the tests before: so many may be good at once and no more.
            earlier = ApiToken.objects.filter(user=member).order_by("-created_at")
            ApiToken.objects.filter(pk__in=[each.pk for each in earlier[20:]]).delete()
            _, text = issue_token(member, f"for {role}", None)
        return Program(tenant, text)

    return of


@pytest.fixture
def agent(gorse, program):
    return program(gorse)


@pytest.fixture
def viewer(gorse, program):
    return program(gorse, "viewer")


@pytest.fixture
def problem():
    """What a problem document says; that it is one."""

    def read(answer, status):
        assert (answer.status_code, answer["content-type"]) == (status, "application/problem+json")
        said = answer.json()
        assert said["status"] == status
        assert said["title"]
        assert said["detail"]
        assert not answer.cookies
        return said

    return read
