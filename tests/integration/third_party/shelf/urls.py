"""A tenant's host with a JSON interface and allauth's pages."""

from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token

from tests.integration.third_party.shelf import views

urlpatterns = [
    path("api/token/", obtain_auth_token),
    path("api/books/", views.Books.as_view()),
    path("accounts/", include("allauth.urls")),
    path("", include("config.urls")),
]
