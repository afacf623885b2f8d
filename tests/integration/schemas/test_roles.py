"""Tenant roles: made ahead, capped, and worth nothing to web without a tenant."""

import threading

import psycopg
import pytest

from sharding.schemas.connections import own_connection
from sharding.schemas.errors import RoleCapReached
from sharding.schemas.services.roles import count_roles, drop_role, make_roles, role_cap
from tests.fixtures.shards import web

NAMES = [f"trolesmade{number}" for number in range(4)]


@pytest.fixture
def clean(shard):
    yield
    for name in (*NAMES, "tbeyondcap1", "tbeyondcap2"):
        drop_role(shard, name)


def there(shard) -> int:
    with own_connection(shard) as connection:
        return count_roles(connection, shard)


@pytest.mark.usefixtures("clean")
def test_a_batch_is_made_once(shard):
    before = there(shard)
    assert make_roles(shard, NAMES[:2]) == 2
    assert make_roles(shard, NAMES) == 2
    assert make_roles(shard, NAMES) == 0
    assert there(shard) == before + 4


@pytest.mark.usefixtures("clean")
def test_two_batches_with_names_in_common_do_not_meet_in_a_deadlock(shard):
    before = there(shard)
    made = []
    threads = [
        threading.Thread(target=lambda names=names: made.append(make_roles(shard, names)))
        for names in (NAMES[:3], list(reversed(NAMES[1:])), NAMES)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(made) == 4
    assert there(shard) == before + 4


@pytest.mark.usefixtures("clean")
def test_nothing_is_made_beyond_the_cap(shard):
    have = there(shard)
    with pytest.raises(RoleCapReached, match=f"holds {have} tenant roles and bears {have + 1}"):
        make_roles(shard, ["tbeyondcap1", "tbeyondcap2"], cap=have + 1)
    assert there(shard) == have
    assert make_roles(shard, ["tbeyondcap1"], cap=have + 1) == 1


def test_a_server_of_15_bears_fewer(shard):
    assert role_cap(150018) == 1_000
    assert role_cap(160000) == role_cap(180004) == 5_000


@pytest.mark.parametrize("name", ["web", "Tupper0", "t0'; DROP ROLE own; --", "t" * 40, ""])
def test_what_is_no_tenant_id_becomes_no_role(shard, name):
    before = there(shard)
    with pytest.raises(ValueError, match="no tenant id"):
        make_roles(shard, [name])
    assert there(shard) == before


def test_web_inherits_nothing_from_the_roles_it_may_take(shard, new_tenant):
    tenant = new_tenant()
    tenant.as_tenant("INSERT INTO note (x) VALUES (1)")
    with psycopg.connect(**web(shard), autocommit=True) as connection:
        for way in ("note", f"{tenant.schema}.note"):
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(f"SELECT * FROM {way}")
            assert refused.value.sqlstate in ("42501", "42P01")
    # The control: with its tenant the same statement reads.
    assert tenant.as_tenant("SELECT x FROM note") == [(1,)]


def test_a_tenant_role_cannot_sign_in(shard, new_tenant):
    at = shard.direct
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host=at.host, port=at.port, dbname=at.dbname, user=new_tenant(tables=()).schema
        )


def test_a_role_in_use_is_not_dropped(shard, new_tenant):
    tenant = new_tenant()
    assert drop_role(shard, tenant.schema) is False
    assert tenant.as_tenant("SELECT count(*) FROM note") == [(0,)]
    assert drop_role(shard, "tneverwas1") is True
