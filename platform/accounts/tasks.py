"""What beat does for a tenant's people."""

from datetime import timedelta
from importlib import import_module
from typing import Final

from celery import shared_task
from django.conf import settings

from accounts.services.attempts import purge_attempts
from accounts.services.invitation_mails import purge_invitation_mails
from tenants.fan_out import start_for_all_tenants
from tenants.tasks import ControlTask, TenantTask

SPREAD: Final = timedelta(minutes=10)
# Beat sends the next after so long.
GOOD_FOR: Final = timedelta(hours=6)


@shared_task(base=TenantTask, runs_while_suspended=True)
def clear_sessions() -> None:
    """Delete this tenant's expired sessions."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()


@shared_task(base=ControlTask)
def clear_sessions_of_all_tenants() -> None:
    """Let every tenant's expired sessions be deleted, each at a moment of its own."""
    start_for_all_tenants(clear_sessions, spread=SPREAD, good_for=GOOD_FOR)


@shared_task(base=TenantTask, runs_while_suspended=True)
def purge_sign_ins() -> None:
    """Delete this tenant's attempts to sign in, and mails, that count against nobody any more."""
    purge_attempts()
    purge_invitation_mails()


@shared_task(base=ControlTask)
def purge_sign_ins_of_all_tenants() -> None:
    """Let every tenant's old attempts be deleted, each at a moment of its own."""
    start_for_all_tenants(purge_sign_ins, spread=SPREAD, good_for=GOOD_FOR)
