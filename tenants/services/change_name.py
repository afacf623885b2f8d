"""Give a tenant another name: what people read. Its slug and its addresses stay."""

import unicodedata
from typing import Final, cast

from django.db import transaction

from sharding.placements.services.audit import record_audit
from tenants.directory.changes import announce_change
from tenants.errors import InvalidName
from tenants.models import CONTROL, Tenant
from tenants.names import looks_like_an_address
from tenants.services.finding import find_tenant

LONGEST: Final = cast(int, Tenant._meta.get_field("name").max_length)


def change_name(tenant: str, name: str, *, by: str = "") -> Tenant:
    """Let people read `name` wherever the tenant is named; `by` stands in the audit.

    Locks: the tenant's row.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        UnknownSlug, InvalidName: nothing was changed.
    """
    wanted = check_name(name)
    found = find_tenant(tenant)
    with transaction.atomic(using=CONTROL):
        locked: Tenant = Tenant.objects.using(CONTROL).select_for_update().get(id=found.id)
        before = locked.name
        if before == wanted:
            return locked
        locked.name = wanted
        locked.save(using=CONTROL, update_fields=["name"])
        record_audit(
            "tenant.name", locked.id, before={"name": before}, after={"name": wanted}, by=by
        )
        announce_change(locked.id)
    return locked


def check_name(typed: str) -> str:
    """The name that is meant by what somebody typed.

    Raises:
        InvalidName: it can be no tenant's.
    """
    name = " ".join(typed.split())
    if not name:
        raise InvalidName("it is empty")
    if len(name) > LONGEST:
        raise InvalidName(f"it is longer than {LONGEST} letters")
    if any(unicodedata.category(letter) in ("Cc", "Cf") for letter in name):
        raise InvalidName("it holds signs that cannot be seen")
    if looks_like_an_address(name):
        raise InvalidName(
            "it looks like an address; it may hold no link and none of @ < > and \\, and has a "
            "space after each full stop"
        )
    return name
