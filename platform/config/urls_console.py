"""The operators' host."""

from django.urls import include, path

urlpatterns = [path("", include("console.urls"))]
