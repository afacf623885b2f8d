"""Under ASGI all that stands around a sync view runs in its request's thread, entered once."""

import asyncio
import threading

import pytest
from asgiref.sync import SyncToAsync, markcoroutinefunction
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.deprecation import MiddlewareMixin

from sharding import scope
from tenants.directory.lookup import lookup
from tests.fixtures.asgi import ask_asgi

pytestmark = pytest.mark.usefixtures("no_connections_in_threads_that_end")

US = "tests.integration.tenants.test_one_thread"
FIRST = [
    f"{US}.Outside",
    "tenants.middleware.TenantMiddleware",
    "tenants.one_thread.OneThreadMiddleware",
]
MIDDLEWARE = [
    *FIRST,
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    f"{US}.Inside",
]
seen = []


def note(what):
    seen.append((what, threading.current_thread() is threading.main_thread()))


class Hooks(MiddlewareMixin):
    """All hooks that Django knows."""

    def process_request(self, request):
        note(f"{self.__class__.__name__} request")

    def process_response(self, request, response):
        note(f"{self.__class__.__name__} response")
        return response

    def process_view(self, request, view, args, kwargs):
        note(f"{self.__class__.__name__} view")

    def process_exception(self, request, error):
        note(f"{self.__class__.__name__} exception")

    def process_template_response(self, request, response):
        note(f"{self.__class__.__name__} template")
        return response


class Outside(Hooks):
    """Before the tenant is known."""


class Inside(Hooks):
    """Next to the view."""


def sync_view(request):
    note("the view")
    return HttpResponse(scope.current().tenant_id)


async def async_view(request):
    note("the view")
    await asyncio.sleep(0)
    return HttpResponse(scope.current().tenant_id)


def template_view(request):
    return TemplateResponse(request, engines["django"].from_string("told"))


def failing_view(request):
    raise RuntimeError("on purpose")


def not_found(request, exception):
    return HttpResponse(status=404)


def failed(request):
    return HttpResponse(status=500)


handler404, handler500 = not_found, failed
urlpatterns = [
    path("sync/", sync_view),
    path("async/", async_view),
    path("template/", template_view),
    path("fails/", failing_view),
]


@pytest.fixture
def ask(settings, ann, monkeypatch):
    """Ask one address; the answer, and how often the event loop handed something to a thread."""
    settings.ROOT_URLCONF = US
    entered = []
    call = SyncToAsync.__call__

    async def counted(self, *args, **kwargs):
        entered.append(self.func)
        return await call(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)

    def ask(address, middleware=MIDDLEWARE):
        settings.MIDDLEWARE = middleware
        application = ASGIHandler()
        # Nothing else asks a server: connections of these threads would stay open.
        lookup(ann.host)
        seen.clear()
        entered.clear()
        return asyncio.run(ask_asgi(application, address, ann.host)), len(entered)

    return ask


def test_a_sync_view_and_what_stands_around_it_run_in_one_thread(ask, ann):
    answer, entered = ask("/sync/")
    assert (answer.status_code, answer.content.decode()) == (200, ann.id)
    inside = [(what, main) for what, main in seen if "Outside re" not in what]
    assert [what for what, _ in inside] == [
        "Inside request", "Outside view", "Inside view", "the view", "Inside response",
    ]  # fmt: skip
    assert not any(main for _, main in inside), "none on the event loop"
    # Django's own around a request, Outside's two, and ours.
    assert entered == 5


def test_negative_control_without_it_each_hook_is_entered_by_itself(ask, ann):
    without = [each for each in MIDDLEWARE if "OneThread" not in each]
    answer, entered = ask("/sync/", without)
    assert (answer.status_code, answer.content.decode()) == (200, ann.id)
    assert entered >= 14


def test_an_async_view_stays_on_the_event_loop(ask, ann):
    answer, _ = ask("/async/")
    assert (answer.status_code, answer.content.decode()) == (200, ann.id)
    assert ("the view", True) in seen


def test_hooks_of_templates_and_of_exceptions_are_called_wherever_they_stand(ask):
    answer, _ = ask("/template/")
    assert answer.content == b"told"
    hooks = [what for what, _ in seen]
    assert hooks.index("Inside template") < hooks.index("Outside template")
    assert ask("/fails/")[0].status_code == 500
    hooks = [what for what, _ in seen]
    assert hooks.index("Inside exception") < hooks.index("Outside exception")


def test_an_address_that_leads_nowhere_is_not_found(ask):
    answer, entered = ask("/nowhere/")
    assert answer.status_code == 404
    assert entered == 6, "and its line in the log"


def test_middleware_that_is_async_only_is_served_too(ask, ann):
    answer, _ = ask("/sync/", [*MIDDLEWARE, f"{US}.AsyncOnly"])
    assert (answer.status_code, answer.content.decode()) == (200, ann.id)


class AsyncOnly:
    """What some third party may have."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request):
        return await self.get_response(request)
