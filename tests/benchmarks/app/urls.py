"""The paths that load generators ask for, the same for all systems."""

from django.urls import path

from tests.benchmarks.app import views

urlpatterns = [
    path("bench/one-row/", views.one_row),
    path("bench/page/", views.page),
    path("bench/warm/", views.warm),
    path("bench/visit/", views.visit),
    path("bench/heavy/", views.heavy),
]
