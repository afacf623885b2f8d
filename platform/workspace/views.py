"""The dashboard."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import May, member, needs
from workspace.paging import LATELY_CHANGED
from workspace.services.counts import ticket_counts
from workspace.services.find_tickets import Wanted, find_tickets

SHOWN = 6


@needs(May.READ)
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """How the workspace is doing, and what waits for whoever looks."""
    mine = find_tickets(Wanted(assignee=str(member(request).pk)))
    return render(
        request,
        "workspace/dashboard.html",
        {"counts": ticket_counts(), "mine": mine.order_by(*LATELY_CHANGED.forward)[:SHOWN]},
    )
