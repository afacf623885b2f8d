"""Views that read, write, swallow errors, commit twice, and tell what they did."""

import asyncio
from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from sharding import scope
from tenants.replayable import replayable

RUNS: list[str] = []
"""Where each run of a view was: what it does outside of the database."""
between: Callable[[], None] | None = None
"""Called between the two transactions of `commits_twice`."""


def forget():
    global between
    RUNS.clear()
    between = None


def note_run():
    RUNS.append(scope.tenant().shard)


def told(**more):
    return JsonResponse({"shard": scope.tenant().shard, **more})


def reads(request):
    note_run()
    return told(groups=list(Group.objects.values_list("name", flat=True)))


def writes(request):
    note_run()
    Group.objects.create(name=request.POST.get("name") or request.GET.get("name") or "somebody")
    return told()


def keeps_a_session(request):
    note_run()
    request.session["seen"] = "something"
    return told()


def swallows(request):
    note_run()
    try:
        Group.objects.create(name="somebody")
    except DatabaseError:
        return told(saved=False)
    return told(saved=True)


@replayable
def writes_replayable(request):
    return writes(request)


@replayable
def takes_a_file(request):
    note_run()
    Group.objects.create(name=f"{len(request.FILES['file'].read())} bytes")
    return told()


@transaction.non_atomic_requests
def commits_twice(request):
    note_run()
    with transaction.atomic():
        Group.objects.create(name="first")
    if between is not None:
        between()
    with transaction.atomic():
        Group.objects.create(name="second")
    return told()


@transaction.non_atomic_requests
def reads_in_a_transaction_and_writes_in_another(request):
    note_run()
    with transaction.atomic():
        Group.objects.count()
    if between is not None:
        between()
    Group.objects.create(name="only")
    return told()


def streams(request):
    """Two parts, each of what the database has then."""

    def parts():
        for part in ("first", "second"):
            yield f"{part}: {Group.objects.count()} on {scope.tenant().shard}. "
            if part == "first" and between is not None:
                between()

    note_run()
    return StreamingHttpResponse(parts())


async def streams_async(request):
    """The same in an async body, which swallows what the database says, and ends."""

    async def parts():
        for part in ("first", "second"):
            try:
                found = await Group.objects.acount()
            except DatabaseError:
                return
            yield f"{part}: {found} on {scope.tenant().shard}. "
            if part == "first" and between is not None:
                await sync_to_async(between)()

    note_run()
    return StreamingHttpResponse(parts())


def asks_for_what_is_not_there(request):
    note_run()
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM there_is_no_such_table")
    return told()


async def writes_async(request):
    note_run()
    await Group.objects.acreate(name="somebody")
    return told()


async def reads_async(request):
    note_run()
    await asyncio.sleep(0)
    return told(groups=await sync_to_async(Group.objects.count)())


VIEWS = {
    "reads": reads,
    "writes": writes,
    "writes_replayable": writes_replayable,
    "takes_a_file": takes_a_file,
    "keeps_a_session": keeps_a_session,
    "swallows": swallows,
    "commits_twice": replayable(commits_twice),
    "reads_then_writes": replayable(reads_in_a_transaction_and_writes_in_another),
    "not_there": asks_for_what_is_not_there,
    "streams": streams,
    "streams_async": streams_async,
    "writes_async": writes_async,
    "reads_async": reads_async,
}
urlpatterns = [
    path(f"{name}/", csrf_exempt(login_not_required(view))) for name, view in VIEWS.items()
]
