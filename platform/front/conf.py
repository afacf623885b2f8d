"""What can be set about the public host."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.core.signals import setting_changed

from sharding.typed_settings import SettingsReader


@dataclass(frozen=True)
class FrontSettings:
    """Settings of this package.

    Attributes:
        confirm_within: ATOLL_SIGN_UP_HOURS. How long the link of a confirmation mail holds.
        sign_ups_per_hour: ATOLL_SIGN_UPS_PER_HOUR. Forms for a workspace that one IP address may
            send.
        mails_per_hour: ATOLL_FRONT_MAILS_PER_HOUR. Mails that strangers can make us send to one
            address; further ones are answered in the same way and not sent.
        searches_per_hour: ATOLL_SEARCHES_PER_HOUR. Forms for "find my workspace" that one IP
            address may send.
        looks_per_minute: ATOLL_SLUG_LOOKS_PER_MINUTE. Subdomains that one IP address may look up.
        tries: ATOLL_SIGN_UP_TRIES. How often provisioning is begun before a person is needed.
        mail_folder: ATOLL_MAIL_FOLDER. Where `front.sent_mail.FolderBackend` keeps mails, which
            the public host then shows to anybody under /mail/. For demo and development only.
    """

    confirm_within: timedelta
    sign_ups_per_hour: int
    mails_per_hour: int
    searches_per_hour: int
    looks_per_minute: int
    tries: int
    mail_folder: Path | None


@cache
def front_settings() -> FrontSettings:
    """The settings; read once, and again after a test has changed one.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        return FrontSettings(
            confirm_within=read.hours("ATOLL_SIGN_UP_HOURS", 24),
            sign_ups_per_hour=read.whole("ATOLL_SIGN_UPS_PER_HOUR", 20),
            mails_per_hour=read.whole("ATOLL_FRONT_MAILS_PER_HOUR", 6),
            searches_per_hour=read.whole("ATOLL_SEARCHES_PER_HOUR", 20),
            looks_per_minute=read.whole("ATOLL_SLUG_LOOKS_PER_MINUTE", 60),
            tries=read.whole("ATOLL_SIGN_UP_TRIES", 10),
            mail_folder=read.folder("ATOLL_MAIL_FOLDER", None),
        )


def _forget(**change: object) -> None:
    front_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="front.conf")
