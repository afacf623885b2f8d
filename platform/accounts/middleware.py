"""Who may see a page when the page does not say."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect


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

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseRedirect:
        """Ask who it is, and then lead to the page that was asked for.

        Of a form that is the page it was on: what only takes forms has none of its own.
        """
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        return redirect_to_login(
            _page_before(request),
            self.get_login_url(view_func),
            self.get_redirect_field_name(view_func),
        )


def _page_before(request: HttpRequest) -> str:
    """The page of this host that a form was on; empty when nobody says."""
    try:
        page = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return ""
    if page.netloc != request.get_host():
        return ""
    return urlunsplit(("", "", page.path, page.query, ""))
