"""The product's pages, and one that works on the tenant's shard for as long as it is told."""

from django.contrib.auth.decorators import login_not_required
from django.db import connection
from django.http import HttpResponse
from django.urls import include, path


@login_not_required
def sleep(request, milliseconds):
    """Let the shard work."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [milliseconds / 1000])
    return HttpResponse(b"slept")


urlpatterns = [
    path("sleep/<int:milliseconds>/", sleep),
    path("", include("config.urls")),
]
