"""Pages of the workspace. Members only: MembersOnlyMiddleware sees to it for every view."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from workspace.errors import ExportsUnavailable
from workspace.forms import CommentForm, TicketForm
from workspace.models import Export, Ticket
from workspace.services.counts import ticket_counts
from workspace.services.request_export import request_export
from workspace.services.tickets import close_ticket, comment_on, open_ticket

TICKETS_PER_PAGE = 25


@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """How many tickets there are, and the latest open ones."""
    latest = Ticket.objects.filter(status=Ticket.Status.OPEN).select_related("opened_by")[:5]
    return render(
        request, "workspace/dashboard.html", {"counts": ticket_counts(), "tickets": latest}
    )


@require_safe
def ticket_list(request: HttpRequest) -> HttpResponse:
    """Tickets of one state, the newest first."""
    state = request.GET.get("state", Ticket.Status.OPEN)
    if state not in Ticket.Status.values:
        raise Http404
    tickets = Ticket.objects.filter(status=state).select_related("opened_by")
    page = Paginator(tickets, TICKETS_PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "workspace/ticket_list.html",
        {"page": page, "state": state, "states": Ticket.Status.choices},
    )


@require_http_methods(["GET", "HEAD", "POST"])
def ticket_new(request: HttpRequest) -> HttpResponse:
    """Open a ticket."""
    member = _writer(request)
    form = TicketForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect(open_ticket(form.save(commit=False), by=member))
    return render(request, "workspace/ticket_new.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def ticket(request: HttpRequest, pk: int) -> HttpResponse:
    """One ticket with its comments; a POST adds a comment."""
    found = get_object_or_404(Ticket.objects.select_related("opened_by", "closed_by"), pk=pk)
    form = CommentForm(request.POST or None)
    if request.method == "POST":
        member = _writer(request)
        if form.is_valid():
            comment_on(found, form.save(commit=False), by=member)
            return redirect(found)
    comments = found.comments.select_related("author")
    return render(
        request, "workspace/ticket.html", {"ticket": found, "comments": comments, "form": form}
    )


@require_POST
def ticket_close(request: HttpRequest, pk: int) -> HttpResponse:
    """Close a ticket."""
    member = _writer(request)
    found = get_object_or_404(Ticket, pk=pk)
    close_ticket(found, by=member)
    return redirect(found)


@never_cache
@transaction.non_atomic_requests  # request_export wants to see its own commit
@require_http_methods(["GET", "HEAD", "POST"])
def exports(request: HttpRequest) -> HttpResponse:
    """Exports made lately; a POST asks for one more."""
    unavailable = False
    if request.method == "POST":
        try:
            request_export(by=_writer(request))
        except ExportsUnavailable:
            unavailable = True
        else:
            return redirect("workspace:exports")
    latest = Export.objects.select_related("requested_by")[:20]
    waiting = any(not export.file for export in latest)
    response = render(
        request,
        "workspace/exports.html",
        {"exports": latest, "unavailable": unavailable, "waiting": waiting},
    )
    if unavailable:
        response.status_code = 503
        response["Retry-After"] = "5"
    return response


@never_cache
@require_safe
def export_file(request: HttpRequest, pk: UUID) -> FileResponse:
    """The file of an export. It has no address of its own that could be passed around."""
    export = get_object_or_404(Export, pk=pk)
    if not export.file:
        raise Http404
    return FileResponse(
        export.file.open("rb"), as_attachment=True, filename=f"tickets-{export.pk}.csv"
    )


def _writer(request: HttpRequest) -> User:
    """The signed-in member, who must be allowed to write."""
    member = request.user
    if not isinstance(member, User) or not member.may_write:
        raise PermissionDenied
    return member
