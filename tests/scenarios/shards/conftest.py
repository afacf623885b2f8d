"""Two shards with servers of their own, which tests of this folder may stop."""

from collections.abc import Iterator

import pytest

from tests.fixtures.two_shards import TwoShards, two_shards


@pytest.fixture(scope="package")
def ground() -> Iterator[TwoShards]:
    """Not the shared `stack`, which cannot be reached from this folder's network."""
    with two_shards(tenants=2) as made:
        yield made
