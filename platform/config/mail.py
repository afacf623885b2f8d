"""Django's settings of mail, from the one address that the environment gives."""

from typing import Any, Final

import django
import environ
from django.conf import settings

TIMEOUT_S: Final = 10
"""Without it a mail server that has stopped answering holds a worker for ever."""

_OPTIONS: Final = {
    "host": "EMAIL_HOST",
    "port": "EMAIL_PORT",
    "username": "EMAIL_HOST_USER",
    "password": "EMAIL_HOST_PASSWORD",
    "use_tls": "EMAIL_USE_TLS",
    "use_ssl": "EMAIL_USE_SSL",
}


def mail_settings(url: str, *, backend: str | None = None) -> dict[str, Any]:
    """The settings that let mail go to `url`, or through `backend` where one is named.

    Django 6.1 has one setting, MAILERS, and warns of the old ones; 5.2 knows only those.
    """
    read = dict(environ.Env.email_url_config(url))
    named = {**read, "EMAIL_BACKEND": backend or read["EMAIL_BACKEND"], "EMAIL_TIMEOUT": TIMEOUT_S}
    if django.VERSION < (6, 1):
        return named
    options = {"timeout": TIMEOUT_S} | {
        option: read[name] for option, name in _OPTIONS.items() if read.get(name)
    }
    is_smtp = named["EMAIL_BACKEND"].endswith(".smtp.EmailBackend")
    return {
        "MAILERS": {
            "default": {
                "BACKEND": named["EMAIL_BACKEND"],
                "OPTIONS": options if is_smtp else {},
            }
        }
    }


def mail_host() -> str:
    """Where mail goes by the settings as they are; empty where it goes to no server."""
    mailers = getattr(settings, "MAILERS", None)
    if not mailers:
        return str(getattr(settings, "EMAIL_HOST", ""))
    mailer = mailers["default"]
    if not mailer["BACKEND"].endswith(".smtp.EmailBackend"):
        return ""
    return str(mailer.get("OPTIONS", {}).get("host", "localhost"))
