"""The mails of the public host. Each runs in a task, so that no page takes longer for one."""

from collections.abc import Mapping
from uuid import UUID

from django.db.models.functions import Now

from front.keys import confirmation_token, progress_key, token_hash
from front.links import public_url
from front.models import CONTROL, SignUp
from front.services.finding import find_workspaces, workspaces_of
from front.states import SignUpState
from tenants.mail import compose, deliver_control_mail
from tenants.services.asking import host_of_slug


def send_confirmation(sign_up: UUID) -> None:
    """Mail the confirmation link, if it is still to be confirmed.

    Idempotent: each mail about one sign-up has the same link.

    Raises:
        OSError: the mail server is away.
    """
    row = SignUp.objects.using(CONTROL).filter(pk=sign_up, state=SignUpState.WAITING).first()
    if row is None:
        return
    token = confirmation_token(row.pk)
    rows = SignUp.objects.using(CONTROL).filter(pk=sign_up)
    # SECRET_KEY may have changed since the sign-up was noted.
    rows.exclude(token_hash=token_hash(token)).update(token_hash=token_hash(token))
    # Not the name: it is anybody's text, and would make this a mail of theirs to a stranger.
    context = {
        "host": host_of_slug(row.slug),
        "link": public_url("confirm", token),
        "until": row.token_until,
    }
    _send("front_confirm", row.email, context)
    rows.update(mailed_at=Now())


def send_ready(sign_up: UUID) -> None:
    """Mail that the workspace is ready, with the way in.

    Idempotent: a second call sends nothing, unless the first was cut off in between.

    Raises:
        OSError: the mail server is away.
    """
    rows = SignUp.objects.using(CONTROL).filter(
        pk=sign_up, state=SignUpState.READY, told_at=None, tenant__isnull=False
    )
    row = rows.select_related("tenant").first()
    if row is None or row.tenant_id is None:
        return
    # None when it was closed in the meantime: then there is nothing good to tell.
    for workspace in workspaces_of([row.tenant_id]):
        context = {
            "name": row.name,
            "address": workspace.url,
            "link": public_url("progress", progress_key(row.pk)),
        }
        _send("front_ready", row.email, context)
    rows.update(told_at=Now())


def send_workspaces(email: str) -> int:
    """Mail the links of all workspaces that know this address; return how many.

    None: no mail. Who has asked is not told the difference.

    Raises:
        OSError: the mail server is away.
    """
    found = find_workspaces(email)
    if found:
        _send("front_workspaces", email, {"workspaces": found})
    return len(found)


def _send(template: str, to: str, context: Mapping[str, object]) -> None:
    # Called, not sent: what the link is good for lies in no queue.
    title, body = compose(template, context)
    deliver_control_mail(title, body, to)
