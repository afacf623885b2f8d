"""Addresses below /api/v1/ of a tenant's host.

The operations are marked `login_not_required`, since they ask for a token themselves; what each
method needs of its caller is said with `atoll_needs`, as on pages.
"""

from collections.abc import Iterator
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, path

from accounts.permissions import May
from workspace.api.api import ROUTERS, api
from workspace.api.auth import Token
from workspace.api.page import document_page, openapi


def _operations() -> Iterator[URLPattern]:
    """Ninja's patterns of the operations, marked. Its page of the root is not among them."""
    needs = _needs()
    patterns, _, _ = api.urls
    for pattern in patterns:
        if isinstance(pattern, URLPattern) and pattern.name in needs:
            view = login_not_required(pattern.callback)
            view.atoll_needs = needs[pattern.name]  # type: ignore[attr-defined]
            yield pattern


def _needs() -> dict[str, dict[str, May]]:
    """What each operation's address needs, by method; the names are those of the functions."""
    found = {}
    for router in ROUTERS:
        for view in router.path_operations.values():
            by_method = {
                method: operation.auth_param.needs
                for operation in view.operations
                for method in operation.methods
                if isinstance(operation.auth_param, Token)
            }
            for operation in view.operations:
                found[operation.view_func.__name__] = by_method
    return found


app_name = "api"
urlpatterns: Final = [
    path("openapi.json", openapi, name="openapi"),
    path("docs/", document_page, name="docs"),
    *_operations(),
]
