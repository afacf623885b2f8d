"""A tenant's host with views that forgot their guard, and one that did not."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path

from accounts.permissions import May, needs
from config.urls import urlpatterns as pages


def forgotten(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secrets")


def unguarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secrets")


unguarded.atoll_needs = May.MANAGE  # says so, and looks at nobody


@needs(May.MANAGE)
def guarded(request: HttpRequest) -> HttpResponse:
    return HttpResponse("secrets")


@needs(May.MANAGE)
def astray(request: HttpRequest) -> HttpResponse:
    return redirect("accounts:sign_in")


planted = [
    path("planted/forgotten/", forgotten, name="forgotten"),
    path("planted/unguarded/", unguarded, name="unguarded"),
    path("planted/guarded/", guarded, name="guarded"),
    path("planted/astray/", astray, name="astray"),
]
urlpatterns = [path("", include((planted, "planted"))), *pages]
