"""Which shards the development servers have."""

import pytest

from devstack.conf import default_shards
from devstack.demo import servers
from devstack.errors import UnfitShardName
from devstack.services.find_stack import development_stack


def test_there_are_two_unless_the_environment_says_more(monkeypatch, tmp_path):
    monkeypatch.delenv("ATOLL_DEVSTACK_SHARDS", raising=False)
    assert default_shards() == ("alpha", "beta")
    monkeypatch.setenv("ATOLL_DEVSTACK_SHARDS", "alpha, beta,gamma-2")
    assert development_stack().shards == ("alpha", "beta", "gamma-2")
    # Each is served by the demo too: tenants that nobody places are made on any of them.
    assert servers.development_stack(tmp_path).shards == ("alpha", "beta", "gamma-2")


@pytest.mark.parametrize("names", ["", "alpha,", "alpha,alpha", "Alpha", "a b", "control", "redis"])
def test_a_name_that_is_none_is_refused(monkeypatch, names):
    monkeypatch.setenv("ATOLL_DEVSTACK_SHARDS", names)
    with pytest.raises(UnfitShardName, match="alpha,beta,gamma"):
        default_shards()
