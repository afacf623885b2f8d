"""Two tenants on alpha and one on beta, and a superuser who does what nobody should."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connections

from migrations_tools.drift.services.check import DriftRequest, check_drift
from migrations_tools.drift.types import Finding
from sharding.placements.models import Shard
from sharding.registry import current as addresses
from sharding.registry.toml_file import read_registry, write_registry
from sharding.schemas.connections import own_connection
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionReceipt, ProvisionRequest


@pytest.fixture(autouse=True)
def fleet(stack_ready) -> Iterator[object]:
    yield stack_ready
    connections.close_all()


@pytest.fixture(scope="session")
def drifting(stack_ready) -> dict[str, ProvisionReceipt]:
    places = {"drift-ann": "alpha", "drift-bob": "alpha", "drift-cyd": "beta"}
    return {
        slug: provision_tenant(ProvisionRequest(slug=slug, shard=shard))
        for slug, shard in places.items()
    }


@pytest.fixture
def ann(drifting) -> str:
    return drifting["drift-ann"].tenant_id


@pytest.fixture
def bob(drifting) -> str:
    return drifting["drift-bob"].tenant_id


@pytest.fixture
def cyd(drifting) -> str:
    return drifting["drift-cyd"].tenant_id


@pytest.fixture
def superuser(stack_ready):
    """Runs statements on a shard as nobody should."""

    def run(shard: str, *statements: str) -> None:
        with psycopg.connect(stack_ready.admin_conninfo(shard), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    return run


@pytest.fixture
def alpha_again(stack_ready) -> Iterator[None]:
    """The registry, and alpha in it, as they were."""
    path = stack_ready.files.registry
    before = read_registry(path)
    row = Shard.objects.using("control").filter(name="alpha")
    kept = row.values("registry_version", "state").get()
    yield
    connections.close_all()
    row.update(**kept)
    write_registry(path, before)
    addresses.install(before)
    with own_connection(addresses.shard("alpha")) as connection:
        connection.execute("UPDATE atoll.server SET incarnation = 1")


def found(subject: str, *, shards: tuple[str, ...] = (), full: bool = False, known=None):
    """The findings about one subject, whatever other tests have left on the servers."""
    report = check_drift(DriftRequest(shards=frozenset(shards), known=known))
    if full:
        request = DriftRequest(tenants=frozenset({subject}), full=True, known=known)
        report = check_drift(request)
    return [finding for finding in report.findings if finding.subject == subject]


def kinds(findings: list[Finding]) -> list[str]:
    return [str(finding.kind) for finding in findings]
