"""The files of a tenant that is not in scope."""

from django.core.files.storage import default_storage

from sharding import scope
from tenants.storage import TenantStorage


def clear_files(placement: scope.Placement) -> int:
    """Delete all files of a tenant that nobody is served by; return how many there were.

    Other classes of storage than TenantStorage are left alone: nothing is known of what they hold.

    Idempotent.
    """
    if not isinstance(default_storage, TenantStorage):
        return 0
    with scope.enter(placement):
        return default_storage.delete_all()
