"""What accounts refuse.

AccountsError
├── WrongCredentials
├── TooManyAttempts
├── LinkNotGood
├── LastAdmin
├── AlreadyMember
├── InvitationNotOpen
├── TooManyInvitations
├── TooManyInvitationMails
├── TooManyTokens
└── TokenRefused
"""

from datetime import timedelta
from typing import ClassVar


class AccountsError(Exception):
    """Something about a tenant's people cannot be done."""

    code: ClassVar[str] = "accounts"
    retryable: ClassVar[bool] = False


class WrongCredentials(AccountsError):
    """This address and password do not go together."""

    code = "accounts.wrong_credentials"

    def __init__(self) -> None:
        # Says the same for an unknown address, a wrong password and an account that is closed:
        # none tells who is a member.
        super().__init__("This address and password do not go together.")


class TooManyAttempts(AccountsError):
    """An address, or a place, has tried too often."""

    code = "accounts.too_many_attempts"
    retryable = True

    def __init__(self, wait: timedelta) -> None:
        self.wait = wait
        minutes = max(1, -int(-wait.total_seconds() // 60))
        super().__init__(
            f"Too many attempts. Try again in {minutes} minute{'' if minutes == 1 else 's'}."
        )


class LinkNotGood(AccountsError):
    """A link was used before, has expired, or was never made here."""

    code = "accounts.link_not_good"

    def __init__(self) -> None:
        super().__init__("This link is not good any more. Ask for a new one.")


class LastAdmin(AccountsError):
    """A workspace keeps at least one active admin."""

    code = "accounts.last_admin"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is the only active admin of this workspace. Make somebody else an admin "
            "first. Nothing was changed."
        )


class AlreadyMember(AccountsError):
    """Somebody with this address is a member already."""

    code = "accounts.already_member"

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__(f"{email} is a member already. Nothing was changed.")


class InvitationNotOpen(AccountsError):
    """An invitation was accepted or revoked."""

    code = "accounts.invitation_not_open"

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__(f"The invitation of {email} is not open any more. Nothing was changed.")


class TooManyInvitations(AccountsError):
    """A workspace may only have so many invitations open."""

    code = "accounts.too_many_invitations"

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(
            f"No more than {most} invitations may be open at once. Revoke some, or wait until "
            "some are accepted. Nothing was changed."
        )


class TooManyInvitationMails(AccountsError):
    """A workspace, or one address in it, has had as many invitations by mail as a day allows."""

    code = "accounts.too_many_invitation_mails"
    retryable = True

    def __init__(self, most: int, *, to: str = "") -> None:
        self.most = most
        self.to = to
        whom = f"to {to} " if to else ""
        super().__init__(
            f"No more than {most} invitations may be sent {whom}within 24 hours, also where they "
            "were revoked. Try again tomorrow. Nothing was changed."
        )


class TooManyTokens(AccountsError):
    """A member may only have so many tokens that are good."""

    code = "accounts.too_many_tokens"

    def __init__(self, most: int) -> None:
        self.most = most
        super().__init__(
            f"No more than {most} tokens may be good at once. Revoke one that nothing uses. "
            "Nothing was changed."
        )


class TokenRefused(AccountsError):
    """A token of the API is not good here."""

    code = "accounts.token_refused"

    def __init__(self) -> None:
        # Unknown, revoked, expired, another tenant's: who holds a token that is not good learns
        # nothing about which.
        super().__init__("This token is not good here.")
