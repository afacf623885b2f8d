"""`resume_tenant`: see `tenants.services.suspend`."""

from tenants.services.suspend import resume_tenant
from tenants.state_command import TenantStateCommand
from tenants.states import TenantState


class Command(TenantStateCommand):
    help = "Serve a suspended tenant again."
    to = TenantState.ACTIVE
    would = "resumed"
    bring = staticmethod(resume_tenant)
