"""Attachments: to members only, through a check; never by an address of their own."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import May, is_allowed, member, needs
from tenants.files import send_private
from workspace.models import Attachment
from workspace.services.attachments import delete_attachment


@needs(May.READ)
@require_safe
def attachment(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """The file. Pictures are shown, everything else is saved; nothing of it can run."""
    found = get_object_or_404(Attachment, pk=pk)
    return send_private(found.file, name=found.name, inline=found.is_picture)


@needs(May.WRITE)
@require_POST
def attachment_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete it. Whoever attached it may, and admins."""
    found = get_object_or_404(Attachment.objects.select_related("ticket"), pk=pk)
    caller = member(request)
    if found.uploaded_by_id != caller.pk and not is_allowed(caller, May.MANAGE):
        raise PermissionDenied
    delete_attachment(found)
    return redirect(found.ticket)
