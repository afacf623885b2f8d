"""`suspend_tenant`: see `tenants.services.suspend`."""

from tenants.services.suspend import suspend_tenant
from tenants.state_command import TenantStateCommand
from tenants.states import TenantState


class Command(TenantStateCommand):
    help = "Answer 403 to everybody who comes to a tenant; its data stays."
    to = TenantState.SUSPENDED
    would = "suspended"
    bring = staticmethod(suspend_tenant)
