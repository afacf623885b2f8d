"""The shard on which a tenant is made goes away, before or while it is made."""

import sys
import time
from typing import Any

import pytest

from sharding.registry import current as registry
from tenants import errors
from tenants.models import Provisioning
from tenants.services.provision import plan_provision, provision_tenant
from tenants.services.types import ProvisionRequest
from tests.faults.down import REFUSAL_AND_SILENCE_FIRST
from tests.integration.tenants.inventory import everything, taken_back


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_a_shard_that_is_down_is_found_out_soon_and_nothing_is_made(tenants, faulty, how):
    before = everything()
    real = registry.registry()
    registry.install(faulty.registry)
    try:
        with faulty.down("beta", how):
            began = time.monotonic()
            with pytest.raises(errors.ShardNotUsable, match="'beta'"):
                provision_tenant(ProvisionRequest(slug="unlucky", shard="beta"))
            assert time.monotonic() - began < 10
            # With `auto` the one that answers is taken.
            assert plan_provision(ProvisionRequest(slug="lucky")).shard == "alpha"
    finally:
        registry.install(real)
    assert everything() == before


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_a_shard_that_goes_down_half_way_leaves_something_to_finish(
    tenants, faulty, how, consistent
):
    real = registry.registry()
    registry.install(faulty.registry)
    went_down: list[Any] = []

    def tell(line):
        if line.startswith("building") and not went_down:
            went_down.append(faulty.down("beta", how))
            went_down[0].__enter__()

    request_ = ProvisionRequest(slug="halfway", shard="beta")
    try:
        began = time.monotonic()
        with pytest.raises(errors.ProvisionFailed, match="Run the same command again"):
            provision_tenant(request_, tell=tell)
        assert time.monotonic() - began < 40
        went_down[0].__exit__(None, None, None)
        assert Provisioning.objects.using("control").get(tenant__slug="halfway").last_error
        assert provision_tenant(request_).created
    finally:
        registry.install(real)
    consistent()
    taken_back("halfway")


@pytest.mark.direct("its network has no pooler")
def test_a_command_whose_packets_are_dropped_ends_soon_and_makes_nothing(tenants, namespace):
    def create(*words):
        command = [sys.executable, "manage.py", "create_tenant", "dropped", "--shard", "beta"]
        env = {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
        return namespace.run([*command, *words], env=env, timeout=40)

    before = everything()
    with namespace.dropped_packets("beta"):
        began = time.monotonic()
        done = create()
        assert time.monotonic() - began < 30
    assert (done.returncode, done.stdout) == (1, "")
    assert "'beta'" in done.stderr
    assert "Traceback" not in done.stderr
    assert everything() == before
    # In the same place, with nothing dropped, there is nothing against it.
    assert create("--dry-run").returncode == 0
