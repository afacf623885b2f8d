"""Servers of this folder's own, since a primary is lost here for good."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import pytest
from django.db import connections

from devstack.prepare import prepare
from devstack.stack import Stack
from sharding import scope
from sharding.placements.services.placing import get_placement
from sharding.registry import current as addresses
from sharding.registry.toml_file import read_registry, write_registry
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tests.fixtures.servers import throw_away_stack
from tests.fixtures.standbys import HOST, Standby, streaming_standby


@pytest.fixture
def lost(django_db_blocker, monkeypatch) -> Iterator[Stack]:
    """Control, and alpha, whose primary a test may lose."""
    before = addresses.registry()
    with throw_away_stack(shards=("alpha",), redis=False) as made, django_db_blocker.unblock():
        connections.close_all()
        monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(made.files.registry))
        prepare(made)
        yield made
        for wrapper in connections.all(initialized_only=True):
            wrapper.close()
            wrapper.close_pool()
        addresses.install(before)


@pytest.fixture
def acme(lost) -> scope.Placement:
    receipt = provision_tenant(ProvisionRequest(slug="acme", shard="alpha"))
    return get_placement(receipt.tenant_id).to_scope()


@pytest.fixture
def standby(lost, acme) -> Iterator[Standby]:
    with streaming_standby(lost, "alpha") as made:
        yield made


@pytest.fixture
def both_hosts(lost, standby):
    """The registry names both: the primary first, as people write it."""
    path = lost.files.registry
    known = read_registry(path)
    alpha = known.shards["alpha"]
    at = replace(alpha.direct, host=f"127.0.0.1,{HOST}")
    shards = {**known.shards, "alpha": replace(alpha, direct=at, pooled=at)}
    both = replace(known, version=known.version + 1, shards=MappingProxyType(shards))
    write_registry(path, both)
    return addresses.install(both)
