"""Who may see a page when the page does not say."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase


class MembersOnlyMiddleware(LoginRequiredMiddleware):
    """Every view asks for a signed-in member, unless it is marked `login_not_required`.

    Django's own looks at the user before it looks at the mark. Hosts without a tenant have marked
    views only, and no users: looking for one there would need a tenant in scope.
    """

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        """Let a marked view through; send anybody else who is not signed in to the sign-in page."""
        if not getattr(view_func, "login_required", True):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)
