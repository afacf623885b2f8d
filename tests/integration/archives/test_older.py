"""An archive of an older release comes in as it was, and is then migrated like any tenant."""

import json

import pytest

from accounts.models import User
from migrations_tools.states import state_of, wanted_state
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import open_schema
from sharding.schemas.services.describe import describe
from sharding.schemas.services.fingerprint import fingerprint
from sharding.schemas.services.markers import read_marker
from tenants.archives import reading
from tenants.archives.services.building import build_at
from tests.integration.archives.conftest import Made, make, run
from workspace.models import Ticket

NEWEST = max(node for node in wanted_state().nodes if node[0] == "workspace")


@pytest.fixture
def old(world, arrivals):
    """A tenant that lacks the newest migration of the workspace."""
    arrivals.append("arc-old")
    tenant = make("arc-old", "alpha")
    place = tenant.place
    build_at(place, state_of(wanted_state().nodes - {NEWEST}), tell=print)
    with own_connection(registry.shard(place.shard)) as connection:
        open_schema(connection, place.schema, epoch=place.epoch)
    with tenant.scope():
        person = User.objects.create_superuser("old@arc-old.example", "correct-horse-battery")
        Ticket.objects.create(title="from back then", opened_by=person)
    return tenant


def marker_of(tenant):
    with own_connection(registry.shard(tenant.place.shard)) as connection:
        found = read_marker(connection, tenant.place.schema)
        return found, fingerprint(connection, tenant.place.schema)


def test_an_older_archive_is_migrated_after_its_rows_are_in(rich, old, arrivals, tmp_path):
    arrivals.append("arc-copy")
    file = tmp_path / "old.atoll"
    run("export_tenant", "arc-old", str(file))
    told = ".".join(NEWEST)
    assert told not in reading.verify(file).manifest.structure.migrations
    words = ("import_tenant", str(file), "--slug", "arc-copy", "--shard", "beta")
    assert json.loads(run(*words, "--dry-run", "--json"))["upgrades"] == [told]
    assert f"it would be migrated: {told}" in run(*words, "--dry-run")
    run(*words)
    copy = Made("arc-copy")
    assert marker_of(copy)[0].digest == marker_of(rich)[0].digest == wanted_state().digest
    assert marker_of(copy)[1] == marker_of(rich)[1]
    assert describe(registry.shard("beta"), copy.place.schema).lacks == ()
    with copy.scope():
        assert Ticket.objects.get().title == "from back then"
        assert User.objects.get().check_password("correct-horse-battery")


@pytest.mark.slow
def test_a_clone_of_an_older_tenant_is_migrated_too(old, arrivals):
    """By the same step as an archive, which the test above takes."""
    arrivals.append("arc-copy")
    run("clone_tenant", "arc-old", "arc-copy")
    assert marker_of(Made("arc-copy"))[0].digest == wanted_state().digest
    with Made("arc-copy").scope():
        assert Ticket.objects.get().title == "from back then"
