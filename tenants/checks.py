"""System checks of the settings that keep tenants apart outside the database.

Settings name classes and functions by dotted path; whatever they name is imported and asked what it
is, so that an adopter's own subclass is as good as ours.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error
from django.core.management import get_commands
from django.utils.module_loading import import_string

from routers.cache_keys import control_key, tenant_key
from routers.signing import TenantSigner
from sharding.typed_settings import HINT, mistakes_of
from tenants.conf import tenant_settings
from tenants.errors import InvalidHost
from tenants.hosts import normalise_host
from tenants.models import Domain, Tenant

MIDDLEWARE = "tenants.middleware.TenantMiddleware"


def register() -> None:
    """Tell Django of them."""
    from tenants import checks_of_archives, checks_of_limits, checks_of_tasks, checks_to_deploy

    for each in (check_middleware, check_what_is_signed_and_kept, check_caches, check_hosts):
        checks.register(each)
    checks.register(check_values)
    checks.register(check_models)
    checks.register(check_provision_steps)
    checks.register(check_purge_steps)
    checks.register(check_cookies)
    checks.register(check_commands)
    checks_of_archives.register()
    checks_of_limits.register()
    checks_of_tasks.register()
    checks_to_deploy.register()


def check_middleware(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Whatever touches data runs in the scope of the request's host."""
    from tenants.middleware import TenantMiddleware

    for path in settings.MIDDLEWARE:
        if is_a(path, TenantMiddleware):
            return []
        if path.startswith("django."):
            return [
                Error(
                    f"{path} stands before {MIDDLEWARE} in MIDDLEWARE: it runs without a scope.",
                    hint="Put TenantMiddleware first. Before it may only stand what touches no "
                    "tenant's data, and none of Django's own.",
                    id="tenants.E001",
                )
            ]
    return [
        Error(
            f"{MIDDLEWARE} is not in MIDDLEWARE: no request gets a scope.",
            hint="Put it first.",
            id="tenants.E002",
        )
    ]


def check_what_is_signed_and_kept(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """Sessions, signatures and files are one tenant's."""
    from tenants.sessions import SessionStore
    from tenants.storage import TenantStorage

    if not is_a(f"{settings.SESSION_ENGINE}.SessionStore", SessionStore):
        yield Error(
            f"SESSION_ENGINE is {settings.SESSION_ENGINE!r}: a session would hold in every "
            "tenant that has its key.",
            hint='SESSION_ENGINE = "tenants.sessions", or a module whose SessionStore builds on '
            "that one's.",
            id="tenants.E003",
        )
    if not is_a(settings.SIGNING_BACKEND, TenantSigner):
        yield Error(
            f"SIGNING_BACKEND is {settings.SIGNING_BACKEND!r}: what is signed for one tenant would "
            "hold for all.",
            hint='SIGNING_BACKEND = "routers.signing.TenantSigner".',
            id="tenants.E004",
        )
    backend = settings.STORAGES.get("default", {}).get("BACKEND", "")
    if not is_a(backend, TenantStorage):
        yield Error(
            f"STORAGES['default'] is {backend!r}: files of all tenants would lie in one folder.",
            hint='STORAGES["default"] = {"BACKEND": "tenants.storage.TenantStorage"}.',
            id="tenants.E005",
        )


def check_caches(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """A key of the tenants' cache holds the tenant, and there is a cache for what is shared."""
    if named(settings.CACHES.get("default", {}).get("KEY_FUNCTION")) is not tenant_key:
        yield Error(
            "CACHES['default'] has not the key function of tenants: they would read each other's "
            "values.",
            hint='KEY_FUNCTION = "routers.cache_keys.tenant_key", and for django-redis '
            'REVERSE_KEY_FUNCTION = "routers.cache_keys.key_as_given".',
            id="tenants.E006",
        )
    if named(settings.CACHES.get("control", {}).get("KEY_FUNCTION")) is not control_key:
        yield Error(
            "CACHES has no 'control' with a key function of its own: what all tenants share has "
            "no place.",
            hint='Add "control" with KEY_FUNCTION = "routers.cache_keys.control_key".',
            id="tenants.E007",
        )


def check_values(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """Times, numbers, texts and lists are such, and none is 0 that lets nobody in."""
    for mistake in mistakes_of(tenant_settings):
        yield Error(
            f"{mistake.setting} is {mistake.shown}; it must be {mistake.wanted}.",
            hint=HINT,
            id="tenants.E019",
        )


def check_models(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """Third-party code that asks django-tenants' way finds our models."""
    for setting, model in (("TENANT_MODEL", Tenant), ("TENANT_DOMAIN_MODEL", Domain)):
        value = getattr(settings, setting, model._meta.label)
        if value != model._meta.label:
            yield Error(
                f"{setting} is {value!r}: there is one model for it, and it is another.",
                hint=f"{setting} = {model._meta.label!r}.",
                id="tenants.E020",
            )


def check_hosts(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> Iterator[CheckMessage]:
    """A host leads to one place, and the names of hosts are such."""
    if mistakes_of(tenant_settings):
        return  # tenants.E019 says what is wrong
    conf = tenant_settings()
    for host in sorted({conf.base_domain, *conf.public_hosts, *conf.console_hosts}):
        try:
            usual = normalise_host(host)
        except InvalidHost as error:
            yield Error(str(error), hint=_HOSTS, id="tenants.E008")
            continue
        if usual != host:
            yield Error(
                f"{host!r} is no host as requests name it: {usual!r} would be.",
                hint=_HOSTS,
                id="tenants.E008",
            )
    for host in sorted(conf.public_hosts & conf.console_hosts):
        yield Error(
            f"{host} is a public host and the operators' as well.",
            hint="Name it in ATOLL_PUBLIC_HOSTS or in ATOLL_CONSOLE_HOSTS, not in both.",
            id="tenants.E009",
        )
    for setting, urlconf in (
        ("ATOLL_PUBLIC_URLCONF", conf.public_urlconf),
        ("ATOLL_CONSOLE_URLCONF", conf.console_urlconf),
    ):
        if named(f"{urlconf}.urlpatterns") is None:
            yield Error(
                f"{setting} is {urlconf!r}, which cannot be imported or has no `urlpatterns`.",
                hint="Name a module as for ROOT_URLCONF.",
                id="tenants.E010",
            )


_HOSTS = (
    "ATOLL_BASE_DOMAIN, ATOLL_PUBLIC_HOSTS and ATOLL_CONSOLE_HOSTS hold bare names, such as "
    "example.org: no scheme, no port, no dot at the end."
)


def check_provision_steps(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """What shall run in a new tenant is there."""
    if mistakes_of(tenant_settings):
        return  # tenants.E019 says what is wrong
    for path in tenant_settings().provision_steps:
        if not callable(named(path)):
            yield Error(
                f"TENANT_PROVISION_STEPS names {path!r}, which cannot be imported or called.",
                hint="A dotted path to a function `step(entry, request)`.",
                id="tenants.E011",
            )


def check_purge_steps(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """What shall run when a tenant is purged is there."""
    if mistakes_of(tenant_settings):
        return  # tenants.E019 says what is wrong
    for path in tenant_settings().purge_steps:
        if not callable(named(path)):
            yield Error(
                f"TENANT_PURGE_STEPS names {path!r}, which cannot be imported or called.",
                hint="A dotted path to a function `step(tenant)`.",
                id="tenants.E021",
            )


def check_cookies(
    app_configs: Sequence[Any] | None = None, **kwargs: Any
) -> Iterator[CheckMessage]:
    """A tenant's cookies reach that tenant's host and no other."""
    for setting in ("SESSION_COOKIE_DOMAIN", "CSRF_COOKIE_DOMAIN"):
        if getattr(settings, setting):
            yield Error(
                f"{setting} is set: browsers would send one tenant's cookie to all of them.",
                hint=f"{setting} = None, so that the cookie belongs to exactly one host.",
                id="tenants.E012",
            )


def check_commands(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Commands that would do the wrong thing on several shards are replaced by ours."""
    ours = {name: app for name, app in get_commands().items() if name in _REPLACED}
    others = sorted(name for name, app in ours.items() if app != "tenants")
    if not others:
        return []
    return [
        Error(
            f"Another app's {', '.join(others)} would run in the place of ours.",
            hint="In INSTALLED_APPS put `tenants` before django.contrib.auth, contenttypes, "
            "sessions and staticfiles.",
            id="tenants.E018",
        )
    ]


_REPLACED = frozenset(
    {"changepassword", "createsuperuser", "clearsessions", "remove_stale_contenttypes"}
    | {"runserver", "flush", "dumpdata", "loaddata"}
)


def named(path: object) -> Any:
    """What a dotted path leads to; None where it leads nowhere. What is no path is itself."""
    if not isinstance(path, str):
        return path
    try:
        return import_string(path)
    except ImportError:
        return None


def is_a(path: str, wanted: type) -> bool:
    """Whether `path` names that class or one that builds on it."""
    found = named(path)
    return isinstance(found, type) and issubclass(found, wanted)
