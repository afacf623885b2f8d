"""The two paths, in front of the product's own."""

from django.urls import include, path

from tests.benchmarks.app.urls import urlpatterns as bench_patterns

urlpatterns = [*bench_patterns, path("", include("config.urls"))]
