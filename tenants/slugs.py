"""What can be a slug: the tenant's part of its host name."""

import re
from typing import Final

from tenants.errors import InvalidSlug

LONGEST: Final = 48
"""Shorter than the 63 bytes of a DNS label, so that `<slug>--preview` and the like still fit."""

_SLUG: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

_OUR_HOSTS: Final = """
admin api app apps assets auth billing blog cdn console control dashboard dev docs download
downloads files health help internal legal live login logout media metrics my oauth ops portal
preview private public register search secure security signin signout signup sso staging static
stats status support sys system tenant tenants upload uploads web webhooks wiki ws www
"""
"""Hosts of our own, now or one day."""

_NETWORK: Final = """
autoconfig autodiscover broadcasthost dns ftp gateway host imap ip isatap localdomain localhost
mail mta-sts mx ns ns0 ns1 ns2 ns3 pop pop3 proxy root server sftp smtp ssh ssl tls vpn webmail wpad
"""
"""Names that mean something to networks and mail servers."""

_MAILBOXES: Final = """
abuse administrator hostmaster info no-reply noreply postmaster ssladmin ssladministrator
sslwebmaster webmaster
"""
"""Mailboxes that certificate authorities believe."""

_WORDS: Final = "all atoll default extensions none null reference undefined"
"""Words that our software uses for something else."""

RESERVED: Final = frozenset(f"{_OUR_HOSTS} {_NETWORK} {_MAILBOXES} {_WORDS}".split())


def check_slug(slug: str) -> None:
    """Whether a new tenant may have this slug, as far as the slug itself goes.

    A slug is never corrected: who types `Acme` shall not be surprised by `acme`.

    Raises:
        InvalidSlug: with the reason.
    """
    why = _why_not(slug)
    if why:
        raise InvalidSlug(slug, why)


def _why_not(slug: str) -> str:
    if not slug:
        return "it is empty"
    size = len(slug.encode("utf-8", "surrogateescape"))
    if size > LONGEST:
        return f"it is {size} bytes long, at most {LONGEST} are allowed"
    if not slug.isascii():
        return "it holds characters other than a-z, 0-9 and the hyphen"
    if slug != slug.lower():
        return f"it has capital letters (try {slug.lower()!r})"
    if "--" in slug:
        return "two hyphens stand together"
    if not _SLUG.fullmatch(slug):
        return "a slug is a letter, then letters, digits and inner hyphens (a-z, 0-9, -)"
    if slug in RESERVED:
        return "it is reserved"
    return ""
