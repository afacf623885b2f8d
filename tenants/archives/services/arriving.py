"""Make a tenant of what another one holds: the part that imports and clones have in common."""

from collections.abc import Callable
from contextlib import suppress

from migrations_tools.ids.services.renumber import renumber
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from tenants.archives.errors import ArchiveError
from tenants.archives.services.source import LONG
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
    """Make a schema that was filled one of this installation, and open it to its tenant's role.

    Migrations that are newer than its rows run now. Content types and permissions get the ids that
    they have here, and all that refers to them follows: elsewhere, or long ago, these were others.
    Nobody is served yet: that is decided in control.

    Idempotent.

    Raises:
        SchemaError, MigrationToolsError, DatabaseError, psycopg.Error: run it again.
    """
    build_schema(placement, tell=tell)
    with own_connection(addresses.shard(placement.shard), LONG) as connection:
        done = renumber(connection, placement.schema)
    if done.content_types or done.permissions:
        tell(f"{done.content_types} content types and {done.permissions} permissions had other ids")
