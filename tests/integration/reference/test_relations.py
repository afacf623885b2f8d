"""An adopter's models refer to reference tables by Django's own foreign keys and migrations."""

import os
import subprocess
import sys

import pytest

from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection


@pytest.mark.parametrize("shard", ["alpha", pytest.param("beta", marks=pytest.mark.slow)])
def test_foreign_keys_many_to_many_joins_and_locks_work_as_ever(stack_ready, shard):
    tenant_id = reserve_tenant_id(shard, used_by="relations")
    create_placement(tenant_id, shard)
    done = subprocess.run(
        [sys.executable, "-m", f"{__package__}.prove_relations", tenant_id],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": f"{__package__}.settings"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout == "all as it should be\n", done.stderr
    with own_connection(addresses.shard(shard)) as own:
        rules = own.execute(
            "SELECT DISTINCT confdeltype FROM pg_constraint"
            " WHERE contype = 'f' AND confrelid = 'reference.ref_country'::regclass"
        ).fetchall()
    assert rules == [("a",)], "a delete never changes a tenant's rows"
