"""What both sides of `make bench-fleet` share: the release of the application, and the big apps."""

import os

MIGRATION_MODULES = {
    "bench_fleet": os.environ.get("BENCH_MIGRATIONS")
    or f"tests.benchmarks.fleet.release_{os.environ.get('BENCH_RELEASE', '1')}"
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
# Whose the tables of apps are that say nothing of it themselves.
BIG_HOMES = dict.fromkeys(
    (
        "wagtailforms",
        "wagtailredirects",
        "wagtailembeds",
        "wagtailsites",
        "wagtailusers",
        "wagtailsnippets",
        "wagtaildocs",
        "wagtailimages",
        "wagtailsearch",
        "wagtailadmin",
        "wagtailcore",
        "taggit",
        "sites",
        "account",
        "socialaccount",
    ),
    "tenant",
)
BIG_MIDDLEWARE = [
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
WAGTAIL_SITE_NAME = "Bench"
WAGTAILADMIN_BASE_URL = "http://bench.localhost"
