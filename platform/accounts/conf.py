"""What can be set about a tenant's people."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from django.core.signals import setting_changed

from sharding.typed_settings import SettingsReader


@dataclass(frozen=True)
class AccountSettings:
    """Settings of this package.

    Attributes:
        attempts_within: ATOLL_SIGN_IN_MINUTES. How long a failed attempt to sign in counts.
        attempts_per_address: ATOLL_SIGN_INS_PER_ADDRESS. So many failed attempts within that time
            lock an e-mail address, whether or not anybody has it.
        attempts_per_ip: ATOLL_SIGN_INS_PER_IP. So many lock an IP address; an office has one.
        attempts_kept: ATOLL_SIGN_INS_KEPT. Attempts that one tenant remembers at most.
        resets_per_address: ATOLL_RESETS_PER_ADDRESS. So many mails with a link to set a password
            go to one address within that time.
        invitation_lifetime: ATOLL_INVITATION_DAYS. How long the link of an invitation is good.
        invitations_open: ATOLL_INVITATIONS_OPEN. Invitations of one tenant that may be open at
            once: a workspace is no way to send mail to strangers.
        invitation_mails_per_day: ATOLL_INVITATION_MAILS_PER_DAY. Invitations, first and repeated,
            that one tenant may mail within 24 hours, whatever became of them.
        invitation_mails_per_address: ATOLL_INVITATION_MAILS_PER_ADDRESS. So many of them to one
            address.
        tokens_per_member: ATOLL_API_TOKENS_PER_MEMBER. Tokens of one member that may be good at
            once.
    """

    attempts_within: timedelta
    attempts_per_address: int
    attempts_per_ip: int
    attempts_kept: int
    resets_per_address: int
    invitation_lifetime: timedelta
    invitations_open: int
    invitation_mails_per_day: int
    invitation_mails_per_address: int
    tokens_per_member: int


@cache
def account_settings() -> AccountSettings:
    """The settings; read once, and again after a test has changed one.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        return AccountSettings(
            attempts_within=read.minutes("ATOLL_SIGN_IN_MINUTES", 15),
            attempts_per_address=read.whole("ATOLL_SIGN_INS_PER_ADDRESS", 10),
            attempts_per_ip=read.whole("ATOLL_SIGN_INS_PER_IP", 100),
            attempts_kept=read.whole("ATOLL_SIGN_INS_KEPT", 10_000),
            resets_per_address=read.whole("ATOLL_RESETS_PER_ADDRESS", 3),
            invitation_lifetime=read.days("ATOLL_INVITATION_DAYS", 7),
            invitations_open=read.whole("ATOLL_INVITATIONS_OPEN", 200),
            invitation_mails_per_day=read.whole("ATOLL_INVITATION_MAILS_PER_DAY", 200),
            invitation_mails_per_address=read.whole("ATOLL_INVITATION_MAILS_PER_ADDRESS", 5),
            tokens_per_member=read.whole("ATOLL_API_TOKENS_PER_MEMBER", 50),
        )


def _forget(**change: object) -> None:
    account_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="accounts.conf")
