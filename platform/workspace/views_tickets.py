"""Pages of tickets: the list, one ticket, and what can be done to it."""

from collections.abc import Mapping
from typing import Final

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import May, member, needs, needs_to_write
from workspace.errors import AttachmentRefused, TicketChangedMeanwhile
from workspace.forms import (
    ChangeForm,
    CommentForm,
    FilterForm,
    PropertiesForm,
    TicketForm,
    WordingForm,
)
from workspace.models import Ticket
from workspace.services.attachments import attach_all
from workspace.services.conversation import NEWEST_ENTRIES, conversation
from workspace.services.find_tickets import BEST, Wanted, members_to_ask_for, ticket_page
from workspace.services.tickets import close_ticket, delete_ticket, open_ticket, update_ticket

PAGE: Final = 25
MOST_RANKED: Final = 50
PAGE_METHODS: Final = ["GET", "HEAD", "POST"]


@needs(May.READ)
@require_safe
def ticket_list(request: HttpRequest) -> HttpResponse:
    """Tickets that fit a filter, a page at a time."""
    members = members_to_ask_for().only("name", "email", "is_active")
    form = FilterForm(request.GET, members=members)
    if not form.is_valid():
        raise Http404
    wanted = Wanted.asked(form.cleaned_data, by=member(request))
    page = ticket_page(
        wanted,
        MOST_RANKED if wanted.order == BEST else PAGE,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
    )
    filtered = any(value for name, value in form.cleaned_data.items() if name != "order")
    return render(
        request,
        "workspace/ticket_list.html",
        {
            "form": form,
            "page": page,
            "wanted": wanted,
            "filtered": filtered,
            "most_ranked": MOST_RANKED if wanted.order == BEST else None,
        },
    )


@needs(May.WRITE)
@require_http_methods(PAGE_METHODS)
def ticket_new(request: HttpRequest) -> HttpResponse:
    """Open a ticket."""
    form = TicketForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return redirect(open_ticket(form.save(commit=False), by=member(request)))
    return render(request, "workspace/ticket_new.html", {"form": form})


@needs_to_write(get=May.READ, post=May.WRITE)
@transaction.non_atomic_requests  # files are kept or undone with the service's own transaction
@require_http_methods(PAGE_METHODS)
def ticket(request: HttpRequest, pk: int) -> HttpResponse:
    """One ticket and what was said about it; a POST adds a comment, files, or both."""
    found = _ticket(pk)
    form = CommentForm(request.POST, request.FILES) if request.method == "POST" else CommentForm()
    if form.is_bound and form.is_valid():
        comment = form.save(commit=False)
        try:
            attach_all(
                found,
                form.cleaned_data["uploads"],
                by=member(request),
                comment=comment if comment.text else None,
            )
        except AttachmentRefused as error:
            form.add_error("uploads", str(error))
        else:
            return redirect(found)
    return _show(request, found, comment_form=form, status=422 if form.errors else 200)


@needs(May.WRITE)
@require_POST
def ticket_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Change status, priority or assignee; 409 when somebody else changed the same meanwhile."""
    found = _ticket(pk)
    form: ChangeForm = PropertiesForm(found, request.POST)
    clash = _change(request, found, form)
    if clash is None and form.is_valid():
        return redirect(found)
    if clash is not None:
        form = form.again(found)
    return _show(
        request,
        found,
        properties_form=form,
        clash=clash,
        status=409 if clash else 422,
    )


@needs(May.WRITE)
@require_http_methods(PAGE_METHODS)
def ticket_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change what a ticket says; 409 when somebody else did so meanwhile."""
    found = _ticket(pk)
    form: ChangeForm = WordingForm(found, request.POST if request.method == "POST" else None)
    clash = None
    if form.is_bound:
        clash = _change(request, found, form)
        if clash is None and form.is_valid():
            return redirect(found)
        if clash is not None:
            form = form.again(found)
    return render(
        request,
        "workspace/ticket_edit.html",
        {"ticket": found, "form": form, "clash": clash},
        status=409 if clash else 200,
    )


@needs(May.WRITE)
@require_POST
def ticket_close(request: HttpRequest, pk: int) -> HttpResponse:
    """Close a ticket."""
    found = get_object_or_404(Ticket, pk=pk)
    close_ticket(found, by=member(request))
    return redirect(found)


@needs(May.MANAGE)
@require_http_methods(PAGE_METHODS)
def ticket_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a ticket with all that belongs to it, after a question."""
    found = _ticket(pk)
    if request.method == "POST":
        delete_ticket(found)
        return redirect("workspace:tickets")
    return render(request, "workspace/ticket_delete.html", {"ticket": found})


def _ticket(pk: int) -> Ticket:
    people = ("opened_by", "closed_by", "assignee")
    return get_object_or_404(Ticket.objects.select_related(*people).defer("search"), pk=pk)


def _change(request: HttpRequest, found: Ticket, form: ChangeForm) -> TicketChangedMeanwhile | None:
    """Do what a valid form says; what stands in its way, with `found` as it is now."""
    if not form.is_valid():
        return None
    try:
        update_ticket(found, form.changes(), by=member(request), seen=form.cleaned_data["version"])
    except TicketChangedMeanwhile as error:
        return error
    return None


def _show(
    request: HttpRequest, found: Ticket, *, status: int = 200, **forms: object
) -> HttpResponse:
    context: Mapping[str, object] = {
        "ticket": found,
        "conversation": conversation(
            found, most=None if request.GET.get("conversation") == "all" else NEWEST_ENTRIES
        ),
        "comment_form": forms.get("comment_form") or CommentForm(),
        "properties_form": forms.get("properties_form") or PropertiesForm(found),
        "clash": forms.get("clash"),
    }
    return render(request, "workspace/ticket.html", dict(context), status=status)
