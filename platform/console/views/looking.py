"""Pages that show and change nothing: overview, processes, audit."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from console.forms import AuditFilterForm
from console.guard import operators_only
from console.services.audit_search import AuditQuery, search_audit
from console.services.overview import look_at_all, look_at_processes
from console.views.addresses import with_changed, without


@operators_only
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """The platform in a few numbers."""
    return render(request, "console/overview.html", {"overview": look_at_all()})


@operators_only
@require_safe
def processes(request: HttpRequest) -> HttpResponse:
    """What runs, and which servers it holds to be away."""
    return render(request, "console/processes.html", {"processes": look_at_processes()})


@operators_only
@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what."""
    form = AuditFilterForm(request.GET)
    form.is_valid()
    # A field that cannot be read asks for nothing, and says so.
    wanted = {name: value for name, value in form.cleaned_data.items() if value}
    page = search_audit(AuditQuery(**wanted))
    older = with_changed(request, before=page.next_before) if page.next_before else ""
    shown = {"form": form, "page": page, "older": older, "from_middle": "before" in wanted}
    shown["first"] = without(request, "before")
    return render(request, "console/audit.html", shown)
