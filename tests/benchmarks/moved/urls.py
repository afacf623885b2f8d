"""The paths that clients of a moving tenant ask for."""

from django.urls import path

from tests.benchmarks.moved import views

urlpatterns = [path("moved/read/", views.read), path("moved/write/", views.write)]
