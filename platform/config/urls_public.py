"""The public host."""

from django.urls import include, path

urlpatterns = [path("", include("front.urls"))]
