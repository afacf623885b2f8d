"""Pages of what goes in and out: exports and imports. Each shows how far the work is.

A page that shows unfinished work asks for itself again: with htmx every second or two, without
scripts by a refresh. It also sends work on its way again whose worker is gone.
"""

from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.permissions import May, member, needs, needs_to_write
from tenants.files import send_private
from workspace.errors import ImportRefused, TransferBusy, TransferUnavailable
from workspace.forms_transfer import ImportForm
from workspace.models import Export, Import
from workspace.services.exports import delete_export, export_name, export_progress
from workspace.services.imports import UNFINISHED, delete_import, stop_import
from workspace.services.imports_file import KNOWN, MOST_BYTES, MOST_ROWS
from workspace.services.request_export import request_export, revive_export
from workspace.services.request_import import request_import, revive_import

SHOWN = 20


@never_cache
@transaction.non_atomic_requests  # request_export wants to see its own commit
@needs(May.READ)
@require_http_methods(["GET", "HEAD", "POST"])
def exports(request: HttpRequest) -> HttpResponse:
    """Exports made lately; a POST asks for one more. Who may read tickets may take them along."""
    if request.method != "POST":
        return _exports_page(request)
    try:
        request_export(by=member(request))
    except TransferUnavailable:
        return _unavailable(_exports_page(request, unavailable=True))
    return redirect("workspace:exports")


@never_cache
@needs(May.READ)
@require_safe
def export_file(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The file of an export. It has no address of its own that could be passed around."""
    export = get_object_or_404(Export, pk=pk)
    if not export.file:
        raise Http404
    return send_private(export.file, name=export_name(export.requested_at.date()))


@needs(May.WRITE)
@require_POST
def export_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete an export with its file."""
    try:
        delete_export(get_object_or_404(Export, pk=pk).pk)
    except TransferBusy as error:
        return _exports_page(request, refused=str(error), status=409)
    return redirect("workspace:exports")


@never_cache
@transaction.non_atomic_requests  # request_import wants to see its own commit
@needs_to_write(get=May.READ, post=May.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: HttpRequest) -> HttpResponse:
    """Imports of late; a POST brings a file."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method != "POST":
        return _imports_page(request, ImportForm())
    if not form.is_valid():
        return _imports_page(request, form, status=422)
    upload = form.cleaned_data["file"]
    try:
        job = request_import(upload, size=upload.size, by=member(request))
    except ImportRefused as error:
        form.add_error("file", str(error))
        return _imports_page(request, form, status=422)
    except TransferUnavailable:
        return _unavailable(_imports_page(request, form, unavailable=True))
    return redirect("workspace:import", job.pk)


@never_cache
@needs(May.READ)
@require_safe
def import_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One import: how far it is, and what was wrong with which row."""
    job = get_object_or_404(Import.objects.select_related("requested_by"), pk=pk)
    return _import_page(request, job)


@needs(May.WRITE)
@require_POST
def import_stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End an import where it stands."""
    stop_import(get_object_or_404(Import, pk=pk).pk)
    return redirect("workspace:import", pk)


@needs(May.WRITE)
@require_POST
def import_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete an import that has ended. Its tickets stay."""
    job = get_object_or_404(Import.objects.select_related("requested_by"), pk=pk)
    try:
        delete_import(job.pk)
    except TransferBusy as error:
        return _import_page(request, job, refused=str(error), status=409)
    return redirect("workspace:imports")


def _exports_page(
    request: HttpRequest, *, unavailable: bool = False, refused: str = "", status: int = 200
) -> HttpResponse:
    found = list(Export.objects.select_related("requested_by")[:SHOWN])
    waiting = [export for export in found if not export.file]
    for export in waiting:
        revive_export(export.pk)
    content = {
        "exports": [(export, None if export.file else export_progress(export)) for export in found],
        "working": bool(waiting) and not unavailable,
        "unavailable": unavailable,
        "refused": refused,
    }
    return render(request, "workspace/exports.html", content, status=status)


def _imports_page(
    request: HttpRequest, form: ImportForm, *, unavailable: bool = False, status: int = 200
) -> HttpResponse:
    content = {
        "form": form,
        "imports": Import.objects.select_related("requested_by")[:SHOWN],
        "unavailable": unavailable,
        "columns": KNOWN,
        "most_rows": f"{MOST_ROWS:,}",
        "most_megabytes": MOST_BYTES // 1024**2,
    }
    return render(request, "workspace/imports.html", content, status=status)


def _import_page(
    request: HttpRequest, job: Import, *, refused: str = "", status: int = 200
) -> HttpResponse:
    working = job.state in UNFINISHED
    if working:
        revive_import(job.pk)
    content = {
        "job": job,
        "working": working,
        "taken_rows": job.done_rows - job.failed_rows,
        "refused": refused,
    }
    return render(request, "workspace/import.html", content, status=status)


def _unavailable(response: HttpResponse) -> HttpResponse:
    response.status_code = 503
    response["Retry-After"] = "5"
    return response
