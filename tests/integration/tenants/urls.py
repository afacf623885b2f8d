"""Views that tell in whose scope they and what they hand out run."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection, transaction
from django.http import JsonResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from sharding import scope

# Made before any request: its threads know nothing of scopes.
POOL = ThreadPoolExecutor(1)
POOL.submit(threading.get_ident).result()


def names():
    """What the tenant's own table says: who asks, in whatever way."""
    return list(Group.objects.order_by("name").values_list("name", flat=True))


def in_scope():
    place = scope.tenant_or_none()
    return place.tenant_id if place else None


def whoami(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user, current_setting('is_superuser'), current_user")
        session_user, superuser, role = cursor.fetchone()
    return JsonResponse(
        {
            "tenant": request.tenant.tenant_id,
            "slug": request.tenant.slug,
            "scope": in_scope(),
            "groups": names(),
            "session_user": session_user,
            "is_superuser": superuser,
            "role": role,
            "in_transaction": connection.in_atomic_block,
        }
    )


def stream(request):
    def parts():
        for _ in range(3):
            yield f"{in_scope()}:{','.join(names())};"

    return StreamingHttpResponse(parts())


def stream_in_transaction(request):
    def parts():
        with transaction.atomic():
            for _ in range(3):
                yield ",".join(names()) + ";"

    return StreamingHttpResponse(parts())


async def whoami_async(request):
    await asyncio.sleep(0)
    found = [group.name async for group in Group.objects.order_by("name")]
    cached = await cache.aget("greeting")
    sync_cached = await sync_to_async(cache.get)("greeting")
    return JsonResponse(
        {
            "scope": in_scope(),
            "groups": found,
            "cached": cached,
            "sync_cached": sync_cached,
            # In the loop's own thread, as people write it though they should not.
            "cached_in_loop": cache.get("greeting"),
            "via_thread": await sync_to_async(names)(),
        }
    )


async def stream_async(request):
    async def parts():
        for _ in range(3):
            found = [group.name async for group in Group.objects.order_by("name")]
            await asyncio.sleep(0)
            yield f"{in_scope()}:{','.join(found)};"

    return StreamingHttpResponse(parts())


def template(request):
    return TemplateResponse(
        request,
        engines["django"].from_string("{% for g in groups %}{{ g.name }};{% endfor %}"),
        {"groups": Group.objects.order_by("name")},
    )


def thread(request):
    try:
        return JsonResponse({"found": POOL.submit(names).result()})
    except scope.NoTenantInScope as error:
        return JsonResponse({"error": error.code})


def session(request):
    seen = request.session.get("seen", [])
    request.session["seen"] = [*seen, in_scope()]
    return JsonResponse({"seen": seen})


@transaction.non_atomic_requests
def user_elsewhere(request):
    """Enters another tenant before anybody has looked at request.user."""
    with scope.enter(scope.resolve(request.GET["tenant"])):
        return JsonResponse({"user": str(request.user), "groups": names()})


def signed_cookie(request):
    response = JsonResponse({"read": request.get_signed_cookie("c", default=None)})
    response.set_signed_cookie("c", "value")
    return response


def write_and_fail(request):
    Group.objects.create(name="should be rolled back")
    raise RuntimeError("after the write")


ADDED = []
"""Names that `add_group` was asked for, once per run of the view."""
MEANWHILE = []
"""What happens between its statement and its COMMIT."""


@csrf_exempt
def add_group(request):
    name = request.POST["name"]
    ADDED.append(name)
    Group.objects.create(name=name)
    for happen in MEANWHILE:
        happen()
    return JsonResponse({"added": name})


def urls_of(*views):
    return [path(f"{view.__name__}/", login_not_required(view)) for view in views]


urlpatterns = urls_of(
    whoami,
    stream,
    stream_in_transaction,
    whoami_async,
    stream_async,
    template,
    thread,
    session,
    user_elsewhere,
    signed_cookie,
    write_and_fail,
    add_group,
)
