"""Views that keep a session, take a file, commit twice, and do something outside."""

import os
from functools import partial

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from sharding import scope
from tenants.replayable import replayable

RECORDER = "MOVES_RECORDER"
"""The environment names a file; each effect is a line of it."""


def _record(what: str) -> None:
    """As a mail would be sent. One line is one write, whoever else appends."""
    handle = os.open(os.environ[RECORDER], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(handle, f"{what}\n".encode())
    finally:
        os.close(handle)


def _told(**more: object) -> JsonResponse:
    return JsonResponse({"shard": scope.tenant().shard, **more})


def writes(request: HttpRequest) -> JsonResponse:
    """A row, and after its commit an effect. It may not run twice."""
    name = request.POST["name"]
    Group.objects.create(name=name)
    transaction.on_commit(partial(_record, name))
    return _told()


def keeps_a_session(request: HttpRequest) -> JsonResponse:
    """A number that grows with each request of one session; saved after the view."""
    request.session["seen"] = request.session.get("seen", 0) + 1
    return _told(seen=request.session["seen"])


@replayable
def takes_a_file(request: HttpRequest) -> JsonResponse:
    """A file's name and size, as a row; it may run twice, and commits once."""
    kept = request.FILES["file"]
    Group.objects.create(name=f"{kept.name} {len(kept.read())}")
    return _told()


@replayable
@transaction.non_atomic_requests
def commits_twice(request: HttpRequest) -> JsonResponse:
    """It may run twice, but not after its first commit."""
    for half in ("first", "second"):
        with transaction.atomic():
            Group.objects.create(name=f"{request.POST['name']} {half}")
    return _told()


def reads(request: HttpRequest) -> JsonResponse:
    return _told(groups=Group.objects.count())


urlpatterns = [
    *(
        path(f"{view.__name__}/", csrf_exempt(login_not_required(view)))
        for view in (writes, keeps_a_session, takes_a_file, commits_twice, reads)
    ),
    path("", include("config.urls")),
]
