"""System checks about shards: each finds what it is for, and is silent on a good fleet."""

from dataclasses import replace

import psycopg
import pytest
from django.core.checks import run_checks

from sharding.placements.models import Shard
from sharding.registry import current as addresses
from sharding.registry.types import Endpoint


def ids(**how: object) -> list[str]:
    return [str(found.id) for found in run_checks(**how) if str(found.id).startswith("sharding.")]


@pytest.fixture
def use():
    """Puts another registry to use."""
    before = addresses.registry()
    yield lambda **changes: addresses.install(replace(before, **changes))
    addresses.install(before)


def test_a_good_fleet_gets_no_finding():
    assert ids(databases=["control"]) == []


def test_two_shards_in_one_database_are_found(use):
    shards = dict(addresses.registry().shards)
    use(shards={**shards, "gamma": replace(shards["alpha"], name="gamma")})
    assert ids() == ["sharding.E001"]


def test_a_shard_in_the_control_database_is_found(use):
    shards = dict(addresses.registry().shards)
    inside = replace(shards["alpha"], name="gamma", direct=addresses.control().direct)
    use(shards={**shards, "gamma": inside})
    assert ids() == ["sharding.E002"]


def test_a_registry_that_cannot_be_read_is_found(monkeypatch, tmp_path):
    path = tmp_path / "registry.toml"
    path.write_text("version = [")
    monkeypatch.setenv(addresses.ENVIRONMENT_VARIABLE, str(path))
    kept = addresses.registry()
    addresses._current = None
    try:
        assert ids() == ["sharding.E003"]
    finally:
        addresses.install(kept)


def test_a_name_that_cannot_be_an_alias_is_found(use):
    shards = dict(addresses.registry().shards)
    elsewhere = Endpoint("127.0.0.1", 1, "x")
    use(shards={**shards, "Gamma": replace(shards["alpha"], name="Gamma", direct=elsewhere)})
    assert ids() == ["sharding.E004"]


def test_a_shard_in_use_without_an_address_is_found(use):
    use(shards={"beta": addresses.registry().shards["beta"]})
    assert ids(databases=["control"]) == ["sharding.E005"]
    assert Shard.objects.using("control").filter(name="alpha").exists()
    assert ids() == []


def test_a_shard_that_is_away_is_told_and_a_way_out_of_a_role_too(fleet):
    fleet.stop_server("beta")
    with psycopg.connect(fleet.admin_conninfo("alpha"), autocommit=True) as connection:
        connection.execute("GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC")
        try:
            assert ids(databases=["control"]) == ["sharding.W007", "sharding.W006"]
        finally:
            connection.execute("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
            fleet.start_server("beta")
    assert ids(databases=["control"]) == []
