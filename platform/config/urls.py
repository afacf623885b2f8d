"""A tenant's host."""

from django.urls import include, path

urlpatterns = [
    path("account/", include("accounts.urls")),
    path("api/v1/", include("workspace.api.urls")),
    path("", include("workspace.urls")),
]
