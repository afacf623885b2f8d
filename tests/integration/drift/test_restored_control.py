"""A control that forgot tenants gives their ids to nobody.

What a restore from a backup leaves is made by taking away the rows that the backup would not have.
The shards stay as they are: ahead of control.
"""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connections

from sharding import scope
from sharding.placements.errors import IdsInUse
from sharding.placements.models import AuditEntry, Placement, ReservedRole
from sharding.placements.services import ids_in_use
from sharding.placements.services.placing import get_placement
from sharding.placements.services.spares import WITHHELD
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.markers import read_marker
from sharding.schemas.types import Phase
from tenants.archives.services.exporting import export_tenant
from tenants.models import Tenant
from tenants.services import probing
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tests.integration.drift.conftest import found, kinds

SHARD = "alpha"
MARK_AGAIN = """
    INSERT INTO atoll.tenant_schema (schema, phase, epoch) VALUES (%(schema)s, 'active', 2)
    ON CONFLICT (schema) DO NOTHING
"""


def make(slug: str, shard: str = SHARD) -> str:
    return provision_tenant(ProvisionRequest(slug=slug, shard=shard)).tenant_id


def write(tenant_id: str, name: str) -> None:
    with scope.enter(get_placement(tenant_id).to_scope()):
        Group.objects.create(name=name)


def forget(tenant_id: str) -> None:
    """Take from control what a backup of before does not have, and its id is as free as it was."""
    Tenant.objects.using("control").filter(id=tenant_id).delete()
    Placement.objects.using("control").filter(tenant_id=tenant_id).delete()
    ReservedRole.objects.using("control").filter(name=tenant_id).update(used_by="", placed_at=None)


@pytest.fixture
def forgotten():
    """A tenant with a row of its own, whose id is the next that control would give."""
    tenant_id = make("forgotten")
    write(tenant_id, "its own")
    forget(tenant_id)
    # Of several free ids the first by name is given.
    others = ReservedRole.objects.using("control").filter(
        shard=SHARD, used_by="", spare="", placed_at=None, name__lt=tenant_id
    )
    aside = list(others.values_list("name", flat=True))
    others.update(used_by="put aside")
    yield tenant_id
    rows = ReservedRole.objects.using("control").filter(shard=SHARD)
    rows.filter(name__in=aside).update(used_by="")
    rows.filter(name=tenant_id).update(used_by=WITHHELD)
    connections.close_all()
    with own_connection(addresses.shard(SHARD)) as own:
        own.execute(MARK_AGAIN, {"schema": tenant_id})
    drop_schema(addresses.shard(SHARD), tenant_id)


def rows_of(tenant_id: str) -> list[str]:
    """What there is, asked past everything that knows of tenants."""
    with own_connection(addresses.shard(SHARD)) as own:
        marker = read_marker(own, tenant_id)
        assert marker is not None
        assert marker.phase is Phase.ACTIVE
        own.execute("SELECT set_config('search_path', %s, false)", (tenant_id,))
        return [name for (name,) in own.execute("SELECT name FROM auth_group ORDER BY 1")]


def test_its_id_is_refused_once_with_what_to_do_and_then_passed_over(forgotten):
    request = ProvisionRequest(slug="comes-later", shard=SHARD)
    with pytest.raises(IdsInUse) as refused:
        provision_tenant(request)
    assert refused.value.ids == (forgotten,)
    assert "manage.py check_drift --shard alpha" in str(refused.value)
    assert "docs/how-to/back-up-and-restore.md" in str(refused.value)
    assert not Tenant.objects.using("control").filter(slug="comes-later").exists()
    audited = AuditEntry.objects.using("control").filter(action="shard.withhold_ids")
    assert [entry.after for entry in audited if forgotten in entry.after["ids"]] == [
        {"ids": [forgotten]}
    ]
    assert rows_of(forgotten) == ["its own"]

    receipt = provision_tenant(request)
    assert receipt.tenant_id != forgotten
    with scope.enter(receipt.placement):
        assert not Group.objects.exists()
    assert rows_of(forgotten) == ["its own"]
    assert kinds(found(forgotten)) == ["schema.without_tenant"]


def test_an_import_does_not_put_its_rows_in_the_place_of_the_forgotten_ones(forgotten, tmp_path):
    make("goes-in", "beta")
    export_tenant("goes-in", tmp_path / "one.atoll")
    arguments = (str(tmp_path / "one.atoll"), "--slug", "came-out", "--shard", SHARD)
    with pytest.raises(CommandError, match=f"takes {forgotten} for free") as caught:
        call_command("import_tenant", *arguments, stdout=io.StringIO(), stderr=io.StringIO())
    assert caught.value.returncode == 1
    assert rows_of(forgotten) == ["its own"]
    call_command("import_tenant", *arguments, stdout=io.StringIO(), stderr=io.StringIO())
    assert rows_of(forgotten) == ["its own"]


def test_a_schema_that_is_in_nobody_s_list_keeps_its_name_too(forgotten):
    with own_connection(addresses.shard(SHARD)) as own:
        own.execute("DELETE FROM atoll.tenant_schema WHERE schema = %s", (forgotten,))
    with pytest.raises(IdsInUse, match=forgotten):
        provision_tenant(ProvisionRequest(slug="comes-later-still", shard=SHARD))


def test_an_id_that_somebody_else_is_given_during_the_look_is_not_forgotten(monkeypatch):
    """Two that sign up at the same moment."""
    look, first = ids_in_use.own_connection, []

    def meets_another(*arguments):
        if not first:
            first.append("comes-first")
            first.append(make("comes-first"))
        return look(*arguments)

    monkeypatch.setattr(ids_in_use, "own_connection", meets_another)
    receipt = provision_tenant(ProvisionRequest(slug="comes-second", shard=SHARD))
    assert receipt.tenant_id != first[1]


def test_negative_control_without_the_look_the_newcomer_is_let_into_its_rows(
    forgotten, monkeypatch
):
    monkeypatch.setattr(probing, "refuse_ids_in_use", lambda shard, *, used_by: None)
    receipt = provision_tenant(ProvisionRequest(slug="comes-too-soon", shard=SHARD))
    assert receipt.tenant_id == forgotten
    with scope.enter(receipt.placement):
        assert [group.name for group in Group.objects.all()] == ["its own"]
    forget(forgotten)
