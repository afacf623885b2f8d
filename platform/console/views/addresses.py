"""Addresses of further pages of a list."""

from django.http import HttpRequest


def with_changed(request: HttpRequest, **changed: object) -> str:
    """The query of this page with some of its parameters set otherwise."""
    query = request.GET.copy()
    for name, value in changed.items():
        query[name] = str(value)
    return f"?{query.urlencode()}"


def without(request: HttpRequest, name: str) -> str:
    """The query of this page without one of its parameters, and without the question mark."""
    query = request.GET.copy()
    query.pop(name, None)
    return query.urlencode()
