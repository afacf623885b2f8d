"""Checks of settings: a mistake is told with its id and a hint, right settings are silent."""

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from tenants import checks, checks_of_tasks, checks_to_deploy
from tenants.sessions import SessionStore as TenantStore

OURS = "tenants.middleware.TenantMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
CACHES = {
    "default": {"KEY_FUNCTION": "routers.cache_keys.tenant_key", "LOCATION": ""},
    "control": {"KEY_FUNCTION": "routers.cache_keys.control_key", "LOCATION": ""},
}

MISTAKES = {
    "tenants.E001": [(checks.check_middleware, {"MIDDLEWARE": [SESSIONS, OURS]})],
    "tenants.E002": [
        (checks.check_middleware, {"MIDDLEWARE": []}),
        (checks.check_middleware, {"MIDDLEWARE": ["config.no.Middleware"]}),
    ],
    "tenants.E003": [
        (checks.check_what_is_signed_and_kept, {"SESSION_ENGINE": engine})
        for engine in ("django.contrib.sessions.backends.db", "nowhere")
    ],
    "tenants.E004": [
        (
            checks.check_what_is_signed_and_kept,
            {"SIGNING_BACKEND": "django.core.signing.TimestampSigner"},
        )
    ],
    "tenants.E005": [
        (checks.check_what_is_signed_and_kept, {"STORAGES": storages})
        for storages in (
            {},
            {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}},
        )
    ],
    "tenants.E006": [
        (checks.check_caches, {"CACHES": {**CACHES, "default": {}}}),
        (checks.check_caches, {"CACHES": {**CACHES, "default": CACHES["control"]}}),
    ],
    "tenants.E007": [(checks.check_caches, {"CACHES": {"default": CACHES["default"]}})],
    "tenants.E008": [
        (checks.check_hosts, {"ATOLL_BASE_DOMAIN": "https://example.org"}),
        (checks.check_hosts, {"ATOLL_BASE_DOMAIN": "example.org."}),
        (checks.check_hosts, {"ATOLL_PUBLIC_HOSTS": ["www.example.org:8000"]}),
        (checks.check_hosts, {"ATOLL_CONSOLE_HOSTS": [""]}),
    ],
    "tenants.E009": [
        (
            checks.check_hosts,
            {"ATOLL_PUBLIC_HOSTS": ["a.example.org"], "ATOLL_CONSOLE_HOSTS": ["A.example.org"]},
        )
    ],
    "tenants.E010": [
        (checks.check_hosts, {"ATOLL_PUBLIC_URLCONF": "config.gone"}),
        (checks.check_hosts, {"ATOLL_CONSOLE_URLCONF": "config.env"}),
    ],
    "tenants.E011": [
        (checks.check_provision_steps, {"TENANT_PROVISION_STEPS": [path]})
        for path in ("accounts.provision.gone", "gone.step", "nodots", "config.env.ROOT")
    ],
    "tenants.E012": [
        (checks.check_cookies, {name: ".example.org"})
        for name in ("SESSION_COOKIE_DOMAIN", "CSRF_COOKIE_DOMAIN")
    ],
    "tenants.E013": [
        (checks_of_tasks.check_queues, {"CELERY_TASK_ROUTES": routes})
        for routes in (None, [], {"a.task": "queue"}, ["nowhere.route"], "django.conf.settings")
    ],
    "tenants.E014": [(checks_of_tasks.check_queues, {"CELERY_TASK_DEFAULT_QUEUE": "celery"})],
    "tenants.W015": [
        (checks_of_tasks.check_at_least_once, {name: False})
        for name in ("CELERY_TASK_ACKS_LATE", "CELERY_TASK_REJECT_ON_WORKER_LOST")
    ],
    "tenants.W016": [
        (
            checks_to_deploy.check_cookie_names,
            {"SESSION_COOKIE_NAME": "sessionid", "CSRF_COOKIE_NAME": "__Host-csrf"},
        )
    ],
    "tenants.W017": [(checks_to_deploy.check_links, {"ATOLL_LINK_SCHEME": "http"})],
}
RIGHT = {
    "SESSION_COOKIE_NAME": "__Host-session",
    "CSRF_COOKIE_NAME": "__Host-csrf",
    "ATOLL_LINK_SCHEME": "https",
}


@pytest.mark.parametrize(
    ("wanted", "check", "mistake"),
    [(each, *planted) for each, all_of_it in MISTAKES.items() for planted in all_of_it],
)
def test_a_mistake_is_told_with_a_hint(wanted, check, mistake):
    with override_settings(**mistake):
        messages = list(check())
    assert {message.id for message in messages} == {wanted}
    assert all(message.hint and message.msg for message in messages)
    with override_settings(**RIGHT):
        assert list(check()) == []


def test_commands_of_an_app_before_ours_are_told(monkeypatch):
    assert checks.check_commands() == []
    replaced = {"flush": "tenants", "createsuperuser": "django.contrib.auth", "migrate": "x"}
    monkeypatch.setattr(checks, "get_commands", lambda: replaced)
    (error,) = checks.check_commands()
    assert error.id == "tenants.E018"
    assert "createsuperuser" in error.msg
    assert "flush" not in error.msg
    assert "INSTALLED_APPS" in str(error.hint)


@pytest.mark.parametrize(
    "right",
    [
        {"MIDDLEWARE": ["workspace.somebody.Outermost", OURS, SESSIONS]},
        {"CELERY_TASK_ROUTES": "routers.queues.route_task"},
        {"SESSION_ENGINE": __name__},
        {"STORAGES": {"default": {"BACKEND": "tenants.storage.TenantStorage"}}},
    ],
)
def test_other_right_settings_are_silent(right):
    with override_settings(**right):
        found = [message for message in run_checks() if str(message.id).startswith("tenants.")]
    assert found == []


def test_all_of_them_run_with_every_start():
    with override_settings(
        MIDDLEWARE=[],
        SESSION_ENGINE="gone",
        ATOLL_BASE_DOMAIN="a b",
        TENANT_PROVISION_STEPS=["gone"],
        SESSION_COOKIE_DOMAIN="x",
        CELERY_TASK_ROUTES=[],
        CELERY_TASK_ACKS_LATE=False,
        SESSION_COOKIE_NAME="sessionid",
        ATOLL_LINK_SCHEME="http",
    ):
        found = run_checks(include_deployment_checks=True)
    told = {str(each.id)[-3:] for each in found if str(each.id).startswith("tenants.")}
    assert told >= {"002", "003", "008", "011", "012", "013", "015", "016", "017"}


class SessionStore(TenantStore):
    """An adopter's."""
