"""Absolute addresses, for mails: what a request has and a task has not."""

from sharding import scope
from tenants.conf import tenant_settings
from tenants.directory.lookup import lookup_id


def tenant_url(path: str) -> str:
    """`path` (from the root: `/tickets/7/`) on the primary host of the tenant in scope.

    Raises:
        NoTenantInScope: whose host?
        UnknownTenant: the tenant is not there any more.
        DirectoryAway: nobody can say now which host it is.
    """
    place = scope.tenant("An absolute link")
    entry = lookup_id(place.tenant_id)
    if entry is None:
        raise scope.UnknownTenant(place.tenant_id)
    return url_on(entry.host, path)


def url_on(host: str, path: str) -> str:
    """`path` on `host`, with the scheme and the port of links.

    Raises:
        ValueError: `path` does not start at the root; the address would lead to another host.
    """
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"{path!r} is no path from the root, such as '/tickets/7/'.")
    conf = tenant_settings()
    port = f":{conf.link_port}" if conf.link_port else ""
    return f"{conf.link_scheme}://{host}{port}{path}"
