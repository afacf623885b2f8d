"""System checks for where real people come (`check --deploy`)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags

from sharding.typed_settings import mistakes_of
from tenants.conf import tenant_settings

_PREFIX: Final = "__Host-"


def register() -> None:
    """Tell Django of them."""
    checks.register(check_cookie_names, Tags.security, deploy=True)
    checks.register(check_links, Tags.security, deploy=True)


def check_cookie_names(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """No tenant's page can set a cookie that another tenant's host believes."""
    for setting in ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME"):
        if not getattr(settings, setting).startswith(_PREFIX):
            yield checks.Warning(
                f"{setting} does not begin with {_PREFIX}: a page of one subdomain can set it for "
                "the whole domain, and so choose another tenant's session.",
                hint=f'{setting} = "{_PREFIX}…", with the cookie secure, for path / and without a '
                "domain.",
                id="tenants.W016",
            )


def check_links(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """Links in mails do not give away what they hold."""
    if mistakes_of(tenant_settings):
        return  # tenants.E019 says what is wrong
    if tenant_settings().link_scheme != "https":
        yield checks.Warning(
            "ATOLL_LINK_SCHEME is not https: links in mails are as good as passwords, and would "
            "travel in the clear.",
            hint="Unset it, and leave ATOLL_HTTPS on.",
            id="tenants.W017",
        )
