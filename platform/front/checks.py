"""What can be wrong about the public host's settings."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from front.conf import front_settings


@register(Tags.security)
def check_mail_is_not_shown(app_configs: Sequence[Any] | None, **more: Any) -> list[CheckMessage]:
    """Refuse to show sent mail to everybody where real people may come."""
    https = settings.SECURE_SSL_REDIRECT or settings.SESSION_COOKIE_SECURE
    if front_settings().mail_folder is None or settings.DEBUG or not https:
        return []
    return [
        Error(
            "ATOLL_MAIL_FOLDER is set where real people may come: the public host would show "
            "everybody every mail, and mails hold links that are as good as passwords.",
            hint="Unset ATOLL_MAIL_FOLDER, and set ATOLL_MAIL_URL to a real mail server.",
            id="front.E001",
        )
    ]
