"""Make a tenant of what another one holds: the part that imports and clones have in common."""

from collections.abc import Callable
from contextlib import suppress

from migrations_tools.services.build_schema import build_schema
from sharding import scope
from tenants.archives.errors import ArchiveError
from tenants.errors import TenantError
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionReceipt, ProvisionRequest
from tenants.services.undo import undo_provision

Tell = Callable[[str], None]


def arrive(request: ProvisionRequest, *, tell: Tell) -> ProvisionReceipt:
    """Provision a tenant with contents; take it back if these can never fit.

    Transaction, Idempotent: as provision_tenant.

    Raises:
        ArchiveError: nothing is left of the tenant, unless it may succeed when it is run again.
        TenantError, PlacementError: as provision_tenant.
    """
    try:
        return provision_tenant(request, tell=tell)
    except ArchiveError as error:
        if error.retryable:
            raise
        tell(f"taking {request.slug} back")
        # A shard that is away just now leaves a half behind, which serves nobody: `show_tenant`
        # shows it and `create_tenant --undo` takes it back. What is wrong with the contents is
        # what has to be told.
        with suppress(TenantError):
            undo_provision(request.slug)
        raise


def finish(placement: scope.Placement, *, tell: Tell) -> None:
    """Bring a schema that was filled to the state of the code, and open it to its tenant's role.

    Nobody is served yet: that is decided in control.

    Idempotent.
    """
    build_schema(placement, tell=tell)
