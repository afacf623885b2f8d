"""Addresses that let in whoever has them: links in mails. Logs tell their pattern instead."""

from typing import Final

from django.http import HttpRequest

_SECRETS: Final = frozenset({"token", "key", "secret", "signature"})
"""Arguments of views that are part of an address and as good as a password."""


def pattern_of_secret(request: HttpRequest) -> str | None:
    """The pattern of the request's address if that is a secret, else None."""
    match = request.__dict__.get("resolver_match")
    if match is None or _SECRETS.isdisjoint(match.kwargs):
        return None
    return f"/{match.route}"
