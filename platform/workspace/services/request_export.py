"""Asking for an export: a row for people to look at, and a task that fulfils it."""

from uuid import UUID

from django.db import transaction
from kombu.exceptions import OperationalError

from accounts.models import User
from workspace.errors import ExportsUnavailable
from workspace.models import Export
from workspace.services.exports import claim_stalled_exports
from workspace.services.transfers_at_work import hint_at_work
from workspace.tasks import export_tickets, send_quietly


def request_export(*, by: User) -> Export:
    """Record that `by` wants an export, and start its task once that is committed.

    Transaction: opens its own; must not be called inside one.

    Raises:
        ExportsUnavailable: the broker is away; within about two seconds.
    """
    try:
        with transaction.atomic(durable=True):
            export = Export.objects.create(requested_by=by)
            export_tickets.delay_on_commit(str(export.pk))
            transaction.on_commit(hint_at_work, robust=True)
    except OperationalError as error:
        # The row was committed before the broker could refuse; nobody would ever fulfil it.
        Export.objects.filter(pk=export.pk).delete()
        raise ExportsUnavailable from error
    return export


def revive_export(export_id: UUID) -> bool:
    """Give an export whose worker is gone to another one; False if there is no need."""
    claimed = claim_stalled_exports(export_id)
    for key in claimed:
        send_quietly(export_tickets, key)
    return bool(claimed)
