"""What a tenant that came out of an archive, or of another tenant, tells at once."""

from front.services.known import publish_all_addresses
from tenants.directory.types import Entry
from tenants.services.types import ProvisionRequest


def tell_addresses(entry: Entry, request: ProvisionRequest) -> None:
    """Have the tenant say which addresses its members have, for "find my workspace".

    Runs in the tenant's scope; its members came without the messages that told of them.

    Transaction: opens one.
    Idempotent: it may be said again at any time.
    """
    publish_all_addresses()
