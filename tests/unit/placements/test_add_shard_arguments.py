"""What the words after `add_shard` mean: above all where requests go."""

from pathlib import Path

import pytest
from django.core.management import CommandError

from sharding.placements.management.commands.add_shard import Command, request_of
from sharding.registry.types import Endpoint

FILE = Path("registry.toml")
ADMIN = ("--admin", "host=10.0.0.8 port=5433 user=postgres dbname=shard_7")


def asked(*words):
    parser = Command().create_parser("manage.py", "add_shard")
    return request_of(vars(parser.parse_args(["gamma", *words])), FILE)


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ((), ("10.0.0.8", 5433, "shard_7")),
        (("--pooled-host", "10.0.0.9"), ("10.0.0.9", 5433, "shard_7")),
        (("--pooled-port", "6432"), ("10.0.0.8", 6432, "shard_7")),
        (("--pooled-port", "6432", "--pooled-dbname", "gamma"), ("10.0.0.8", 6432, "gamma")),
        (
            ("--pooled-host", "::1", "--pooled-port", "6432", "--pooled-dbname", "gamma"),
            ("::1", 6432, "gamma"),
        ),
    ],
)
def test_requests_go_where_the_pooler_stands_and_owners_to_the_server(words, there):
    request = asked(*ADMIN, *words)
    assert request.pooled == Endpoint(*there)
    assert request.direct == Endpoint("10.0.0.8", 5433, "shard_7")
    assert request.registry_path == FILE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*ADMIN, "--pooled-dbname", "gamma"), "say where that pooler is too, by --pooled-host"),
        ((*ADMIN, "--pooled-port", "6432", "--pooled-dbname"), "expected one argument"),
        ((*ADMIN, "--pooled-port", "many"), "invalid int value"),
        (("--admin", "dbname=shard"), "connection string with a host"),
        (("--admin", "nonsense"), "no connection string"),
    ],
)
def test_words_that_leave_something_out_or_mean_nothing_are_refused(words, said):
    with pytest.raises(CommandError, match=said) as error:
        asked(*words)
    assert error.value.returncode in (1, 2)
