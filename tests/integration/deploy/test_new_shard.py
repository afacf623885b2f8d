"""A shard that is added is served by processes that run, without a restart."""

import io
from functools import partial

import pytest
from django.core.management import call_command
from django.db import connections

from sharding.placements.models import Placement, ReservedRole, Shard
from sharding.registry import current
from sharding.registry.toml_file import read_registry, write_registry
from tenants.models import Tenant
from tests.fixtures.shards import bare_database
from tests.fixtures.waiting import wait_for
from tests.integration.deploy.conftest import ask, make

PAGE = "/account/sign-in/"
soon = partial(wait_for, seconds=60)


@pytest.fixture
def registry_file(stack_ready, tmp_path, monkeypatch):
    before = current.registry()
    path = tmp_path / "registry.toml"
    write_registry(path, before)
    monkeypatch.setenv("ATOLL_REGISTRY", str(path))
    yield path
    connections.close_all()
    current.install(before)


def test_a_gunicorn_that_runs_serves_the_tenants_of_a_new_shard(
    stack_ready, registry_file, start, dock, monkeypatch
):
    site = start(ATOLL_REGISTRY=str(registry_file), WEB_CONCURRENCY="2")
    assert ask(site.port, PAGE, dock.host).status == 200
    workers = site.workers()
    with bare_database(stack_ready, "alpha", "gamma_served") as bare:
        for login in ("web", "own", "mover", "role_maker"):
            known = getattr(bare.server, login)
            if known is not None:
                name = login.replace("_", "").upper()
                monkeypatch.setenv(f"ATOLL_{name}_PASSWORD", known.password)
        at = bare.server.direct
        where = ("--admin", bare.admin, "--host", at.host, "--port", str(at.port))
        call_command("add_shard", "gamma", *where, stdout=io.StringIO(), stderr=io.StringIO())
        assert read_registry(registry_file).shards["gamma"].direct == at
        try:
            fresh = make("fresh", "gamma")
            # Each worker, not only the first that heard of it.
            soon(lambda: {ask(site.port, PAGE, fresh.host).status for _ in range(10)} == {200})
            assert ask(site.port, PAGE, dock.host).status == 200
            assert site.workers() == workers
        finally:
            site.stop()
            connections.close_all()
            Tenant.objects.using("control").filter(slug="fresh").delete()
            Placement.objects.using("control").filter(shard="gamma").delete()
            ReservedRole.objects.using("control").filter(shard="gamma").delete()
            Shard.objects.using("control").filter(name="gamma").delete()
