"""Where a request comes from, as far as limits must know it."""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

from django.http import HttpRequest

from tenants.conf import tenant_settings

_ONE_HOUSEHOLD: Final = 64
"""Who has an IPv6 address has a network of this prefix, and may take another address any time."""


def visitor_ip(request: HttpRequest) -> str | None:
    """The visitor's IP address; of IPv6 the first address of the network; None if nobody knows.

    Behind a proxy it is the last of X-Forwarded-For, which that proxy has added: those before it
    are whatever the visitor claims.
    """
    typed = str(request.META.get("REMOTE_ADDR", ""))
    if tenant_settings().behind_proxy:
        typed = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).rpartition(",")[2] or typed
    try:
        address = ip_address(typed.strip())
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        network = IPv6Network((address.packed, _ONE_HOUSEHOLD), strict=False)
        return str(network.network_address)
    return str(address)
