"""A control database with its tables, and two shards."""

from collections.abc import Iterator

import pytest
from django.db import connections


@pytest.fixture(autouse=True)
def fleet(stack_ready) -> Iterator[object]:
    yield stack_ready
    connections.close_all()
