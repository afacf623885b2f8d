"""Change what a member may, and whether they are let in."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet

from accounts.errors import LastAdmin
from accounts.models import User
from accounts.services.member_address import tell_address
from accounts.services.sign_in import end_sessions


def change_role(pk: UUID, role: User.Role, *, by: User) -> User:
    """Give a member another role.

    Locks: every active admin, in one order, and the member: of two admins who demote each other
        at the same moment the second finds that they are none any more.
    Transaction: opens one.
    Idempotent.

    Raises:
        User.DoesNotExist: nobody has this key.
        PermissionDenied: `by` is no active admin (any more).
        LastAdmin: the workspace would have no admin left; nothing was changed.
    """
    with transaction.atomic():
        user = _lock(pk, by=by)
        if role != User.Role.ADMIN:
            _refuse_if_last(user)
        set_role(user, role)
        user.save(update_fields=["role", "is_staff", "is_superuser"])
    return user


def deactivate(pk: UUID, *, by: User) -> User:
    """Let a member in no more. What they wrote stays theirs; all their sessions and tokens end.

    Locks, Transaction, Idempotent, Raises: as change_role().
    """
    with transaction.atomic():
        user = _lock(pk, by=by)
        _refuse_if_last(user)
        if user.is_active:
            user.is_active = False
            user.save(update_fields=["is_active"])
            end_sessions(user)
            tell_address(user)
    return user


def reactivate(pk: UUID, *, by: User) -> User:
    """Let a member in again, with the password and the tokens of before.

    Locks, Transaction, Idempotent: as change_role().

    Raises:
        User.DoesNotExist, PermissionDenied: as change_role().
    """
    with transaction.atomic():
        user = _lock(pk, by=by)
        if not user.is_active:
            user.is_active = True
            user.save(update_fields=["is_active"])
            tell_address(user)
    return user


def set_role(user: User, role: User.Role) -> None:
    """Set the role, and what third-party apps look at in its place. Saves nothing."""
    user.role = role
    user.is_staff = user.is_superuser = role == User.Role.ADMIN


def _lock(pk: UUID, *, by: User) -> User:
    admins = list(_active_admins().select_for_update(of=("self",)).order_by("pk"))
    if by not in admins:
        raise PermissionDenied
    return User.objects.select_for_update(of=("self",)).get(pk=pk)


def _refuse_if_last(user: User) -> None:
    """The caller holds the locks of all active admins."""
    is_admin = user.is_active and user.role == User.Role.ADMIN
    if is_admin and not _active_admins().exclude(pk=user.pk).exists():
        raise LastAdmin(str(user))


def _active_admins() -> QuerySet[User]:
    return User.objects.filter(role=User.Role.ADMIN, is_active=True)
