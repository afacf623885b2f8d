"""Who is in the workspace, and who is asked to join."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import AccountsError
from accounts.forms import InviteForm, RoleForm
from accounts.models import Invitation, User
from accounts.permissions import May, member, needs, needs_to_write
from accounts.services import invitations
from accounts.services import members as services
from accounts.views.answers import back_to

PER_PAGE = 50


@needs_to_write(get=May.READ, post=May.MANAGE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: HttpRequest) -> HttpResponse:
    """All members; admins also see who is invited, and POST whom they invite."""
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            invitations.invite(given["addresses"], User.Role(given["role"]), by=member(request))
        except AccountsError as error:
            form.add_error("addresses", str(error))
        else:
            return back_to("members", done="invited")
    return _page(request, form=form)


@needs(May.MANAGE)
@require_POST
def change_role(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Give a member another role."""
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _page(request, refused="There is no such role.", status=400)
    try:
        services.change_role(pk, User.Role(form.cleaned_data["role"]), by=member(request))
    except User.DoesNotExist:
        raise Http404 from None
    except AccountsError as error:
        return _page(request, refused=str(error), status=409)
    return back_to("members", done="role")


@needs(May.MANAGE)
@require_POST
def deactivate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let a member in no more."""
    try:
        services.deactivate(pk, by=member(request))
    except User.DoesNotExist:
        raise Http404 from None
    except AccountsError as error:
        return _page(request, refused=str(error), status=409)
    return back_to("members", done="deactivated")


@needs(May.MANAGE)
@require_POST
def reactivate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let a member in again."""
    try:
        services.reactivate(pk, by=member(request))
    except User.DoesNotExist:
        raise Http404 from None
    return back_to("members", done="reactivated")


@needs(May.MANAGE)
@require_POST
def resend(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Send an invitation once more."""
    try:
        invitations.resend(pk, by=member(request))
    except Invitation.DoesNotExist:
        raise Http404 from None
    except AccountsError as error:
        return _page(request, refused=str(error), status=409)
    return back_to("members", done="resent")


@needs(May.MANAGE)
@require_POST
def revoke(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take an invitation back."""
    try:
        invitations.revoke(pk)
    except Invitation.DoesNotExist:
        raise Http404 from None
    except AccountsError as error:
        return _page(request, refused=str(error), status=409)
    return back_to("members", done="revoked")


def _page(
    request: HttpRequest,
    *,
    form: InviteForm | None = None,
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    user = member(request)
    everybody = User.objects.order_by("-is_active", "name", "email")
    context: dict[str, object] = {
        "page": Paginator(everybody, PER_PAGE).get_page(request.GET.get("page")),
        "roles": User.Role.choices,
        "done": request.GET.get("done", ""),
        "refused": refused,
    }
    if user.may_manage:
        waiting = invitations.open_invitations().select_related("invited_by")
        context |= {"form": form or InviteForm(), "waiting": waiting, "now": timezone.now()}
    return render(request, "accounts/members.html", context, status=status)
