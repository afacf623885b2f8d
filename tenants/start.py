"""What is hooked in once per process, when Django is set up."""

from django.core import checks
from django.core.signals import got_request_exception

from migrations_tools.fleet.ports import leave_alone
from routers import signing
from routers.checks import check_declared, check_homes, check_router
from routers.reference_tables import check_reference_tables, keep_reference_rows
from sharding import scope
from sharding.moves.ports import register_gate, register_tenants
from sharding.placements.services.processes import on_announcement, tell_gates
from sharding.scope import ports
from tenants import mail
from tenants.checks import register as register_checks
from tenants.directory import changes
from tenants.directory.lookup import resolve
from tenants.gating import process as gates
from tenants.left_alone import left_alone
from tenants.moving.refusals import KnownTenants
from tenants.outages import note_outage
from tenants.outbox.topics import register_topic
from tenants.realise import realise_request
from tenants.services.gate import TenantGate


def hook_in() -> None:
    """Register with the layers below, and with Django.

    Idempotent.
    """
    scope.register_resolver(resolve)
    if realise_request not in ports.before_switch_hooks:
        scope.before_switch(realise_request)
        on_announcement(changes.hear)
        on_announcement(gates.hear)
        tell_gates(gates.looks)
        gates.install()
    got_request_exception.connect(note_outage, dispatch_uid="tenants.outages")
    signing.install()
    register_topic(mail.TOPIC, mail.deliver)
    leave_alone(left_alone)
    register_gate(TenantGate())
    register_tenants(KnownTenants())
    checks.register(check_declared)
    checks.register(check_homes)
    checks.register(check_router)
    checks.register(check_reference_tables)
    keep_reference_rows()
    register_checks()
