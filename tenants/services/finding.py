"""Find a tenant by what people call it."""

from sharding import scope
from sharding.placements.services.placing import get_placement
from tenants.errors import UnknownSlug
from tenants.models import CONTROL, Tenant


def find_tenant(name: str) -> Tenant:
    """The tenant with this slug or id, as control has it now.

    A slug stands before an id: slugs are what people type, and no id is given out that is one.

    Raises:
        UnknownSlug: there is none.
    """
    tenants = Tenant.objects.using(CONTROL)
    tenant: Tenant | None = tenants.filter(slug=name).first() or tenants.filter(id=name).first()
    if tenant is None:
        raise UnknownSlug(name)
    return tenant


def placement_of(tenant: Tenant) -> scope.Placement:
    """Where the tenant lives, as control has it now.

    Raises:
        NoSuchPlacement: nowhere.
    """
    return get_placement(tenant.id).to_scope()
