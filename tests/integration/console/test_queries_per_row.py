"""No page of the console asks a query per row: zeal listens while each shows several of each."""

import pytest
from zeal import NPlusOneError, zeal_context

from console.models import CONTROL
from sharding.placements.models import AuditEntry, Process
from tenants.models import Domain, Tenant
from tests.integration.console.test_guard import ARGUMENTS, OPEN, of_the_console

ROWS = 3
"""zeal complains from the second query of the same place on."""


@pytest.fixture
def busy(ochre, umber):
    """Several tenants with several hosts each, processes and entries of the audit."""
    tenants = [
        Tenant(id=f"zr{n:04}", schema_name=f"zr{n:04}", slug=f"row-{n}", name="Row", state="active")
        for n in range(ROWS)
    ]
    Tenant.objects.using(CONTROL).bulk_create(tenants)
    hosts = [
        Domain(domain=f"{n}.{tenant.pk}.example", tenant=tenant, is_primary=False)
        for tenant in (*tenants, Tenant.objects.using(CONTROL).get(pk=ochre.id))
        for n in range(ROWS)
    ]
    Domain.objects.using(CONTROL).bulk_create(hosts)
    Process.objects.using(CONTROL).bulk_create(
        Process(kind="web", host="rock", pid=n) for n in range(ROWS)
    )
    AuditEntry.objects.using(CONTROL).bulk_create(
        AuditEntry(actor="shell:test", action="test.row", subject=ochre.id) for n in range(ROWS)
    )
    yield
    Process.objects.using(CONTROL).filter(host="rock").delete()
    Domain.objects.using(CONTROL).filter(pk__in=[host.pk for host in hosts]).delete()
    Tenant.objects.using(CONTROL).filter(pk__in=[tenant.pk for tenant in tenants]).delete()


def test_no_page_of_the_console_asks_a_query_per_row(console, ochre, busy):
    unseen = {}
    for name, address, _ in of_the_console():
        if name in OPEN:
            continue
        with zeal_context():
            answer = console.get(address.replace(ARGUMENTS["<slug:tenant_id>"], ochre.id))
        if answer.status_code not in (200, 405):
            unseen[name] = answer.status_code
    # It is there for whoever has begun to set up another device.
    assert unseen == {"console:new_device": 302}, "each other page must have shown something"


def test_the_detector_detects_on_control_too(busy):
    """The negative control: a loop that asks for each host's tenant."""
    with zeal_context(), pytest.raises(NPlusOneError):
        for host in Domain.objects.using(CONTROL).filter(domain__endswith=".example"):
            str(host.tenant)
