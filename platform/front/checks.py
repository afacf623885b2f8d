"""What can be wrong about the public host's settings."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from front.conf import front_settings
from sharding.typed_settings import HINT, mistakes_of


@register()
def check_limits(app_configs: Sequence[Any] | None = None, **more: Any) -> Iterator[CheckMessage]:
    """Every time and number is one that lets strangers in, and not without end."""
    for mistake in mistakes_of(front_settings):
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="front.E002",
        )


@register(Tags.security)
def check_mail_is_not_shown(app_configs: Sequence[Any] | None, **more: Any) -> list[CheckMessage]:
    """Refuse to show sent mail to everybody where real people may come."""
    https = settings.SECURE_SSL_REDIRECT or settings.SESSION_COOKIE_SECURE
    # As it stands there: what is wrong with other settings is the check above's to say.
    if not getattr(settings, "ATOLL_MAIL_FOLDER", None) or settings.DEBUG or not https:
        return []
    return [
        Error(
            "ATOLL_MAIL_FOLDER is set where real people may come: the public host would show "
            "everybody every mail, and mails hold links that are as good as passwords.",
            hint="Unset ATOLL_MAIL_FOLDER, and set ATOLL_MAIL_URL to a real mail server.",
            id="front.E001",
        )
    ]
