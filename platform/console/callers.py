"""From which network address a request comes."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The caller's IP address; None where nobody knows it, as behind a socket without a proxy.

    Behind a proxy that is believed (SECURE_PROXY_SSL_HEADER) it is the last of what
    X-Forwarded-For names: what that proxy has seen itself. All before it anybody may write.
    """
    address = str(request.META.get("REMOTE_ADDR", ""))
    if settings.SECURE_PROXY_SSL_HEADER:
        forwarded = str(request.META.get("HTTP_X_FORWARDED_FOR", ""))
        address = forwarded.rpartition(",")[2].strip() or address
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None
