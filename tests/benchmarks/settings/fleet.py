"""What both sides of `make bench-fleet` share: the release of the application, and the big apps."""

import os

MIGRATION_MODULES = {
    "bench_fleet": f"tests.benchmarks.fleet.release_{os.environ.get('BENCH_RELEASE', '1')}"
}
BIG_APPS = [
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
    "django.contrib.messages",
    "django.contrib.sites",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
]
