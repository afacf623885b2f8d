"""A console with one view that says nothing of who may see it."""

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from console.urls import urlpatterns as pages


def forgotten(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secrets")


urlpatterns = [
    path("", include(([*pages, path("forgotten/", forgotten, name="forgotten")], "console")))
]
