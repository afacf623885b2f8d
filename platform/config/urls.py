"""A tenant's host."""

from django.urls import include, path

urlpatterns = [
    path("account/", include("accounts.urls")),
    path("", include("workspace.urls")),
]
