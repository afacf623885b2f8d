"""Ask people to join by mail, and let them in."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.conf import account_settings
from accounts.errors import AlreadyMember, InvitationNotOpen, LinkNotGood, TooManyInvitations
from accounts.managers import UserManager
from accounts.models import Invitation, User
from accounts.services.invitation_mails import count_invitation_mails
from accounts.services.member_address import tell_address
from accounts.services.members import set_role
from routers.signing import scoped_salt
from tenants.links import tenant_url
from tenants.mail import LateLink, queue_mail

LINK_KIND: Final = "invitation"


def invite(addresses: Iterable[str], role: User.Role, *, by: User) -> list[Invitation]:
    """Send an invitation to each address; an open one is made good again and sent once more.

    Transaction: opens one; all are invited or none.

    Raises:
        AlreadyMember: one of them is, active or not; nothing was changed.
        TooManyInvitations, TooManyInvitationMails: nothing was changed.
    """
    emails = sorted({UserManager.normalize_email(address) for address in addresses})
    with transaction.atomic():
        count_invitation_mails(emails)
        _refuse_members(emails)
        made = [_invite(email, role, by=by) for email in emails]
        most = account_settings().invitations_open
        if open_invitations().count() > most:
            raise TooManyInvitations(most)
    return made


def resend(pk: UUID, *, by: User) -> Invitation:
    """Send an open invitation once more, with a new link; the one before is good no more.

    Transaction: opens one.

    Raises:
        Invitation.DoesNotExist: there is none.
        InvitationNotOpen, TooManyInvitationMails: nothing was changed.
    """
    with transaction.atomic():
        # Before the invitation is locked, as invite() does.
        count_invitation_mails([Invitation.objects.get(pk=pk).email])
        invitation = _lock_open(pk)
        _send(invitation, by=by)
    return invitation


def revoke(pk: UUID) -> Invitation:
    """Take an invitation back; its link is good no more.

    Transaction: opens one.
    Idempotent.

    Raises:
        Invitation.DoesNotExist: there is none.
        InvitationNotOpen: it was accepted.
    """
    with transaction.atomic():
        invitation = Invitation.objects.select_for_update(of=("self",)).get(pk=pk)
        if invitation.accepted_at is not None:
            raise InvitationNotOpen(invitation.email)
        if invitation.revoked_at is None:
            invitation.revoked_at = timezone.now()
            invitation.save(update_fields=["revoked_at"])
    return invitation


def find_by_link(pk: UUID, secret: str) -> Invitation:
    """The invitation that this link accepts.

    Raises:
        LinkNotGood: accepted, revoked, expired, replaced by a newer one, another tenant's.
    """
    return _check(Invitation.objects.filter(pk=pk).first(), secret)


def accept(pk: UUID, secret: str, *, name: str, password: str) -> User:
    """Make somebody a member by the link that only the owner of the address has.

    Locks: the invitation, so that of two who open it at the same moment one is let in.
    Transaction: opens one.

    Raises:
        LinkNotGood: nothing was changed.
        AlreadyMember: the address became a member's in another way; nothing was changed.
    """
    with transaction.atomic():
        locked = Invitation.objects.select_for_update(of=("self",)).filter(pk=pk).first()
        invitation = _check(locked, secret)
        _refuse_members([invitation.email])
        user = User(email=invitation.email, name=name)
        set_role(user, User.Role(invitation.role))
        user.set_password(password)
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError as error:
            raise AlreadyMember(invitation.email) from error
        invitation.accepted_at = timezone.now()
        invitation.save(update_fields=["accepted_at"])
        tell_address(user)
    return user


def open_invitations() -> QuerySet[Invitation]:
    """Those that can still be accepted, or could if they were sent once more."""
    return Invitation.objects.filter(accepted_at=None, revoked_at=None)


def make_invitation_link(pk: str) -> str | None:
    """The link for the mail; None when it would not be good."""
    invitation = open_invitations().filter(pk=pk, expires_at__gt=timezone.now()).first()
    if invitation is None:
        return None
    path = reverse(
        "accounts:accept",
        urlconf=settings.ROOT_URLCONF,
        kwargs={"pk": invitation.pk, "secret": _secret(invitation.pk, invitation.expires_at)},
    )
    return tenant_url(path)


def _refuse_members(emails: Iterable[str]) -> None:
    member = User.objects.filter(email__in=emails).values_list("email", flat=True).first()
    if member is not None:
        raise AlreadyMember(member)


def _invite(email: str, role: User.Role, *, by: User) -> Invitation:
    waiting = open_invitations().select_for_update(of=("self",)).filter(email=email)
    invitation = waiting.first() or Invitation(email=email)
    invitation.role = role
    try:
        with transaction.atomic():
            _send(invitation, by=by)
    except IntegrityError:
        # Another admin invites the same person at this moment, and was the first to commit.
        invitation = waiting.get()
        invitation.role = role
        _send(invitation, by=by)
    return invitation


def _send(invitation: Invitation, *, by: User) -> None:
    now = timezone.now()
    invitation.invited_by = by
    invitation.invited_at = now
    invitation.expires_at = now + account_settings().invitation_lifetime
    invitation.token_hash = _hash(_secret(invitation.pk, invitation.expires_at))
    invitation.save()
    queue_mail(
        "accounts/invitation",
        to=invitation.email,
        context={
            "by": str(by),
            "role": str(User.Role(invitation.role).label),
            "lifetime": _in_words(account_settings().invitation_lifetime),
        },
        link=LateLink(LINK_KIND, str(invitation.pk)),
    )


def _in_words(lifetime: timedelta) -> str:
    """Such as "7 days"; what is shorter than two days in hours."""
    count, unit = lifetime // timedelta(days=1), "day"
    if lifetime < timedelta(days=2):
        count, unit = max(1, lifetime // timedelta(hours=1)), "hour"
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _lock_open(pk: UUID) -> Invitation:
    invitation = Invitation.objects.select_for_update(of=("self",)).get(pk=pk)
    if invitation.accepted_at is not None or invitation.revoked_at is not None:
        raise InvitationNotOpen(invitation.email)
    return invitation


def _check(invitation: Invitation | None, secret: str) -> Invitation:
    if (
        invitation is None
        or invitation.accepted_at is not None
        or invitation.revoked_at is not None
        or invitation.expires_at <= timezone.now()
        or not constant_time_compare(invitation.token_hash, _hash(secret))
    ):
        raise LinkNotGood
    return invitation


def _secret(pk: UUID, expires_at: datetime) -> str:
    """The secret of the newest link: made again when the mail is written, and kept nowhere."""
    salt = scoped_salt("accounts.invitations")
    return salted_hmac(salt, f"{pk}:{expires_at.isoformat()}", algorithm="sha256").hexdigest()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
