"""The dashboard."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.permissions import May, needs
from workspace.models import Ticket
from workspace.services.counts import ticket_counts


@needs(May.READ)
@require_safe
def dashboard(request: HttpRequest) -> HttpResponse:
    """How many tickets there are, and the latest open ones."""
    latest = Ticket.objects.filter(status=Ticket.Status.OPEN).select_related("opened_by")[:5]
    return render(
        request, "workspace/dashboard.html", {"counts": ticket_counts(), "tickets": latest}
    )
