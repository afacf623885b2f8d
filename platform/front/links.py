"""Absolute addresses of the public host, for mails."""

from django.urls import reverse

from tenants.conf import tenant_settings
from tenants.links import url_on


def public_url(view: str, *args: object) -> str:
    """The address of a page of ours, on the public host that bears the base domain."""
    conf = tenant_settings()
    hosts = sorted(conf.public_hosts)
    host = conf.base_domain if conf.base_domain in hosts else hosts[0]
    return url_on(host, reverse(f"front:{view}", urlconf=conf.public_urlconf, args=args))
