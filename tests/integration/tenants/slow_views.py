"""Views that tell who has slots, fail, stream and wait."""

import asyncio
import io
import threading

from django.contrib.auth.decorators import login_not_required
from django.http import FileResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path

from sharding.pools.process_slots import slots

door = threading.Event()
waiting = 0


def slots_now(request):
    entry = request.tenant
    tenant = slots().of_tenant(entry.tenant_id) if entry is not None else 0
    return JsonResponse({"shards": slots().in_use(), "tenant": tenant})


def who(request):
    return JsonResponse({"user": str(request.user)})


def raises(request):
    raise RuntimeError("a view")


def exits(request):
    raise SystemExit("a view")


def stream(request):
    return StreamingHttpResponse(iter(["part;"] * 3))


def stream_raises(request):
    def parts():
        yield "part;"
        raise RuntimeError("in the middle")

    return StreamingHttpResponse(parts())


def file(request):
    return FileResponse(io.BytesIO(b"some bytes"), filename="some.txt")


def waits(request):
    global waiting
    waiting += 1
    try:
        door.wait(20)
    finally:
        waiting -= 1
    return JsonResponse({})


async def waits_async(request):
    await asyncio.sleep(20)
    return JsonResponse({})


async def stream_waits_async(request):
    async def parts():
        yield "part;"
        await asyncio.sleep(20)

    return StreamingHttpResponse(parts())


VIEWS = {
    "slots": slots_now,
    "who": who,
    "raises": raises,
    "exits": exits,
    "stream": stream,
    "stream_raises": stream_raises,
    "file": file,
    "waits": waits,
    "waits_async": waits_async,
    "stream_waits_async": stream_waits_async,
}
urlpatterns = [
    *(path(f"{name}/", login_not_required(view)) for name, view in VIEWS.items()),
    path("", include("config.urls")),
]
