"""Views of the tests of ATOMIC_REQUESTS."""

import json
from contextvars import ContextVar

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.db import connection, transaction
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.views import APIView

from sharding import scope
from sharding.backend.atomic_requests import view_is_async
from tests.integration.backend.models import Author

wanted: ContextVar[scope.Scope | None] = ContextVar("wanted", default=None)


class Middleware:
    """As the tenant middleware does it: the scope around all, the kind of the view before it."""

    sync_capable = async_capable = True

    def __init__(self, get_response):
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request):
        if iscoroutinefunction(self):
            return self.later(request)
        with scope.enter(wanted.get()):
            return self.get_response(request)

    async def later(self, request):
        with scope.enter(wanted.get()):
            return await self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        view_is_async.set(iscoroutinefunction(view))


def write(request):
    Author.objects.create(name="written")
    if "fail" in request.GET:
        raise ZeroDivisionError
    return JsonResponse({"in_block": connection.in_atomic_block, "alias": connection.alias})


@transaction.non_atomic_requests
def unwrapped(request):
    return write(request)


async def later(request):
    await Author.objects.acreate(name="written")
    if "fail" in request.GET:
        raise ZeroDivisionError
    return JsonResponse({"in_block": await sync_to_async(lambda: connection.in_atomic_block)()})


def nothing(request):
    return HttpResponse(json.dumps({"in_block": False}))


class Rest(APIView):
    authentication_classes = ()
    permission_classes = ()

    def post(self, request):
        Author.objects.create(name="written")
        from rest_framework.exceptions import ValidationError

        raise ValidationError("no")


urlpatterns = [
    path("write", write),
    path("unwrapped", unwrapped),
    path("later", later),
    path("nothing", nothing),
    path("rest", csrf_exempt(Rest.as_view())),
]
