"""Count the invitations that a tenant mails, in its own database, and refuse too many.

What counts is the mail: to revoke an invitation, or to send it once more, frees nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.conf import account_settings
from accounts.errors import TooManyInvitationMails
from accounts.models import InvitationMail, User
from routers.signing import scoped_salt

DAY: Final = timedelta(days=1)


def count_invitation_mails(emails: Iterable[str]) -> None:
    """Write down that an invitation goes to each of these normalised addresses, or refuse.

    Locks: the active admins, until the transaction ends: of two who invite at the same moment the
        second must see what the first has sent. Locked before anything else, so that nobody waits
        for anybody who waits.
    Transaction: needs one; rolled back, nothing was counted, and nothing is sent either.

    Raises:
        TooManyInvitationMails: of the tenant or to one address; nothing was written.
    """
    admins = User.objects.filter(is_active=True, role=User.Role.ADMIN).order_by("pk")
    list(admins.select_for_update(of=("self",), no_key=True).values_list("pk"))
    conf, hashes = account_settings(), {_hash(email): email for email in emails}
    lately = InvitationMail.objects.filter(at__gt=_counts_from())
    if lately.count() + len(hashes) > conf.invitation_mails_per_day:
        raise TooManyInvitationMails(conf.invitation_mails_per_day)
    for hashed, email in hashes.items():
        if lately.filter(address_hash=hashed).count() >= conf.invitation_mails_per_address:
            raise TooManyInvitationMails(conf.invitation_mails_per_address, to=email)
    now = timezone.now()
    InvitationMail.objects.bulk_create(InvitationMail(address_hash=each, at=now) for each in hashes)


def purge_invitation_mails() -> int:
    """Delete what counts no more; return how many rows went."""
    deleted, _ = InvitationMail.objects.filter(at__lte=_counts_from()).delete()
    return deleted


def _counts_from() -> datetime:
    return timezone.now() - DAY


def _hash(email: str) -> str:
    salt = scoped_salt("accounts.invitation_mails")
    return salted_hmac(salt, email, algorithm="sha256").hexdigest()
