"""A control database with its tables, and two shards."""

import itertools
import os
from collections.abc import Iterator

import pytest
from django.db import connections

from sharding.placements.models import Placement
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def fleet(stack_ready) -> Iterator[object]:
    yield stack_ready
    connections.close_all()


@pytest.fixture
def placement() -> Placement:
    """A placement in CREATING, of a tenant of its own."""
    tenant_id = reserve_tenant_id("alpha", used_by=f"somebody{next(_numbers)}")
    return create_placement(tenant_id, "alpha")


@pytest.fixture
def process_env() -> dict[str, str]:
    """The environment of another process that works on the same servers."""
    return {**os.environ, "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]}
